"""Habits: what a user changes about suggested commands, again and again.

A change is read off an edit by comparing words: a program was replaced, an option added or left
out. Seen twice it is a habit; it stands as long as it is not contradicted half as often.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct, field

from flowd.domain.learning import Chosen, Fact, Forgotten
from flowd.suggest.learning.commands import (
    SUBCOMMANDS,
    Words,
    begins_with,
    commands_in,
    heads_in,
    texts,
)

SEEN_LEAST = 2
_LONGEST_HEAD = 4
_MOST_EXAMPLES = 5
_KEPT_SHARE = 0.5  # of a command's words, for a replacement to be no rewriting of the whole
_REWRITING = 0.5  # what such a rewriting counts
_EXCEPTION = 0.5  # what an option counts that was left out of one subcommand
_OPPOSITE = {"always": "without", "without": "always"}
_NESTED_WORDS = "compose pip stash remote image container volume network pr issue repo"
_NESTED = frozenset(_NESTED_WORDS.split(" "))


class Change(Struct, frozen=True):
    """What an edit did to a command.

    `instead`: commands that began with `old` begin with `new`. `always`, `without`: commands that
    begin with `old` got, or lost, the words `new`; `about` is the subcommand that follows, if any.
    `weight` is 1, or less for an edit that left little as it was.
    """

    kind: str
    old: Words
    new: Words
    about: str = ""
    weight: float = 1.0

    @property
    def key(self) -> str:
        """Name the habit that it speaks for: options in replaced beginnings make no other habit."""
        if self.kind == "instead":
            return f"instead {_named(self.old)} > {_named(self.new)}"
        return f"{self.kind} {' '.join(self.old)} > {' '.join(self.new)}"

    @property
    def opposite(self) -> str:
        """Name the habit that it speaks against."""
        if self.kind == "instead":
            return Change("instead", self.new, self.old).key
        return Change(_OPPOSITE[self.kind], self.old, self.new).key


class Habit(Struct):
    """A change that was seen, with what speaks for and against it.

    `counts` says how often each way of it was seen. `about` are the subcommands it was seen with,
    `exceptions` those that it was taken back for.
    """

    key: str
    change: Change
    counts: dict[tuple[Words, Words], int] = field(default_factory=dict)
    about: set[str] = field(default_factory=set)
    exceptions: set[str] = field(default_factory=set)
    seen: int = 0
    strength: float = 0.0
    against: float = 0.0
    last_at: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """A short name for `flowctl learned forget`."""
        return short_id(self.key)

    @property
    def stands(self) -> bool:
        """Whether it is more than a chance, and not out of use."""
        return self.strength >= SEEN_LEAST and 2 * self.against <= self.strength

    @property
    def text(self) -> str:
        """Say it, for people and models."""
        old, new = " ".join(self.change.old), " ".join(self.change.new)
        if self.change.kind == "instead":
            return f"{_named(self.change.new)} instead of {_named(self.change.old)}"
        return f"{'always' if self.change.kind == 'always' else 'never'} {new} with {old}"

    @property
    def rewrites(self) -> list[Change]:
        """The changes that were seen often enough to be made for the user; longest first."""
        often = [ways for ways, count in self.counts.items() if count >= SEEN_LEAST]
        changes = [Change(self.change.kind, old, new) for old, new in often]
        return sorted(changes, key=lambda change: -len(change.old))


def short_id(key: str) -> str:
    """Make a short id of a key: `h` or whatever, stable as long as the key is."""
    return hashlib.sha256(key.encode()).hexdigest()[:6]


def habits_of(facts: Iterable[Fact]) -> list[Habit]:
    """Fold the facts, oldest first, into habits; also those that do not stand."""
    habits: dict[str, Habit] = {}
    for fact in facts:
        if isinstance(fact, Forgotten):
            habits.pop(fact.habit, None)
        elif isinstance(fact, Chosen):
            ran = scripts_of(fact.workflow)
            changes = changes_between(tuple(fact.offered), tuple(ran))
            _contradict(habits, ran)
            for change in changes:
                other = habits.get(change.opposite)
                if other is not None and other.stands:  # what we wrote so ourselves is taken back
                    _take_back(other, change)
                else:
                    _support(habits, change, fact, ran)
    return list(habits.values())


def _support(habits: dict[str, Habit], change: Change, fact: Chosen, ran: Sequence[str]) -> None:
    habit = habits.setdefault(change.key, Habit(change.key, change))
    habit.seen += 1
    habit.strength += change.weight
    ways = (change.old, change.new)
    habit.counts[ways] = habit.counts.get(ways, 0) + 1
    habit.about.add(change.about)
    habit.exceptions.discard(change.about)
    habit.last_at = fact.at
    habit.examples = [*habit.examples, "; ".join(ran)][-_MOST_EXAMPLES:]


def _take_back(habit: Habit, change: Change) -> None:
    """Count an opposite edit; one about another subcommand is an exception at first."""
    if change.about:
        habit.exceptions.add(change.about)
    habit.against += _EXCEPTION if change.about else 1.0


def _contradict(habits: dict[str, Habit], ran: list[str]) -> None:
    """Count that an old command was run although a habit stands."""
    words = list(heads_in(ran))
    for habit in habits.values():
        if habit.stands and habit.change.kind == "instead":
            olds = [change.old for change in habit.rewrites]
            habit.against += any(begins_with(command, old) for old in olds for command in words)


def scripts_of(workflow: dict[str, object]) -> list[str]:
    """Give the `run` scripts of a workflow in its JSON shape."""
    steps = workflow.get("steps")
    return [str(step.get("run", "")) for step in steps] if isinstance(steps, list) else []


@lru_cache(maxsize=4096)  # the fold asks for the same edits again and again
def changes_between(before: tuple[str, ...], after: tuple[str, ...]) -> frozenset[Change]:
    """Read off what was changed about commands; each change counts once, however often it occurs.

    Commands are compared in their order. When some were added or removed, only those that differ
    are, and only if they are as many.
    """
    old, new = list(heads_in(before)), list(heads_in(after))
    if len(old) != len(new):
        kept = set(old) & set(new)
        old = [each for each in old if each not in kept]
        new = [each for each in new if each not in kept]
    if len(old) != len(new):
        return frozenset()
    changes = (_change(*pair) for pair in zip(old, new, strict=True))
    return frozenset(change for change in changes if change is not None)


def _change(old: Words, new: Words) -> Change | None:
    if old == new:
        return None
    front = _common(old, new)
    room = min(len(old), len(new)) - front
    back = min(room, _common(old[::-1], new[::-1]))
    removed, added = old[front : len(old) - back], new[front : len(new) - back]
    if front == 0:
        return _replaced(old, removed, added)
    if not removed and added[0].startswith("-") and len(added) <= 2:
        return Change("always", _head(old, front), added, _subcommand(old, front))
    if not added and removed[0].startswith("-") and len(removed) <= 2:
        return Change("without", _head(old, front), removed, _subcommand(new, front))
    both_plain = len(removed) == len(added) == 1 and _is_plain(removed[0]) and _is_plain(added[0])
    if front == 1 and both_plain and old[0] in SUBCOMMANDS:
        return Change("instead", old[:2], new[:2])
    return None


def _replaced(old: Words, removed: Words, added: Words) -> Change | None:
    """Tell the replacement at the front of a command. What was put before it counts as that."""
    if not removed:  # pip … became uv pip …
        removed, added = old[:1], (*added, old[0])
    elif not added:  # sudo-like words were taken away
        removed, added = (*removed, old[len(removed)]), (old[len(removed)],)
    if len(removed) > _LONGEST_HEAD or len(added) > _LONGEST_HEAD:
        removed, added = _head(removed, 2), _head(added, 2)
    if not (_is_plain(removed[0]) and _is_plain(added[0])):
        return None
    kept = len(old) - len(removed)
    weight = 1.0 if kept >= _KEPT_SHARE * len(old) else _REWRITING
    return Change("instead", removed, added, weight=weight)


def _common(one: Words, other: Words) -> int:
    """Count the words that two begin with."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _head(words: Words, most: int) -> Words:
    """Give the words that say what a command does: the program, perhaps with its subcommands."""
    if words[0] not in SUBCOMMANDS or most < 2 or len(words) < 2 or not _is_plain(words[1]):
        return words[:1]
    if words[1] in _NESTED and most >= 3 and len(words) > 2 and _is_plain(words[2]):
        return words[:3]
    return words[:2]


