"""What the user wrote elsewhere, as answers: templates and, when the settings say so, history."""

from collections.abc import Callable
from pathlib import Path

import trio

from flowd.config import SuggestConfig
from flowd.suggest.providers.base import Draft
from flowd.suggest.retrieve import Knowledge
from flowd.suggest.shell_history import ShellHistory
from flowd.suggest.slots import extract
from flowd.suggest.templates import Templates, template_answers

PATIENCE_SECONDS = 0.5  # a folder on a slow network must not hold up the rest


class OwnAnswers:
    """Looks for answers among the user's files. `history` None reads none."""

    def __init__(
        self,
        templates: Templates,
        history: ShellHistory | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ):
        self._templates = templates
        self._history = history
        self._patience_seconds = patience_seconds
        self._looking = trio.Lock()

    async def find(self, task: str, cwd: str, knowledge: Knowledge, limit: int) -> list[Draft]:
        """Give what fits the task; what is not read within a moment is left out."""
        found: list[Draft] = []
        with trio.move_on_after(self._patience_seconds):
            async with self._looking:
                found = await trio.to_thread.run_sync(
                    self._find, task, cwd, knowledge, limit, abandon_on_cancel=True
                )
        return found

    def _find(self, task: str, cwd: str, knowledge: Knowledge, limit: int) -> list[Draft]:
        asked = extract(task, knowledge.index).asked
        templates = self._templates.find(cwd)
        found = list(template_answers(asked, templates, knowledge.index, limit))
        if self._history is not None:
            found += self._history.answers(asked, knowledge, limit)
        return found


def own_answers(
    templates: Path,
    trusts: Callable[[Path], bool],
    config: SuggestConfig,
    mask: Callable[[str], str],
    patience_seconds: float = PATIENCE_SECONDS,
) -> OwnAnswers:
    """Make it as the settings say; `templates` is the user's own folder of them."""
    history = ShellHistory(Path.home(), mask) if config.shell_history else None
    return OwnAnswers(Templates(templates, trusts), history, patience_seconds)
