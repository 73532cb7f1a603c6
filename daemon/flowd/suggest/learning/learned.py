"""All that was learned, folded from the facts and ready for one question after the other."""

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from flowd.domain.learning import Fact, Kept, LearnedThing
from flowd.domain.render import to_object
from flowd.domain.workflow import Workflow
from flowd.suggest.learning.answers import Answer, answers_of, filled, values_in
from flowd.suggest.learning.favour import (
    Factor,
    Past,
    choice_factor,
    failure_factor,
    habit_factor,
    likenesses,
    past_of,
)
from flowd.suggest.learning.habits import Habit, habits_of, rewritten, scripts_of, short_id
from flowd.suggest.match import Entry, Index
from flowd.suggest.providers.base import Draft
from flowd.suggest.retrieve import Knowledge
from flowd.suggest.shape import shape_of_scripts
from flowd.suggest.slots import Slots

_LEAST = 0.4  # likeness of a task to one that was answered before
_SURE_ONCE = 0.96  # confidence in an answer that was given once, for the very same task
_EDITED = 1.02  # of the edited version of something, compared to that
_MOST_ANSWERS = 20
_ELSEWHERE = 0.97  # of an answer given in another folder
_OWN_ELSEWHERE = 0.85  # of a workflow file of another folder, which may be about that alone
_OTHER_WORDS = 0.7  # of an answer with a word of its task that this task does not have
_MOST_SENTENCES = 10


class Learned(Struct):
    """See the top of the module. Made by `learn`; asking changes nothing."""

    habits: list[Habit]
    answers: list[Answer]
    index: Index
    past: Past

    @property
    def standing(self) -> list[Habit]:
        """The habits that count."""
        return [habit for habit in self.habits if habit.stands]

    @property
    def sentences(self) -> list[str]:
        """The habits in words, the most seen first; for prompts."""
        habits = sorted(self.standing, key=lambda habit: -habit.seen)
        return [habit.text for habit in habits[:_MOST_SENTENCES]]


def learn(facts: Iterable[Kept], knowledge: Knowledge) -> Learned:
    """Fold the facts, oldest first. Takes up to a second for thousands: call it in a thread."""
    numbered = [(kept.number, kept.fact) for kept in facts]
    answers = answers_of(numbered, knowledge.index, knowledge.library.inputs)
    entries = (Entry(str(place), tuple(answer.tasks)) for place, answer in enumerate(answers))
    general = {run: answer.shape for answer in answers for run in answer.runs}
    plain: list[Fact] = [fact for _, fact in numbered]
    return Learned(
        habits=habits_of(plain),
        answers=answers,
        index=Index(entries, knowledge.index),
        past=past_of(numbered, knowledge.index, general),
    )


def remembered(
    learned: Learned, task: str, cwd: str, knowledge: Knowledge, retrieved: Sequence[Draft]
) -> list[Draft]:
    """Give the answers that like tasks got before, best first, filled with this task's values.

    And the edited versions of what is `retrieved` for it, which the user will want again.
    """
    slots = values_in(task, knowledge.index)
    best: dict[int, tuple[float, str]] = {}
    for match in learned.index.find(slots.asked, _MOST_ANSWERS):
        if match.score >= _LEAST:
            asked = learned.answers[int(match.key)].tasks[match.phrase]
            best[int(match.key)] = (match.score, asked)
    for draft in retrieved:
        for place in _versions_of(learned, draft):
            likeness = min(1.0, draft.confidence * _EDITED)
            if likeness > best.get(place, (0.0, ""))[0]:
                best[place] = (likeness, draft.asked_as or draft.title)
    found = []
    for place, (likeness, phrase) in best.items():
        answer = learned.answers[place]
        if answer.worth_giving:
            sure = min(1.0, likeness * _sureness(answer, task, cwd))
            found.append(_draft_of(answer, slots, knowledge, sure, phrase))
    return sorted(found, key=lambda draft: -draft.confidence)


