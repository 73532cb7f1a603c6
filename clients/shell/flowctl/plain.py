"""A run as plain lines: one fact a line, the same for every run, made for logs and `grep`."""

from __future__ import annotations

from flowctl.lines import LineBuffer
from flowctl.runview import sandbox_hint, was_done
from flowctl.text import duration, harmless, plural
from flowproto import events as e

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.runview import RunView


class PlainLines:
    """Turns events into lines. Output is held back until its line is complete."""

    def __init__(self) -> None:
        self._buffers: dict[tuple[str, str], LineBuffer] = {}

    def of(self, event: e.WireEvent, view: RunView) -> list[str]:
        """Give the lines that tell this event; `view` has it folded in."""
        if isinstance(event, e.StepOutput):
            gap = [f"{event.step} {event.skipped} bytes were left out"] if event.skipped else []
            buffer = self._buffers.setdefault((event.step, event.stream), LineBuffer())
            lines = buffer.feed(event.text)
            return gap + [_output(event.step, event.stream, line) for line in lines]
        rest = self._flush(event.step) if isinstance(event, _ENDS) else []
        return [*rest, *(harmless(line) for line in _told(event, view))]

    def _flush(self, step: str) -> list[str]:
        lines = []
        for (owner, stream), buffer in self._buffers.items():
            if owner == step:
                lines += [_output(step, stream, line) for line in buffer.flush()]
        return lines


_ENDS = (e.StepFinished, e.CheckFinished, e.CompensationFinished)


_MOST_NAMED = 20
_STATES = {
    "compensated": "rolled back (compensated)",
    "compensation_failed": "could not be rolled back completely (compensation_failed)",
}


def _output(step: str, stream: str, line: str) -> str:
    return f"{step} {'|' if stream == 'stdout' else '!'} {harmless(line)}"


def _told(event: e.WireEvent, view: RunView) -> list[str]:
    match event:
        case e.RunStarted():
            steps = plural(len(event.steps), "step")
            told = [f"run {event.run} {event.name} started, {steps}"]
            return [*told, f"run {event.run} sandbox: {event.sandbox}"] if event.sandbox else told
        case e.RunFinished():
            took = duration(view.ended_at - view.started_at)
            told = [f"run {event.run} {_STATES.get(event.state, event.state)} in {took}"]
            return [f"run {event.run} {hint}", *told] if (hint := sandbox_hint(view)) else told
        case e.RunParked():
            return [
                f"run {event.run} parked: {event.reason}",
                f"run {event.run} goes on with: flowctl resume {event.run}",
            ]
        case e.RunResumed():
            return [f"run {event.run} resumed"]
        case e.CancelRequested():
            return [f"run {event.run} is being cancelled"]
        case e.RetryRequested():
            return [f"run {event.run} is tried again"]
        case e.RollbackStarted():
            what = "is being undone" if event.cause == "undo" else "is being rolled back"
            more = len(event.steps) - _MOST_NAMED
            named = " ".join(event.steps[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
            return [f"run {event.run} {what}: {named or 'nothing to undo'}"]
        case e.CheckStarted() | e.AttemptWithdrawn() | e.StepOutput():
            return []
        case _:
            said = _told_of_step(event)
            if isinstance(event, e.StepStarted) and view.step(event.step).item:
                said = [f"{said[0]} for {view.step(event.step).item}"]
            if isinstance(event, e.StepStarted) and view.step(event.step).tty:
                said.append(f"is on a terminal, type there with: flowctl attach {event.run}")
            return [f"{event.step} {what}" for what in said]


def _told_of_step(event: _StepEvent) -> list[str]:
    match event:
        case e.StepStarted():
            return ["started" if event.attempt == 1 else f"started, attempt {event.attempt}"]
        case e.StepExpanded():
            return [f"runs for {items_words(event.items)}"]
        case e.FilesSaved():
            return [saved_words(event)]
        case e.ArtifactsKept():
            return [kept_words(event)]
        case e.CompensationStarted():
            return [
                "undo started" if event.attempt == 1 else f"undo started, attempt {event.attempt}"
            ]
        case e.StepFinished():
            return [*_limits(event), _ended(event.outcome.replace("_", " "), event)]
        case e.CompensationFinished():
            return [_ended(f"undo {event.outcome.replace('_', ' ')}", event)]
        case e.CheckFinished():
            says = {True: "it was done", False: "it was not done", None: "nothing"}
            reason = f": {event.reason}" if event.reason else ""
            return [f"check says: {says[was_done(event)]}{reason}"]
        case e.StepSkipped():
            return [f"skipped: {event.reason}"]
        case e.RetryScheduled():
            return [f"is tried again in {duration(event.delay_ms)}"]
        case e.QuestionAsked():
            return [f"asks: {event.question}", f"answer with: {how_to_answer(event)}"]
        case e.QuestionAnswered():
            return [f"answered {event.answer}" + (f" by {event.by}" if event.by else "")]


def _limits(event: e.StepFinished) -> list[str]:
    return [f"had limits: {event.limits}"] if event.limits else []


def _ended(what: str, event: e.StepFinished | e.CompensationFinished) -> str:
    code = f" (exit {event.exit_code})" if event.exit_code else ""
    reason = f": {event.reason}" if event.reason else ""
    took = "" if event.outcome == "lost" else f" in {duration(event.duration_ms)}"  # nobody knows
    return f"{what}{code}{took}{reason}"


def items_words(items: list[str]) -> str:
    """Say how many items there are, and name the first."""
    named = ", ".join(items[:5]) + (f" and {len(items) - 5} more" if len(items) > 5 else "")
    return f"{plural(len(items), 'item')}: {named}" if items else "no items"


def saved_words(event: e.FilesSaved) -> str:
    """Say what was kept before a step."""
    if event.files:
        return f"saved {plural(event.files, 'file')} first, {event.bytes} bytes"
    return f"cannot be undone: {event.reason}"


def kept_words(event: e.ArtifactsKept) -> str:
    """Say what a step left, and what of it was not kept."""
    kept = f"kept {plural(len(event.files), 'file')}, {event.bytes} bytes"
    left = f"left out {plural(event.left_out, 'file')}" if event.left_out else ""
    said = ", ".join(part for part in (kept if event.files else "kept nothing", left) if part)
    return f"{said}: {event.reason}" if event.reason else said


def how_to_answer(event: e.QuestionAsked) -> str:
    """Give the command that answers a question."""
    return f"flowctl answer {event.run} {event.step} {'|'.join(event.answers)}"


_StepEvent = (
    e.StepStarted
    | e.StepExpanded
    | e.FilesSaved
    | e.ArtifactsKept
    | e.CompensationStarted
    | e.StepFinished
    | e.CompensationFinished
    | e.CheckFinished
    | e.StepSkipped
    | e.RetryScheduled
    | e.QuestionAsked
    | e.QuestionAnswered
)
