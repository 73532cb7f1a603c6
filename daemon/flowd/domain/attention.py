"""What a run needs of a person, and the command that gives it: for notifications."""

from msgspec import Struct

from flowd.domain import events as e
from flowd.domain.run import RunState

TOLD_BY: frozenset[type] = frozenset(
    {e.QuestionAsked, e.QuestionAnswered, e.StepSkipped, e.CancelRequested, e.RunParked}
    | {e.RunResumed, e.RunFinished, e.RollbackStarted, e.RetryRequested}
)
"""Events after which a run may need a person, or no longer needs one."""


class Need(Struct, frozen=True):
    """One thing that does not go on by itself. Equal needs are the same need."""

    run: str
    step: str  # empty: the run as a whole
    text: str
    command: str


def needs(state: RunState) -> list[Need]:
    """Give what the run waits for; of a run undone in part, what it left."""
    run = state.run
    if state.parked:
        return [Need(run, "", f"is parked: {state.parked}", f"flowctl resume {run}")]
    if state.status == "compensation_failed":
        left = [id for id, step in state.steps.items() if step.status == "compensation_failed"]
        text = f"could not be undone completely: {', '.join(left)} failed"
        return [Need(run, "", text, f"flowctl show {run}")]
    if state.finished:
        return []
    return [
        Need(
            run,
            asked.step,
            f"{asked.step}: {asked.question}",
            f"flowctl answer {run} {asked.step} {'|'.join(asked.answers)}",
        )
        for asked in state.questions.values()
    ]
