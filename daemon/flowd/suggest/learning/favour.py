"""How a user's past choices move a suggestion up or down: bounded factors, each with its reason.

What was chosen for a like task counts the more the more alike the task is and the shorter ago it
was. What failed or was undone counts whatever the task was.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from flowd.domain.learning import Chosen, Dismissed, Ended, Fact
from flowd.suggest.learning.answers import values_in, wrongness
from flowd.suggest.learning.commands import begins_with, heads_in
from flowd.suggest.learning.habits import Habit, head_of, scripts_of
from flowd.suggest.match import Entry, Index
from flowd.suggest.shape import shape_of_scripts

HALF_LIFE_DAYS = 60.0
MOST_FAVOUR = 1.25  # and the least is one over it
MOST_FAILURE = 0.6
UNLIKE = 0.5  # tasks that are less alike have nothing to do with each other
_SHARPNESS = 4  # a task that is half alike counts next to nothing
_PER_FAILURE = 0.85
_NOTHING = 0.005  # a factor that would be told as 1.00
_DISLIKED = 0.9
_LIKED = 1.05
_MS_PER_DAY = 86_400_000


class Factor(Struct, frozen=True):
    """A figure to multiply a score with, and why. A reason is left out where it says nothing."""

    value: float
    reason: str = ""


class _Choice(Struct, frozen=True):
    """One time that something was done about a shape: for it (positive) or against it."""

    at: int
    weight: float
    what: str


class Failure(Struct):
    """How often scripts of one shape went wrong since they last went well."""

    script: str
    weight: float = 0.0
    count: int = 0
    last_at: int = 0
    numbers: list[int] = []
    undone: bool = False


class Past(Struct):
    """What was chosen, by task and shape, and what failed, by shape."""

    tasks: list[str]
    choices: list[dict[str, list[_Choice]]]
    index: Index
    failures: dict[str, Failure] = field(default_factory=dict)


def past_of(facts: Sequence[tuple[int, Fact]], words: Index, general: Mapping[str, str]) -> Past:
    """Fold numbered facts, oldest first. `general` are the shapes, by run, without their values."""
    choices: dict[str, dict[str, list[_Choice]]] = defaultdict(lambda: defaultdict(list))
    failures: dict[str, Failure] = {}
    ran: dict[str, Chosen] = {}
    ends = {fact.run: fact for _, fact in facts if isinstance(fact, Ended)}  # the last ones
    for number, fact in facts:
        if isinstance(fact, Chosen):
            ran[fact.run] = fact
            end = ends.get(fact.run)
            weight = 1.0 if end is None else 1.0 - wrongness(end)
            _note(choices[values_in(fact.task, words).asked], fact, general[fact.run], weight)
        elif isinstance(fact, Dismissed):
            asked = values_in(fact.task, words).asked
            choices[asked][fact.shape].append(_Choice(fact.at, -1.0, "passed"))
        elif isinstance(fact, Ended) and fact.run in ran:
            _fold_end(failures, fact, ran[fact.run], number)
    tasks = list(choices)
    index = Index((Entry(str(place), (task,)) for place, task in enumerate(tasks)), words)
    return Past(tasks, [dict(choices[task]) for task in tasks], index, failures)


def _note(choices: dict[str, list[_Choice]], fact: Chosen, general: str, weight: float) -> None:
    ran, offered = shape_of_scripts(scripts_of(fact.workflow)), shape_of_scripts(fact.offered)
    for shape in {ran, general}:
        choices[shape].append(_Choice(fact.at, weight, "chose"))
    if fact.offered and offered != ran:
        choices[offered].append(_Choice(fact.at, -1.0, "changed"))
    for passed in fact.passed:
        choices[passed].append(_Choice(fact.at, -0.5, "passed"))


def _fold_end(failures: dict[str, Failure], end: Ended, chosen: Chosen, number: int) -> None:
    scripts = scripts_of(chosen.workflow)
    shapes = {shape_of_scripts(scripts): "; ".join(scripts)}
    if end.script:
        shapes[shape_of_scripts([end.script])] = end.script
    for shape, script in shapes.items():
        if end.ending == "succeeded":
            failures.pop(shape, None)
            continue
        failure = failures.setdefault(shape, Failure(script, numbers=[]))
        failure.weight += wrongness(end)
        failure.count += 1
        failure.last_at = end.at
        failure.undone = end.ending == "undone"
        failure.numbers.append(number)


def likenesses(past: Past, asked: str) -> list[tuple[dict[str, list[_Choice]], float]]:
    """Give what was chosen for like tasks, with how alike each is; `asked` is without values."""
    found = past.index.find(asked, 50)
    return [(past.choices[int(each.key)], each.score) for each in found if each.score >= UNLIKE]


def choice_factor(
    alike: Sequence[tuple[Mapping[str, list[_Choice]], float]], shape: str, now: int
) -> Factor | None:
    """Say what choosing, passing over and changing this shape for like tasks comes to."""
    net = 0.0
    counts = {"chose": 0, "passed": 0, "changed": 0}
    for choices, likeness in alike:
        for choice in choices.get(shape, ()):
            net += choice.weight * likeness**_SHARPNESS * _freshness(choice.at, now)
            counts[choice.what] += 1
    value = MOST_FAVOUR ** math.tanh(net)
    if abs(value - 1) < _NOTHING:
        return None
    told = {
        "chose": f"you chose this {_times(counts['chose'])}",
        "passed": f"you passed this over {_times(counts['passed'])}",
        "changed": f"you changed this before running it {_times(counts['changed'])}",
    }
    said = ", ".join(text for what, text in told.items() if counts[what])
    return Factor(value, f"{said}: x{value:.2f}")


def failure_factor(past: Past, scripts: Sequence[str], now: int) -> Factor | None:
    """Say what it means that these scripts, or one of them, went wrong when they were run."""
    shapes = [shape_of_scripts(scripts), *(shape_of_scripts([script]) for script in scripts)]
    found = [past.failures[shape] for shape in dict.fromkeys(shapes) if shape in past.failures]
    if not found:
        return None
    worst = max(found, key=lambda failure: failure.weight)
    weight = worst.weight * _freshness(worst.last_at, now)
    value = max(MOST_FAILURE, _PER_FAILURE ** (2 * weight))
    if abs(value - 1) < _NOTHING:
        return None
    how = "you undid this" if worst.undone else "this failed"
    return Factor(value, f"{how} {_times(worst.count)} when you ran it: x{value:.2f}")


def habit_factor(habits: Iterable[Habit], scripts: Sequence[str]) -> Factor | None:
    """Say what it means that scripts use what a user replaces, or what is used instead."""
    words = list(heads_in(scripts))
    for habit in habits:
        change = habit.change
        if change.kind != "instead":
            continue
        if any(begins_with(command, head_of(change.new)) for command in words):
            return Factor(_LIKED, f"you use {habit.text}: x{_LIKED:.2f}")
        if any(begins_with(command, head_of(change.old)) for command in words):
            return Factor(_DISLIKED, f"you use {habit.text}: x{_DISLIKED:.2f}")
    return None


def _freshness(at: int, now: int) -> float:
    """Half as much for every half-life that has passed; a clock that was set does no harm."""
    return float(0.5 ** (max(0, now - at) / _MS_PER_DAY / HALF_LIFE_DAYS))


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"
