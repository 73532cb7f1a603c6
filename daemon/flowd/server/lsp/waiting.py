"""What an editor is told when it connects: runs of its folders that wait for a person.

After a crash or a reboot nobody follows them any more. It is a message and no question: whoever
opens an editor may be typing, and that must not become an answer.
"""

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types

from flowd.domain.ports import RunSummary
from flowd.server.lsp.editor import Editor

_MOST = 200
_MOST_NAMES = 3


async def tell_what_waits(editor: Editor) -> None:
    """Say it in one message; nothing when no run waits."""
    waiting = await editor.services.log.summaries(states=["waiting"], limit=_MOST)
    ours = [run for run in waiting if _is_in(run.cwd, editor.folders.values())]
    if ours:
        await editor.show(types.MessageType.Warning, _message(ours))


def _is_in(cwd: str, folders: Iterable[str]) -> bool:
    return any(Path(cwd).is_relative_to(folder) for folder in folders)


def _message(runs: list[RunSummary]) -> str:
    if len(runs) == 1:
        [run] = runs
        return f"Flow: {run.name} waits: {run.question} (flowctl attach {run.id})"
    names = [run.name for run in runs[:_MOST_NAMES]]
    more = f" and {len(runs) - len(names)} more" if len(runs) > len(names) else ""
    told = f"{', '.join(names)}{more}"
    return f"Flow: {len(runs)} runs here wait for you: {told} (flowctl ps lists them)"