def _subcommand(words: Words, front: int) -> str:
    """Name the subcommand that follows what is put after the program."""
    if front > 1 or words[0] not in SUBCOMMANDS:
        return ""
    return next((word for word in words[1:] if _is_plain(word)), "")


def _is_plain(word: str) -> bool:
    return word[:1].isalpha() and all(letter.isalnum() or letter in "._+-" for letter in word)


def head_of(words: Words) -> Words:
    """Give the program, with its subcommand where that says what it does."""
    return _head(words, 2)


def _named(words: Words) -> str:
    return " ".join(head_of(words))


def rewritten(script: str, habit: Habit, *, reads: bool) -> str:
    """Give the script with the habit followed in all its plain commands.

    An option that was put before some subcommands is put before others only if the script merely
    `reads`: whoever wants no pager for the log wants none for the tags, and needs none for a push.
    """
    for change in habit.rewrites:
        for command in reversed(commands_in(script)):
            words = texts(command)
            if not begins_with(words, change.old):
                continue
            about = "" if change.kind == "instead" else _subcommand(words, len(change.old))
            if about in habit.exceptions or not (reads or about in habit.about or not about):
                continue
            end = command[len(change.old) - 1].end
            if change.kind == "instead":
                start, put = command[0].start, " ".join(change.new)
            elif change.kind == "always" and change.new[0] not in words:
                start, put = end, " " + " ".join(change.new)
            elif change.kind == "without" and (at := _find(words, change.new)):
                start, end, put = command[at - 1].end, command[at + len(change.new) - 1].end, ""
            else:
                continue
            script = script[:start] + put + script[end:]
    return script


def _find(words: Words, wanted: Words) -> int:
    """Give where the wanted words begin, 0 for nowhere (a command begins with its program)."""
    places = range(1, len(words) - len(wanted) + 1)
    return next((at for at in places if words[at : at + len(wanted)] == wanted), 0)
