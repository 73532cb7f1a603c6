"""What is personal about a question: answers given before, habits to follow, past choices.

One `Personal` is made for each question; without anything learned it changes nothing.
"""

import shutil
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from flowd.domain.parse import workflow_from_object
from flowd.domain.ports import VERDICT_RANK
from flowd.domain.render import to_object
from flowd.domain.workflow import Step, Undo, Workflow
from flowd.errors import InvalidWorkflow
from flowd.suggest.learning.favour import Factor
from flowd.suggest.learning.habits import Habit
from flowd.suggest.learning.learned import Learned, factors_of, remembered, with_habits
from flowd.suggest.providers.base import Draft
from flowd.suggest.rank import Candidate
from flowd.suggest.retrieve import Knowledge
from flowd.suggest.slots import extract


class Personal:
    """See the top of the module. `now` in milliseconds since the epoch."""

    def __init__(
        self, learned: Learned | None, task: str, cwd: str, knowledge: Knowledge, now: int
    ):
        self._learned = learned
        self._task = task
        self._cwd = cwd
        self._knowledge = knowledge
        self._now = now
        self._asked = extract(task, knowledge.index).asked

    @property
    def habits(self) -> list[str]:
        """What the user prefers, in a few words each."""
        return self._learned.sentences if self._learned is not None else []

    def answers(self, retrieved: Sequence[Draft]) -> list[Draft]:
        """Give the answers that like tasks got before, and edited versions of what is retrieved."""
        if self._learned is None:
            return []
        return remembered(self._learned, self._task, self._cwd, self._knowledge, retrieved)

    def factors(self, candidate: Candidate) -> Sequence[Factor]:
        """Give all by which the past moves a candidate."""
        if self._learned is None:
            return ()
        scripts = [step.run for step in candidate.workflow.steps]
        return factors_of(self._learned, self._asked, scripts, self._now)

    def in_the_users_way(
        self, candidate: Candidate, judged: Callable[[Workflow], Candidate]
    ) -> Candidate:
        """Give the candidate with the habits followed, if it stays valid and as safe.

        `judged` makes the candidate of a workflow, judged anew.
        """
        if self._learned is None:
            return candidate
        workflow, habits = _followed(candidate, self._learned)
        if not habits:
            return candidate
        try:
            again = judged(workflow_from_object(to_object(workflow)))
        except InvalidWorkflow:
            return candidate
        if VERDICT_RANK[again.verdict] > VERDICT_RANK[candidate.verdict]:
            return candidate
        reasons = [f"written as you do: {habit.text}" for habit in habits]
        return replace(again, reasons=[*candidate.reasons, *reasons])


def _followed(candidate: Candidate, learned: Learned) -> tuple[Workflow, list[Habit]]:
    """Rewrite the scripts of all steps, their undo included, and name the habits followed."""
    usable = [habit for habit in learned.standing if _is_usable(habit)]
    reading = {judged.step for judged in candidate.judged if judged.judgement.read_only}
    followed: dict[str, Habit] = {}

    def written(script: str, *, reads: bool) -> str:
        script, habits = with_habits(usable, script, reads=reads)
        followed.update((habit.key, habit) for habit in habits)
        return script

    def step_of(step: Step) -> Step:
        undo = step.undo
        if isinstance(undo, Undo):
            undo = replace(undo, run=written(undo.run, reads=False))
        elif undo is not None:
            undo = written(undo, reads=False)
        return replace(step, run=written(step.run, reads=step.id in reading), undo=undo)

    workflow = candidate.workflow
    changed = replace(workflow, steps=[step_of(step) for step in workflow.steps])
    return changed, list(followed.values())


def _is_usable(habit: Habit) -> bool:
    """Whether the programs that it puts in place of others are here."""
    programs = {each.new[0] for each in habit.rewrites if each.kind == "instead"}
    return all(shutil.which(program) is not None for program in programs)
