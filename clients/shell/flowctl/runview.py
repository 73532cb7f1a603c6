"""A run as a client sees it: the fold of the events it was sent. Pure; drawing is elsewhere."""

from __future__ import annotations

from collections import deque

from flowctl.lines import LineBuffer
from flowproto import events as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TAIL_LINES = 200  # the newest lines of a step's output that are kept
BUSY = frozenset({"running", "retrying", "checking", "compensating"})
FINISHED = frozenset({"succeeded", "failed", "cancelled", "compensated", "compensation_failed"})


class StepView:
    """One step, or one item of a step; `tty` says that it is on a terminal.

    `items` are those of a step with `for_each`, None where it has none or they are not known yet;
    `item` is what this one is run for. `to_undo` counts items that a rollback has still to undo.

    `saved` says that files were kept before it, `lasting` why it cannot be undone all the same,
    `limits` which it had and what held them.
    Times in milliseconds; `since` is when its present activity began, by the clock.
    """

    def __init__(self, step_id: str):
        self.id = step_id
        self.tty = False
        self.status = "pending"
        self.since = 0
        self.duration_ms: int | None = None
        self.exit_code: int | None = None
        self.attempt = 0
        self.reason = ""
        self.limits = ""
        self.lasting = ""
        self.saved = False
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.lines = 0
        self.buffers: dict[str, LineBuffer] = {}
        self.artifacts = 0
        self.item = ""
        self.items: list[StepView] | None = None
        self.to_undo = 0

    @property
    def busy(self) -> bool:
        """Whether something is going on right now."""
        return self.status in BUSY

    def last_lines(self, count: int) -> list[str]:
        """The newest lines of output, unfinished ones too."""
        unfinished = [buffer.unfinished for buffer in self.buffers.values() if buffer.unfinished]
        return [*self.tail, *unfinished][-count:] if count > 0 else []

    def _begin(self, status: str, at: int, attempt: int) -> None:
        self.status, self.since, self.attempt = status, at, attempt
        self.duration_ms = self.exit_code = None
        self.reason = ""
        self.tail.clear()
        self.lines = 0
        self.buffers.clear()

    def _end(self, status: str, exit_code: int | None, duration_ms: int, reason: str = "") -> None:
        self.status, self.exit_code = status, exit_code
        self.duration_ms, self.reason = duration_ms, reason
        for buffer in self.buffers.values():
            self._add(buffer.flush())

    def _add(self, lines: Sequence[str]) -> None:
        self.tail.extend(lines)
        self.lines += len(lines)


def sandbox_hint(view: RunView) -> str:
    """Say of a run that failed that its steps were confined; empty when that explains nothing."""
    if not view.sandbox or view.state == "succeeded" or view.sandbox.startswith("rehearsal"):
        return ""
    if view.sandbox.startswith("boundaries"):
        return "was held within your policy's boundaries: flowctl policy show tells them"
    return "had a sandbox: should that have been in the way, give the step `sandbox: off`"


def was_done(event: e.CheckFinished) -> bool | None:
    """What a check found out; None for nothing, as when it could not be run."""
    if event.outcome == "succeeded":
        return True
    told = event.outcome == "failed" and event.exit_code not in (None, 126, 127)
    return False if told else None


