"""Which phrases mean what a task means.

A task and a phrase are sets of meanings, each weighing more the rarer it is. Their likeness is how
much of the phrase the task says, times how much of the task the phrase says; related words count
in part, opposite actions count against it.
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct

from flowd.suggest.text import concepts
from flowd.suggest.words import ACTIONS, OPPOSITES, RELATED

_PHRASE_SHARE = 0.35
_TASK_SHARE = 1.0
_BAG_CREDIT = 0.9
_OPPOSED = 0.35
_SAME_HEAD = 1.05
_OTHER_HEAD = 0.9
_UNKNOWN_WEIGHT = 0.45  # of the heaviest known word: names tell little
_NEGATION = "skip"  # what "without", "not" and "except" mean
_NEGATED = 0.9
_CLOSE = 0.84


class Entry(Struct, frozen=True):
    """Something that can be found. `extra` are words that help without being a way of asking."""

    key: str
    phrases: Sequence[str]
    extra: str = ""


class Match(Struct, frozen=True):
    """An entry, how alike (0 to 1), and the phrase that did it."""

    key: str
    score: float
    phrase: str


class _Matched:
    """What a phrase and a task have in common: weights by meaning of the one and of the other."""

    __slots__ = ("phrase", "task")

    def __init__(self) -> None:
        self.phrase: dict[str, float] = {}
        self.task: dict[str, float] = {}

    def add(self, asked: str, said: float, offered: str, gain: float) -> None:
        """Record that a meaning of the task stands for one of the phrase; the best counts."""
        if gain > self.phrase.get(offered, 0.0):
            self.phrase[offered] = gain
        if said > self.task.get(asked, 0.0):
            self.task[asked] = said


class Index:
    """Entries, ready for asking. Build once; asking changes nothing."""

    def __init__(self, entries: Iterable[Entry], weights: "Index | None" = None):
        """Make the index. `weights` is one that knows better how much each meaning tells."""
        self._keys: list[str] = []
        self._phrases: list[tuple[int, str, frozenset[str]]] = []  # entry, text, meanings
        self._heads: list[str] = []  # per phrase its first meaning, which is mostly the verb
        self._bags: list[frozenset[str]] = []
        self._postings: dict[str, list[int]] = defaultdict(list)
        self._in_bags: dict[str, list[int]] = defaultdict(list)
        for entry in entries:
            self._add(entry)
        self._weights = self._weigh(weights)
        self._phrase_weights = [
            sum(self._weights[meaning] for meaning in meanings) for _, _, meanings in self._phrases
        ]
        self.heaviest: float = max(self._weights.values(), default=1.0)
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for meaning in self._weights:
            self._by_letter[meaning[0]].append(meaning)

    def __contains__(self, word: object) -> bool:
        """Whether a word has a meaning here."""
        return isinstance(word, str) and any(m in self._weights for m in concepts(word))

    def weighed(self, task: str) -> list[tuple[str, float]]:
        """Give the meanings of a task, each with how much it tells."""
        return self._known(concepts(task))

    def share(self, task: str, understood: frozenset[str]) -> float:
        """Say how much of a task's meaning (0 to 1) is among the meanings that are understood."""
        asked = self._known(concepts(task))
        total = sum(weight for _, weight in asked)
        said = sum(weight for meaning, weight in asked if meaning in understood)
        return said / total if total else 1.0

    def _add(self, entry: Entry) -> None:
        number = len(self._keys)
        self._keys.append(entry.key)
        bag = set(concepts(entry.extra))
        seen: set[frozenset[str]] = set()
        for phrase in entry.phrases:
            ordered = concepts(phrase)
            meanings = frozenset(ordered)
            bag |= meanings
            if meanings and meanings not in seen:
                seen.add(meanings)
                for meaning in meanings:
                    self._postings[meaning].append(len(self._phrases))
                self._phrases.append((number, phrase, meanings))
                self._heads.append(ordered[0])
        self._bags.append(frozenset(bag))
        for meaning in bag:
            self._in_bags[meaning].append(number)

    def _weigh(self, other: "Index | None") -> dict[str, float]:
        if other is not None:
            return {
                meaning: other._weights.get(meaning, other.heaviest) for meaning in self._in_bags
            }
        count = len(self._keys) + 1
        return {
            meaning: math.log(1 + count / (1 + len(entries)))
            for meaning, entries in self._in_bags.items()
        }

    def find(self, task: str, limit: int = 20) -> list[Match]:
        """Give the entries most like the task, best first, each with its best phrase."""
        asked = self._known(concepts(task))
        if not asked:
            return []
        total = sum(weight for _, weight in asked)
        best: dict[int, tuple[float, int]] = {}
        least = 0.0  # of the entry at the limit: no phrase that cannot reach it is looked at
        for hope, number, matched in self._hopes(asked, total):
            if hope < least:
                break
            entry, _, meanings = self._phrases[number]
            score = self._of_phrase(number, matched) ** _PHRASE_SHARE
            score *= (self._of_task(entry, asked, matched) / total) ** _TASK_SHARE
            score *= _head_factor(asked[0][0], self._heads[number])
            if (_NEGATION in meanings) != any(meaning == _NEGATION for meaning, _ in asked):
                score *= _NEGATED
            if _opposed(asked, meanings):
                score *= _OPPOSED
            if score > best.get(entry, (0.0, 0))[0]:
                best[entry] = (score, number)
                if len(best) >= limit and score > least:
                    least = heapq.nlargest(limit, (found for found, _ in best.values()))[-1]
        ordered = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:limit]
        return [
            Match(self._keys[entry], min(1.0, score), self._phrases[number][1])
            for entry, (score, number) in ordered
        ]

    def _known(self, meanings: Sequence[str]) -> list[tuple[str, float]]:
        """Weigh the meanings of a task; a word nobody knows may be a misspelt one."""
        weighed: dict[str, float] = {}
        for meaning in meanings:
            weight = self._weights.get(meaning)
            if weight is None and len(meaning) >= 5 and meaning.isalpha():
                close = get_close_matches(meaning, self._by_letter[meaning[0]], 1, _CLOSE)
                if close:
                    weighed[close[0]] = self._weights[close[0]]
                    continue
            if weight is None and meaning.isdigit():
                continue
            weighed[meaning] = weight if weight is not None else self.heaviest * _UNKNOWN_WEIGHT
        return list(weighed.items())

    def _hopes(
        self, asked: Sequence[tuple[str, float]], total: float
    ) -> list[tuple[float, int, _Matched]]:
        """Give the phrases that share a meaning with the task, with the most they can score."""
        in_bag: dict[int, float] = defaultdict(float)
        matched: dict[int, _Matched] = defaultdict(_Matched)
        for meaning, weight in asked:
            for entry in self._in_bags.get(meaning, ()):
                in_bag[entry] += _BAG_CREDIT * weight
            for other, share in ((meaning, 1.0), *RELATED.get(meaning, {}).items()):
                gain = share * self._weights.get(other, 0.0)
                for number in self._postings.get(other, ()):
                    matched[number].add(meaning, share * weight, other, gain)
        hopes = []
        for number, match in matched.items():
            said = min(total, sum(match.task.values()) + in_bag[self._phrases[number][0]])
            hope = self._of_phrase(number, match) ** _PHRASE_SHARE * (said / total) ** _TASK_SHARE
            hopes.append((hope * _SAME_HEAD, number, match))
        hopes.sort(key=lambda item: -item[0])
        return hopes

    def _of_phrase(self, number: int, matched: _Matched) -> float:
        """The share of the phrase that is asked for."""
        return sum(matched.phrase.values()) / self._phrase_weights[number]

    def _of_task(self, entry: int, asked: Sequence[tuple[str, float]], matched: _Matched) -> float:
        """The weight of the task that the phrase says, its entry's other words counting in part."""
        bag = self._bags[entry]
        return sum(
            max(matched.task.get(meaning, 0.0), _BAG_CREDIT * weight if meaning in bag else 0.0)
            for meaning, weight in asked
        )


def _head_factor(asked: str, offered: str) -> float:
    if asked == offered:
        return _SAME_HEAD
    return 1.0 if offered in RELATED.get(asked, {}) else _OTHER_HEAD


def _opposed(asked: Sequence[tuple[str, float]], offered: frozenset[str]) -> bool:
    """Tell whether what is offered does the opposite of what is asked."""
    doing = offered & ACTIONS
    wanted = {meaning for meaning, _ in asked} & ACTIONS
    return any((one, other) in OPPOSITES for one in wanted - doing for other in doing - wanted)
