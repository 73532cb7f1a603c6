"""Which phrases mean what a task means.

A task and a phrase are sets of meanings, each weighing more the rarer it is. Their likeness is how
much of the phrase the task says, times how much of the task the phrase says; related words count
in part, opposite actions count against it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from msgspec import Struct

from flowd.suggest.text import concepts
from flowd.suggest.words import ACTIONS, OPPOSITES, RELATED

_PHRASE_SHARE = 0.5
_TASK_SHARE = 0.7
_BAG_CREDIT = 0.75
_OPPOSED = 0.35
_SAME_HEAD = 1.05
_OTHER_HEAD = 0.9
_UNKNOWN_WEIGHT = 0.45  # of the heaviest known word: names tell little
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


class Index:
    """Entries, ready for asking. Build once; asking changes nothing."""

    def __init__(self, entries: Iterable[Entry]):
        self._keys: list[str] = []
        self._phrases: list[tuple[int, str, frozenset[str]]] = []  # entry, text, meanings
        self._heads: list[str] = []  # per phrase its first meaning, which is mostly the verb
        self._bags: list[frozenset[str]] = []
        self._postings: dict[str, list[int]] = defaultdict(list)
        self._in_bags: dict[str, list[int]] = defaultdict(list)
        for entry in entries:
            self._add(entry)
        self._weights = self._weigh()
        self._phrase_weights = [
            sum(self._weights[meaning] for meaning in meanings) for _, _, meanings in self._phrases
        ]
        self._heaviest = max(self._weights.values(), default=1.0)
        self._by_letter: dict[str, list[str]] = defaultdict(list)
        for meaning in self._weights:
            self._by_letter[meaning[0]].append(meaning)

    def __contains__(self, word: object) -> bool:
        """Whether a word has a meaning here."""
        return isinstance(word, str) and any(m in self._weights for m in concepts(word))

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

    def _weigh(self) -> dict[str, float]:
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
        credit = self._credits(asked)
        total = sum(weight for _, weight in asked)
        actions = {meaning for meaning, _ in asked} & ACTIONS
        best: dict[int, tuple[float, int]] = {}
        for number, (of_phrase, matched) in credit.items():
            entry, _, meanings = self._phrases[number]
            said = sum(matched.values()) + self._from_bag(entry, asked, matched)
            score = (of_phrase / self._phrase_weights[number]) ** _PHRASE_SHARE
            score *= min(1.0, said / total) ** _TASK_SHARE
            score *= _head_factor(asked[0][0], self._heads[number])
            if actions and _opposed(actions, meanings & ACTIONS):
                score *= _OPPOSED
            if score > best.get(entry, (0.0, 0))[0]:
                best[entry] = (score, number)
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
            weighed[meaning] = weight if weight is not None else self._heaviest * _UNKNOWN_WEIGHT
        return list(weighed.items())

    def _credits(
        self, asked: Sequence[tuple[str, float]]
    ) -> dict[int, tuple[float, dict[str, float]]]:
        """Per phrase: the weight of it that is asked for, and what it says of each meaning."""
        of_phrase: dict[int, dict[str, float]] = defaultdict(dict)
        of_task: dict[int, dict[str, float]] = defaultdict(dict)
        for meaning, weight in asked:
            for other, share in ((meaning, 1.0), *RELATED.get(meaning, {}).items()):
                gain = share * self._weights.get(other, 0.0)
                for number in self._postings.get(other, ()):
                    phrase = of_phrase[number]
                    if gain > phrase.get(other, 0.0):
                        phrase[other] = gain
                    task = of_task[number]
                    if share * weight > task.get(meaning, 0.0):
                        task[meaning] = share * weight
        return {
            number: (sum(gains.values()), of_task[number]) for number, gains in of_phrase.items()
        }

    def _from_bag(
        self, entry: int, asked: Sequence[tuple[str, float]], matched: dict[str, float]
    ) -> float:
        """Give what other phrases and the command itself say of the meanings not matched yet."""
        bag = self._bags[entry]
        return sum(
            _BAG_CREDIT * weight - matched.get(meaning, 0.0)
            for meaning, weight in asked
            if meaning in bag and matched.get(meaning, 0.0) < _BAG_CREDIT * weight
        )


def _head_factor(asked: str, offered: str) -> float:
    if asked == offered:
        return _SAME_HEAD
    return 1.0 if offered in RELATED.get(asked, {}) else _OTHER_HEAD


def _opposed(asked: Iterable[str], offered: frozenset[str]) -> bool:
    """Tell whether what is offered does the opposite of what is asked."""
    wanted = set(asked)
    return any((one, other) in OPPOSITES for one in wanted - offered for other in offered - wanted)
