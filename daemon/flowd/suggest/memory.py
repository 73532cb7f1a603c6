"""Suggestions made in this daemon's life, so that one can be run by its id."""

import secrets
from collections import OrderedDict
from collections.abc import Container

from flowd.domain.suggestions import Suggestion

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # as in run ids: nothing that looks like another
_LENGTH = 4


class Memory:
    """The most recent suggestions by id; the oldest are forgotten."""

    def __init__(self, capacity: int = 1000):
        self._capacity = capacity
        self._kept: OrderedDict[str, Suggestion] = OrderedDict()

    def new_id(self, taken: Container[str] = ()) -> str:
        """Make up an id that is not in use: `s` and four characters, quick to type."""
        while True:
            name = "s" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
            if name not in self._kept and name not in taken:
                return name

    def keep(self, suggestion: Suggestion) -> None:
        """Remember a suggestion, forgetting the oldest when there are too many."""
        self._kept[suggestion.id] = suggestion
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    def get(self, name: str) -> Suggestion | None:
        """Give it back, if it is still known."""
        return self._kept.get(name)