def _versions_of(learned: Learned, draft: Draft) -> list[int]:
    """Say which answers are edited versions of a draft, as it is or with the habits followed."""
    workflow = draft.workflow
    plain = to_object(workflow) if isinstance(workflow, Workflow) else dict(workflow)
    scripts = scripts_of(plain)
    usual = [with_habits(learned.standing, script, reads=True)[0] for script in scripts]
    shapes = {shape_of_scripts(scripts), shape_of_scripts(usual)}
    return [place for place, answer in enumerate(learned.answers) if answer.origins & shapes]


def _sureness(answer: Answer, task: str, cwd: str) -> float:
    sure = _SURE_ONCE if answer.uses == 1 else 1.0
    if not any(_within(cwd, folder) for folder in answer.folders):
        sure *= _OWN_ELSEWHERE if answer.own else _ELSEWHERE
    if not all(word in task for word in answer.literals):
        sure *= _OTHER_WORDS
    return sure


def _draft_of(
    answer: Answer, slots: Slots, knowledge: Knowledge, sure: float, phrase: str
) -> Draft:
    return Draft(
        title=answer.title,
        workflow=filled(answer, slots, knowledge.library.inputs),
        explanation=f"as you {'edited' if answer.edited else 'ran'} it for “{answer.last_task}”",
        confidence=sure,
        matched=True,
        asked_as=phrase,
    )


def _within(cwd: str, folder: str) -> bool:
    return cwd == folder or cwd.startswith(f"{folder.rstrip('/')}/")


def factors_of(learned: Learned, asked: str, scripts: Sequence[str], now: int) -> list[Factor]:
    """Give all by which the past moves a suggestion of these scripts; `asked` without values."""
    found = (
        choice_factor(likenesses(learned.past, asked), shape_of_scripts(scripts), now),
        failure_factor(learned.past, scripts, now),
        habit_factor(learned.standing, scripts),
    )
    return [factor for factor in found if factor is not None]


def with_habits(habits: Iterable[Habit], script: str, *, reads: bool) -> tuple[str, list[Habit]]:
    """Give a script as the user would write it, and the habits that it now follows.

    `reads` says that it changes nothing.
    """
    followed = []
    for habit in habits:
        changed = rewritten(script, habit, reads=reads)
        if changed != script:
            script = changed
            followed.append(habit)
    return script, followed


def things_of(learned: Learned) -> list[LearnedThing]:
    """Give all that was learned, for people: habits, then answers and failures, newest first."""
    habits = [
        LearnedThing(
            id=habit.id,
            kind="habit",
            text=habit.text,
            seen=habit.seen,
            against=math.ceil(habit.against),
            last_at=habit.last_at,
            active=habit.stands,
            examples=habit.examples,
        )
        for habit in learned.habits
    ]
    answers = [
        LearnedThing(
            id=answer.id,
            kind="answer",
            text=f"{'; '.join(list(answer.tasks.values())[:3])}: {_script(answer)}",
            seen=answer.uses,
            against=math.ceil(answer.bad_ends),
            last_at=answer.last_at,
            active=answer.worth_giving,
            examples=list(answer.tasks.values()),
        )
        for answer in learned.answers
    ]
    failures = [
        LearnedThing(
            id=short_id(f"failure {shape}"),
            kind="failure",
            text=f"{'undone' if failure.undone else 'failed'}: {_one_line(failure.script)}",
            seen=failure.count,
            against=0,
            last_at=failure.last_at,
            active=True,
            examples=[failure.script],
        )
        for shape, failure in learned.past.failures.items()
    ]
    newest = sorted([*answers, *failures], key=lambda thing: -thing.last_at)
    return [*sorted(habits, key=lambda thing: -thing.seen), *newest]


def numbers_behind(learned: Learned, thing: str) -> list[int]:
    """Name the facts that an answer or a failure comes from; none for a habit."""
    for answer in learned.answers:
        if answer.id == thing:
            return answer.numbers
    for shape, failure in learned.past.failures.items():
        if short_id(f"failure {shape}") == thing:
            return failure.numbers
    return []


def _script(answer: Answer) -> str:
    return _one_line("; ".join(scripts_of(answer.workflow)))


def _one_line(text: str) -> str:
    return " ".join(text.replace("\n", "; ").split())