class RunView:
    """One run. `state` is the run's; `questions` are the open ones, by step."""

    def __init__(self, run: str):
        self.run = run
        self.name = ""
        self.cwd = ""
        self.sandbox = ""
        self.state = "pending"
        self.steps: dict[str, StepView] = {}
        self.items: dict[str, StepView] = {}
        self.questions: dict[str, e.QuestionAsked] = {}
        self.started_at = 0
        self.ended_at = 0
        self.position = 0
        self.cancelling = False
        self.parked = ""

    @property
    def finished(self) -> bool:
        """Whether the newest event seen ended the run."""
        return self.state in FINISHED

    def step(self, step_id: str) -> StepView:
        """Give the step or item, also when the run's beginning was not seen."""
        if "." not in step_id:
            return self.steps.setdefault(step_id, StepView(step_id))
        found = self.items.get(step_id)
        if found is None:
            found = self.items[step_id] = StepView(step_id)
            parent = self.parent(step_id)
            parent.items = [*(parent.items or ()), found]
        return found

    def parent(self, item_id: str) -> StepView:
        """Give the step that an item belongs to."""
        return self.step(item_id.partition(".")[0])

    def apply(self, event: e.WireEvent) -> None:
        """Fold one event in."""
        self.position = event.position
        if not self.started_at:
            self.started_at = event.at
        if isinstance(event, _OF_THE_RUN):
            self._apply_to_run(event)
        else:
            self._apply_to_step(self.step(event.step), event)

    def _apply_to_run(self, event: _RunEvent) -> None:
        match event:
            case e.RunStarted():
                self.name, self.cwd, self.state = event.name, event.cwd, "running"
                self.steps = {step_id: StepView(step_id) for step_id in event.steps}
                self.items = {}
                self.sandbox = event.sandbox
                for step_id in event.terminals:
                    self.step(step_id).tty = True
            case e.CancelRequested():
                self.cancelling = True
                self.questions.clear()
                self._reset("waiting", "retrying", to="cancelled")
            case e.RetryRequested():
                self.state, self.started_at, self.cancelling = "running", event.at, False
                self._reset("failed", "timed_out", "cancelled", to="pending")
            case e.RollbackStarted():
                self.state = "compensating"
                self.questions.clear()
                if event.cause == "undo":
                    self.started_at = event.at
                self._reset("waiting", to="pending")
                for step_id in event.steps:
                    if "." in step_id:
                        self.parent(step_id).to_undo += 1
            case e.RunParked():
                self.parked = event.reason
            case e.RunResumed():
                self.parked = ""
            case e.RunFinished():
                self.state, self.ended_at = event.state, event.at
                self.questions.clear()

    def _apply_to_step(self, step: StepView, event: _StepEvent) -> None:
        match event:
            case e.StepStarted():
                step._begin("running", event.at, event.attempt)
                self._tell_parent(step)
            case e.StepExpanded():
                step.since = event.at
                step.items = [StepView(f"{step.id}.{index}") for index in range(len(event.items))]
                for view, item in zip(step.items, event.items, strict=True):
                    view.item = item
                    self.items[view.id] = view
            case e.CheckStarted():
                step._begin("checking", event.at, event.attempt)
            case e.CompensationStarted():
                step._begin("compensating", event.at, event.attempt)
            case e.FilesSaved():
                step.saved = event.files > 0
                step.lasting = "" if event.files else f"cannot be undone: {event.reason}"
            case e.ArtifactsKept():
                step.artifacts = len(event.files)
            case e.StepOutput():
                buffer = step.buffers.setdefault(event.stream, LineBuffer())
                step._add(buffer.feed(event.text))
            case e.AttemptWithdrawn():
                step.status = {"run": "pending", "check": "lost"}.get(event.kind, "succeeded")
            case e.StepFinished():
                step.limits = event.limits
                step._end(event.outcome, event.exit_code, event.duration_ms, event.reason)
            case e.CheckFinished():
                done = {True: "succeeded", False: "pending", None: "lost"}[was_done(event)]
                step._end(done, event.exit_code, event.duration_ms)
            case e.CompensationFinished():
                done = "compensated" if event.outcome == "succeeded" else "compensation_failed"
                step._end(done, event.exit_code, event.duration_ms, event.reason)
                self._tell_parent(step)
            case e.StepSkipped():
                step.status, step.reason = "skipped", event.reason
                self.questions.pop(event.step, None)
            case e.RetryScheduled():
                step.status = "compensating" if event.kind == "undo" else "retrying"
                step.since = event.at + event.delay_ms
            case e.QuestionAsked():
                self.questions[event.step] = event
                step.status, step.since = "waiting", event.at
            case e.QuestionAnswered():
                self._answered(step, event)

    def _answered(self, step: StepView, event: e.QuestionAnswered) -> None:
        question = self.questions.pop(event.step, None)
        lost = question is not None and question.about == "lost"
        if event.answer == "yes" and lost:
            step.status, step.reason = "succeeded", "a person says that it was done"
        elif event.answer == "no":
            step.status = "failed" if lost else "cancelled"
            step.reason = "it was not done" if lost else "declined"
        else:
            step.status = "pending"

    def _tell_parent(self, item: StepView) -> None:
        """A step goes on as its items do; it is undone once they are."""
        if "." not in item.id:
            return
        parent = self.parent(item.id)
        if item.status == "running":
            if parent.status != "running":
                parent.status, parent.since = "running", parent.since or item.since
            return
        parent.to_undo -= 1
        if parent.status in ("succeeded", "compensating", "compensation_failed"):
            failed = "compensation_failed" in (item.status, parent.status)
            done = "compensated" if parent.to_undo <= 0 else "compensating"
            parent.status = "compensation_failed" if failed else done

    def _reset(self, *statuses: str, to: str) -> None:
        for step in (*self.steps.values(), *self.items.values()):
            if step.status in statuses:
                step.status = to


_OF_THE_RUN = (
    e.RunStarted,
    e.CancelRequested,
    e.RetryRequested,
    e.RollbackStarted,
    e.RunParked,
    e.RunResumed,
    e.RunFinished,
)
_RunEvent = (
    e.RunStarted
    | e.CancelRequested
    | e.RetryRequested
    | e.RollbackStarted
    | e.RunParked
    | e.RunResumed
    | e.RunFinished
)
_StepEvent = (
    e.StepStarted
    | e.StepExpanded
    | e.FilesSaved
    | e.ArtifactsKept
    | e.StepOutput
    | e.StepFinished
    | e.AttemptWithdrawn
    | e.StepSkipped
    | e.RetryScheduled
    | e.QuestionAsked
    | e.QuestionAnswered
    | e.CheckStarted
    | e.CheckFinished
    | e.CompensationStarted
    | e.CompensationFinished
)
