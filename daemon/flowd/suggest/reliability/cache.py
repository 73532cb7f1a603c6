"""Answers that can be used again: to the same task, about the same folder as it still is."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from flowd.suggest.providers.base import Draft, Question

MOST_ANSWERS = 500

Key = tuple[str, str]
"""A provider's name and the question's digest. Its settings are those of the whole cache's life."""


class AnswerCache:
    """Keeps answers for `seconds` of the caller's clock; 0 keeps none. The oldest go first."""

    def __init__(self, seconds: float):
        self._seconds = seconds
        self._kept: OrderedDict[Key, tuple[float, list[Draft]]] = OrderedDict()

    def get(self, key: Key, now: float) -> list[Draft] | None:
        """Give an answer that is not too old."""
        found = self._kept.get(key)
        if found is None or now - found[0] >= self._seconds:
            return None
        return list(found[1])

    def put(self, key: Key, drafts: Sequence[Draft], now: float) -> None:
        """Keep an answer in place of an older one."""
        if not self._seconds:
            return
        self._kept.pop(key, None)
        self._kept[key] = (now, list(drafts))
        while len(self._kept) > MOST_ANSWERS:
            self._kept.popitem(last=False)


def digest_of(question: Question) -> str:
    """Tell questions apart by all that an answer can depend on; case and spacing of a task do not.

    What was found for it follows from the task and the folder, but for what is imported meanwhile:
    that counts once the answer is old.
    """
    task = " ".join(question.task.casefold().split())
    said = (task, question.selection, question.language, question.diagnostics, question.limit)
    context = replace(question.context, versions={})  # they become known little by little
    known = (context, question.failure, question.habits)
    text = msgspec.json.encode((said, known), order="deterministic")
    return hashlib.sha256(text).hexdigest()
