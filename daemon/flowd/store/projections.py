"""The summary of a run, kept in step with its events.

`summarise` follows `domain/evolve.py` as far as one line of `ps` needs it, without the workflow's
own rules. It is pure, so the table made anew from the log equals the one kept live.
"""

from collections.abc import Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from flowd.domain import events as e
from flowd.domain.items import parent_of
from flowd.domain.ports import RunSummary
from flowd.domain.run import Question
from flowd.errors import Bug


class Pending(Struct, frozen=True, omit_defaults=True):
    """Why a live run is not simply running; all empty for most runs at most times."""

    questions: dict[str, Question] = field(default_factory=dict)
    parked: str = ""
    rolling_back: bool = False

    @property
    def state(self) -> e.RunStatus:
        """The state this makes of a live run."""
        if self.parked:
            return "waiting"
        if self.questions:
            return "waiting"
        return "compensating" if self.rolling_back else "running"

    @property
    def question(self) -> str:
        """What to show a person: the newest open question."""
        if self.parked:
            return f"parked: {self.parked}"
        return next((asked.question for asked in reversed(self.questions.values())), "")


NOTHING_PENDING = Pending()


class RunRow(Struct, frozen=True, array_like=True):
    """A row of the table `runs`: a summary, and what the next event is applied to."""

    id: str
    name: str
    state: e.RunStatus
    cwd: str
    created_at: int
    updated_at: int
    position: int
    version: int
    steps: int
    steps_done: int
    pending: Pending = NOTHING_PENDING

    def summary(self) -> RunSummary:
        """The row as the log's users see it."""
        return RunSummary(
            id=self.id,
            name=self.name,
            state=self.state,
            cwd=self.cwd,
            created_at=self.created_at,
            updated_at=self.updated_at,
            position=self.position,
            version=self.version,
            steps=self.steps,
            steps_done=self.steps_done,
            question=self.pending.question,
        )


def summarise(row: RunRow | None, recorded: e.Recorded) -> RunRow:
    """Apply one more event of a run; None is a run without events.

    Bug when RunStarted is not exactly the first event.
    """
    event = recorded.event
    if isinstance(event, e.RunStarted):
        if row is not None:
            raise Bug(f"run {recorded.run} is started twice")
        return _begin(recorded, event)
    if row is None:
        raise Bug(f"the first event of run {recorded.run} is {type(event).__name__}")
    pending = _pending_after(row.pending, event)
    return replace(
        row,
        state=event.state if isinstance(event, e.RunFinished) else pending.state,
        updated_at=event.at,
        position=recorded.position,
        version=recorded.version,
        steps_done=min(row.steps, row.steps_done + _completes_step(row.pending, event)),
        pending=pending,
    )


def summarise_all(row: RunRow | None, recorded: Sequence[e.Recorded]) -> RunRow:
    """Apply the next events of a run, at least one."""
    for item in recorded:
        row = summarise(row, item)
    assert row is not None
    return row


def _begin(recorded: e.Recorded, event: e.RunStarted) -> RunRow:
    return RunRow(
        id=recorded.run,
        name=event.workflow.name,
        state="running",
        cwd=event.cwd,
        created_at=event.at,
        updated_at=event.at,
        position=recorded.position,
        version=recorded.version,
        steps=len(event.workflow.steps),
        steps_done=0,
    )


def _pending_after(pending: Pending, event: e.Event) -> Pending:
    match event:
        case e.StepStarted() | e.OutputAppended() | e.StepFinished():  # most of all events
            return pending
        case e.QuestionAsked():
            asked = Question(event.step, event.about, event.question, event.no_undo)
            others = _without(pending.questions, event.step)
            return replace(pending, questions={**others, event.step: asked})
        case e.QuestionAnswered() | e.StepSkipped() if event.step in pending.questions:
            return replace(pending, questions=_without(pending.questions, event.step))
        case e.RollbackStarted():
            return Pending(rolling_back=True)  # nothing is open when it begins
        case e.RunParked():
            return replace(pending, parked=event.reason)
        case e.RunResumed():
            return replace(pending, parked="")
        case e.CancelRequested():
            return Pending(rolling_back=pending.rolling_back)
        case e.RetryRequested() | e.RunFinished():
            return NOTHING_PENDING
        case _:
            return pending


def _completes_step(pending: Pending, event: e.Event) -> bool:
    """Whether a step is done by this event: with success, or by being skipped.

    Items of a step are no steps of their own here; the step ends with an event as well.
    """
    match event:
        case e.StepFinished(step=step) | e.CheckFinished(step=step) if parent_of(step):
            return False
        case e.StepSkipped(step=step) | e.QuestionAnswered(step=step) if parent_of(step):
            return False
        case e.StepFinished() | e.CheckFinished():
            return event.outcome == "succeeded"
        case e.StepSkipped():
            return True
        case e.QuestionAnswered(answer="yes"):
            question = pending.questions.get(event.step)
            return question is not None and question.about == "lost"
        case _:
            return False


def _without(questions: dict[str, Question], step: str) -> dict[str, Question]:
    return {name: question for name, question in questions.items() if name != step}
