"""A suggestion provider that answers what it was told to, on trio's clock.

provider = ScriptedProvider("slow", [draft("List", "ls")], seconds=60)
"""

from collections.abc import Sequence
from typing import Any

import trio

from flowd.suggest.providers.base import Draft, Question


def draft(title: str, *scripts: str, confidence: float = 0.8, **more: Any) -> Draft:
    """A draft of steps `s1`, `s2`, … from their scripts; `more` are keys of the workflow."""
    steps = [{"id": f"s{number}", "run": script} for number, script in enumerate(scripts, 1)]
    workflow = {"flow": 1, "name": title.lower().replace(" ", "-"), "steps": steps, **more}
    return Draft(title=title, workflow=workflow, confidence=confidence)


class ScriptedProvider:
    """Waits `seconds`, then gives the drafts or raises the error. `asked` is what it was asked."""

    def __init__(
        self,
        name: str,
        drafts: Sequence[Draft] = (),
        *,
        seconds: float = 0.0,
        error: Exception | None = None,
    ):
        self.name = name
        self.asked: list[Question] = []
        self._drafts = list(drafts)
        self._seconds = seconds
        self._error = error

    async def propose(self, question: Question) -> list[Draft]:
        self.asked.append(question)
        await trio.sleep(self._seconds)
        if self._error is not None:
            raise self._error
        return self._drafts
