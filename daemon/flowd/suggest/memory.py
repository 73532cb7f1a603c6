"""Suggestions made in this daemon's life, so that one can be run by its id, and what it was for."""

import secrets
from collections import OrderedDict
from collections.abc import Container

from msgspec import Struct, field

from flowd.domain.suggestions import Suggestion
from flowd.suggest.shape import shape_of

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as in run ids: nothing that looks like another
_LENGTH = 4


class Shown(Struct, frozen=True):
    """A suggestion as it was shown: for which task, and the shapes of those above it."""

    task: str
    cwd: str
    title: str
    shape: str
    scripts: list[str]
    above: list[str] = field(default_factory=list)


class Memory:
    """The most recent suggestions by id; the oldest are forgotten."""

    def __init__(self, capacity: int = 1000):
        self._capacity = capacity
        self._kept: OrderedDict[str, tuple[Suggestion, Shown | None]] = OrderedDict()

    def new_id(self, taken: Container[str] = ()) -> str:
        """Make up an id that is not in use: `s` and four characters, quick to type."""
        while True:
            name = "s" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
            if name not in self._kept and name not in taken:
                return name

    def keep(self, suggestion: Suggestion, shown: Shown | None = None) -> None:
        """Remember a suggestion, forgetting the oldest when there are too many."""
        self._kept[suggestion.id] = (suggestion, shown)
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def get(self, name: str) -> Suggestion | None:
        """Give it back, if it is still known."""
        kept = self._kept.get(name)
        return kept[0] if kept is not None else None

    def shown(self, name: str) -> Shown | None:
        """Say how it was shown, if it was and is still known."""
        kept = self._kept.get(name)
        return kept[1] if kept is not None else None


def shown_among(suggestion: Suggestion, above: list[Suggestion], task: str, cwd: str) -> Shown:
    """Note how a suggestion is shown, below others, for a task in a folder."""
    return Shown(
        task=task,
        cwd=cwd,
        title=suggestion.title,
        shape=shape_of(suggestion.workflow),
        scripts=[step.run for step in suggestion.workflow.steps],
        above=[shape_of(other.workflow) for other in above],
    )
