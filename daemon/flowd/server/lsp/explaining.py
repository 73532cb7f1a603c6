"""The command under the cursor, explained."""

import os
import re

import trio

from flowd.domain.workflow import shell_of
from flowd.explain.explaining import explain
from flowd.explain.reading import CommandText, Part, Reading
from flowd.server.handlers.explain import project_of
from flowd.server.lsp.analysis import Analysis, place_of, scripts_of
from flowd.server.lsp.documents import Document
from flowd.server.lsp.editor import Editor
from flowd.server.lsp.parts import Path

_UNKNOWN = "no manual here says what this is"
MOST_SECONDS = 2.0  # nobody holds the pointer still for longer


async def explain_at(
    editor: Editor, document: Document, analysis: Analysis, path: Path, offset: int
) -> list[str]:
    """Give paragraphs of markdown about the command that is at the offset, if one is."""
    draft, reading = analysis.reading.draft, analysis.reading
    if draft is None or len(path) < 3 or not isinstance(path[1], int):
        return []
    step = draft.steps[path[1]]
    script = dict(scripts_of(step)).get(tuple(str(key) for key in path[2:]), "")
    if not script:
        return []
    explained = await explain(
        script,
        shell_of(draft, step),
        path=os.environ.get("PATH", os.defpath),
        aside=await trio.to_thread.run_sync(project_of, editor.folder_of(document.uri)),
        imported=editor.services.knowledge.about if editor.services.knowledge else None,
        seconds=MOST_SECONDS,
    )
    around = [
        (command.depth, number)
        for number, command in enumerate(explained.commands)
        if _holds(place_of(reading, analysis.text, path, command.span), offset)
    ]
    return _markdown(explained, explained.commands[max(around)[1]]) if around else []


def _holds(span: tuple[int, int], offset: int) -> bool:
    return span[0] <= offset <= span[1]


def _markdown(explained: Reading, command: CommandText) -> list[str]:
    parts = [part for part in explained.parts if _belongs(part, command)]
    source = f" ({command.source})" if command.source else ""
    return [
        f"{command.sentence or command.program}{source}",
        "\n".join(f"- {_code(part.text)} {part.meaning or _UNKNOWN}" for part in parts),
    ]


def _belongs(part: Part, command: CommandText) -> bool:
    start, end = command.span
    return part.depth == command.depth and start <= part.span[0] and part.span[1] <= end


def _code(text: str) -> str:
    """Text as code, on one line, whatever backticks are in it."""
    fence = "`" * (1 + max((len(ticks) for ticks in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{fence}{space}{' '.join(text.split())}{space}{fence}"
