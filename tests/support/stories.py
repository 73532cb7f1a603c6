"""Runs told as stories: given a workflow, when this is reported, then these events follow.

No daemon, no clock, no process: the pure domain only. Events are shown as short lines, so that a
test reads as what happens: `step_started a 1`, `step_finished a 1 failed`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.decide import react, start
from flowd.domain.evolve import replay
from flowd.domain.run import RunState
from flowd.domain.workflow import Workflow


def workflow_of(*steps: Mapping[str, Any] | str, **keys: Any) -> Workflow:
    """A workflow from steps as in a file; a bare text is a step of that id that runs `true`."""
    rows = [{"id": s, "run": "true"} if isinstance(s, str) else {"run": "true", **s} for s in steps]
    return msgspec.convert({"flow": 1, "name": "story", "steps": rows, **keys}, Workflow)


class Story:
    """A run that is told command by command."""

    def __init__(self, workflow: Workflow, **started: Any):
        self.at = 1000
        first = e.RunStarted(
            at=self.at,
            workflow=workflow,
            inputs=started.pop("inputs", {}),
            cwd="/",
            environment={},
            **started,
        )
        self.state, events = start("story", first, c.Moment(self.at))
        self.history: list[e.Event] = events
        self.opening = [tell(event) for event in events[1:]]

    def when(self, command: c.Command) -> list[str]:
        """Apply a command; give what follows."""
        self.at += 1000
        events = react(self.state, command, c.Moment(self.at))
        self.history += events
        return [tell(event) for event in events]

    def ends(self, step: str, outcome: e.Outcome = "succeeded", **more: Any) -> list[str]:
        """The step's attempt in flight ends."""
        return self._ends(step, "run", outcome, **more)

    def undone(self, step: str, outcome: e.Outcome = "succeeded", **more: Any) -> list[str]:
        """The step's undo in flight ends."""
        return self._ends(step, "undo", outcome, **more)

    def checked(self, step: str, outcome: e.Outcome = "succeeded", **more: Any) -> list[str]:
        """The step's check in flight ends."""
        return self._ends(step, "check", outcome, **more)

    def _ends(self, step: str, kind: e.ScriptKind, outcome: e.Outcome, **more: Any) -> list[str]:
        number = self.state.steps[step].numbers[kind]
        if outcome in ("succeeded", "failed") and "exit_code" not in more:
            more["exit_code"] = 0 if outcome == "succeeded" else 1
        return self.when(c.ReportEnd(step=step, kind=kind, attempt=number, outcome=outcome, **more))

    def saved(self, step: str, files: int = 1, reason: str = "") -> list[str]:
        """What the step's attempt in flight will change was kept."""
        number = self.state.steps[step].numbers["run"]
        return self.when(c.ReportSaved(step, number, files, 10 * files, reason))

    def replayed(self) -> RunState:
        """The state that the recorded history alone gives."""
        return replay(
            e.Recorded(position=n, run="story", version=n, event=event)
            for n, event in enumerate(self.history, 1)
        )


def tell(event: e.Event) -> str:
    """An event as a short line."""
    tag = str(event.__struct_config__.tag)
    match event:
        case e.StepFinished() | e.CompensationFinished() | e.CheckFinished():
            return f"{tag} {event.step} {event.attempt} {event.outcome}"
        case e.StepStarted() | e.CompensationStarted() | e.CheckStarted():
            return f"{tag} {event.step} {event.attempt}"
        case e.FilesSaved():
            return f"{tag} {event.step} {event.files}"
        case e.AttemptWithdrawn():
            return f"{tag} {event.step} {event.kind} {event.attempt}"
        case e.RetryScheduled():
            return f"{tag} {event.step} {event.kind} {event.attempt} {event.delay_ms}ms"
        case e.StepSkipped():
            return f"{tag} {event.step}: {event.reason}"
        case e.QuestionAsked():
            return f"{tag} {event.step} {event.about}"
        case e.QuestionAnswered():
            return f"{tag} {event.step} {event.answer}"
        case e.RollbackStarted():
            return f"{tag} {event.cause} {' '.join(event.steps)}"
        case e.OutputAppended():
            return f"{tag} {event.step} {event.data!r}"
        case e.RunFinished():
            return f"{tag} {event.state}"
        case _:
            return tag
