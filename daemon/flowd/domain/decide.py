"""Commands become events: what a request or a report means for a run in this state.

    react = decide (what the command itself means)
            + advance (what follows from it), applied one after another

`react` changes the state; if its events cannot be recorded the caller throws the state away and
replays the log.
"""

from typing import assert_never

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.commands import Command, Moment
from flowd.domain.consents import Granted, Keep
from flowd.domain.evolve import begin, evolve
from flowd.domain.items import parent_of
from flowd.domain.run import RunState
from flowd.domain.saga import (
    MOST_UNASKED_LOSSES,
    advance,
    begin_step,
    can_last,
    undoable,
)
from flowd.errors import Conflict


def react(state: RunState, command: Command, moment: Moment) -> list[e.Event]:
    """Apply a command and all that follows; give the events to record, in order.

    Conflict when the state does not allow the command; the state is then unchanged.
    """
    events = decide(state, command, moment)
    fresh = events
    while fresh:
        for event in fresh:
            evolve(state, event)
        fresh = advance(state, moment)
        events.extend(fresh)
    return events


def start(run: str, started: e.RunStarted, moment: Moment) -> tuple[RunState, list[e.Event]]:
    """Begin a run: its state, and its first events with `started` at their head."""
    state = begin(run, started)
    events: list[e.Event] = [started]
    while fresh := advance(state, moment):
        for event in fresh:
            evolve(state, event)
        events.extend(fresh)
    return state, events


def decide(state: RunState, command: Command, moment: Moment) -> list[e.Event]:
    """Give the events a command itself means. Reads the state only; Conflict when it cannot be."""
    at = moment.at
    if state.parked and isinstance(command, c.Cancel | c.AnswerQuestion):
        raise Conflict(
            f"run {state.run} is parked: {state.parked}", cure=f"flowctl resume {state.run} first"
        )
    match command:
        case c.Wake():
            return []
        case c.ReportSaved():
            return _saved(state, command, at)
        case c.ReportArtifacts():
            return _kept(state, command, at)
        case c.ReportOutput():
            if not _awaits(state, command.step, command.kind, command.attempt):
                return []
            return _output(at, command)
        case c.ReportEnd():
            return _ended(state, command, at)
        case c.ReportNeverStarted():
            if not _awaits(state, command.step, command.kind, command.attempt):
                return []
            return [
                e.AttemptWithdrawn(
                    at=at, step=command.step, attempt=command.attempt, kind=command.kind
                )
            ]
        case c.ReportRetryDue():
            return _retry_due(state, command, moment)
        case c.Cancel():
            return _cancel(state, command, at)
        case c.UndoRun():
            return _undo(state, at)
        case c.RetryRun():
            return _retry(state, command, at)
        case c.ResumeRun():
            return _resume(state, command, at)
        case c.Park():
            return (
                []
                if state.finished or state.parked
                else [e.RunParked(at=at, reason=command.reason)]
            )
        case c.AnswerQuestion():
            return _answer(state, command, at)
        case _:
            assert_never(command)


# ---------------------------------------------------------------------------------------- reports


def _awaits(state: RunState, step_id: str, kind: e.ScriptKind, attempt: int) -> bool:
    """Whether this very attempt is in flight; a report of any other is old news."""
    step = state.steps.get(step_id)
    row = step.attempt(kind, attempt) if step is not None else None
    return row is not None and row.outcome is None


def _saved(state: RunState, report: c.ReportSaved, at: int) -> list[e.Event]:
    if not _awaits(state, report.step, "run", report.attempt):
        return []
    return [
        e.FilesSaved(
            at=at,
            step=report.step,
            attempt=report.attempt,
            files=report.files,
            bytes=report.bytes,
            reason=report.reason,
        )
    ]


def _kept(state: RunState, report: c.ReportArtifacts, at: int) -> list[e.Event]:
    if not _awaits(state, report.step, "run", report.attempt):
        return []
    return [
        e.ArtifactsKept(
            at=at,
            step=report.step,
            attempt=report.attempt,
            files=report.kept.files,
            bytes=sum(file.size for file in report.kept.files),
            left_out=report.kept.left_out,
            reason=report.kept.reason,
        )
    ]


def _output(at: int, report: c.ReportOutput | c.ReportEnd) -> list[e.Event]:
    return [
        e.OutputAppended(
            at=at,
            step=report.step,
            attempt=report.attempt,
            kind=report.kind,
            stream=chunk.stream,
            data=chunk.data,
            skipped=chunk.skipped,
            hidden=chunk.hidden,
        )
        for chunk in report.chunks
    ]


def _ended(state: RunState, report: c.ReportEnd, at: int) -> list[e.Event]:
    if not _awaits(state, report.step, report.kind, report.attempt):
        return []
    events = _output(at, report)
    if report.kind == "run":
        events.append(
            e.StepFinished(
                at=at,
                step=report.step,
                attempt=report.attempt,
                outcome=report.outcome,
                exit_code=report.exit_code,
                duration_ms=report.duration_ms,
                outputs=report.outputs,
                reason=report.reason,
                cpu_ms=report.cpu_ms,
                max_rss_bytes=report.max_rss_bytes,
                output_bytes=report.output_bytes,
                limits=report.limits,
            )
        )
    elif report.kind == "undo":
        events.append(
            e.CompensationFinished(
                at=at,
                step=report.step,
                attempt=report.attempt,
                outcome=report.outcome,
                exit_code=report.exit_code,
                duration_ms=report.duration_ms,
                reason=report.reason,
                cpu_ms=report.cpu_ms,
                max_rss_bytes=report.max_rss_bytes,
                output_bytes=report.output_bytes,
                limits=report.limits,
            )
        )
        if report.outcome == "lost" and _goes_on_putting_back(state, report.step):
            number = state.steps[report.step].next_number("undo")
            events.append(
                e.RetryScheduled(at=at, step=report.step, attempt=number, delay_ms=0, kind="undo")
            )
    else:
        events.append(
            e.CheckFinished(
                at=at,
                step=report.step,
                attempt=report.attempt,
                outcome=report.outcome,
                exit_code=report.exit_code,
                duration_ms=report.duration_ms,
                reason=report.reason,
            )
        )
    return events


def _goes_on_putting_back(state: RunState, step_id: str) -> bool:
    """Whether a compensation whose end nobody saw is ours, which may be repeated at any moment.

    A script that the user wrote may not: of that a person decides, with `flowctl undo`.
    """
    rows = (row for row in state.steps[step_id].attempts if row.kind == "undo")
    earlier = sum(row.outcome == "lost" for row in rows)
    return state.plan[step_id].undo is None and earlier + 1 < MOST_UNASKED_LOSSES


def _retry_due(state: RunState, report: c.ReportRetryDue, moment: Moment) -> list[e.Event]:
    step = state.steps[report.step]
    if report.step not in state.active or step.status != (
        "retrying" if report.kind == "run" else "compensating"
    ):
        return []
    number, at = step.next_number(report.kind), moment.at
    if report.kind == "undo":
        return [e.CompensationStarted(at=at, step=report.step, attempt=number)]
    if step.never_ran:  # what is wrong is its condition or its list: they are asked again
        return begin_step(state, report.step, moment)
    return [e.StepStarted(at=at, step=report.step, attempt=number)]


# --------------------------------------------------------------------------------------- requests


def _cancel(state: RunState, command: c.Cancel, at: int) -> list[e.Event]:
    if state.finished:
        raise Conflict(
            f"run {state.run} is finished: {state.status}", cure="flowctl undo takes it back"
        )
    if state.rollback:
        raise Conflict(
            f"run {state.run} is being rolled back; compensations are not interrupted",
            cure=f"wait for it to end: flowctl attach {state.run}",
        )
    return [] if state.cancelling else [e.CancelRequested(at=at, by=command.by)]


def _refuse_rehearsal(state: RunState) -> None:
    """Conflict for a run that is over and never did anything: there is nothing to go on from."""
    if state.rehearsal:
        raise Conflict(
            f"run {state.run} was a rehearsal: it changed nothing, and what it wrote is gone",
            cure="run the workflow, or rehearse it again",
        )


def _until_it_ends(state: RunState) -> str:
    """What to do about a run that has to be finished first."""
    if state.rollback:  # which `cancel` does not interrupt
        return f"wait for it to end: flowctl attach {state.run}"
    return f"flowctl cancel {state.run} first, or wait"


def _undo(state: RunState, at: int) -> list[e.Event]:
    if not state.finished:
        raise Conflict(
            f"run {state.run} is {state.status}: only a finished run can be undone",
            cure=_until_it_ends(state),
        )
    _refuse_rehearsal(state)
    steps = undoable(state)
    if not steps:
        kept = (step for step in state.completed if not state.can_undo(step))
        left = dict.fromkeys(parent_of(step) or step for step in kept)
        detail = f" (no undo: {', '.join(left)})" if left else ""
        raise Conflict(
            f"run {state.run} has nothing left to undo{detail}", cure="flowctl show tells what ran"
        )
    return [e.RollbackStarted(at=at, cause="undo", steps=steps)]


def _retry(state: RunState, command: c.RetryRun, at: int) -> list[e.Event]:
    if state.status not in ("failed", "cancelled"):
        cure = "start it anew with flowctl run" if state.finished else _until_it_ends(state)
        if state.status == "compensation_failed":
            cure = f"flowctl undo {state.run} tries again what is left; then start it anew"
        raise Conflict(f"run {state.run} is {state.status}: nothing to retry", cure=cure)
    _refuse_rehearsal(state)
    return [e.RetryRequested(at=at, by=command.by)]


def _resume(state: RunState, command: c.ResumeRun, at: int) -> list[e.Event]:
    if state.finished:
        raise Conflict(
            f"run {state.run} is finished: {state.status}",
            cure="flowctl retry goes on from a failed step",
        )
    return [e.RunResumed(at=at, by=command.by)] if state.parked else []


def _grant(state: RunState, command: c.AnswerQuestion, keep: Keep) -> Granted:
    """What a yes approves for longer. Conflict for what only holds once."""
    plan, question = state.plan[command.step], state.questions[command.step]
    asked = can_last(state, plan)
    if command.answer != "yes" or question.about != "approval" or asked is None:
        raise Conflict(
            f"this answer to step {command.step} of run {state.run} holds once only",
            cure="only a yes to what the safety judge asks can hold for longer; answer without it",
        )
    return Granted(keep, asked.key, asked.rules, plan.run, question.question)


def _answer(state: RunState, command: c.AnswerQuestion, at: int) -> list[e.Event]:
    question = state.questions.get(command.step)
    if question is None:
        waiting = ", ".join(state.questions)
        raise Conflict(
            f"step {command.step} of run {state.run} asks nothing"
            + (f"; {waiting} does" if waiting else ""),
            cure="flowctl show lists the open questions"
            if waiting
            else f"the run is {state.status} and waits for no answer",
        )
    if command.answer == "undo" and not state.can_undo(command.step):
        cure = f"answer with one of: {', '.join(a for a in question.answers if a != 'undo')}"
        raise Conflict(f"step {command.step} has no undo", cure=cure)
    if command.answer not in question.answers:
        raise Conflict(
            f"{command.answer!r} does not answer {question.question!r}",
            cure=f"answer with one of: {', '.join(question.answers)}",
        )
    granted = None if command.keep is None else _grant(state, command, command.keep)
    answered: list[e.Event] = [
        e.QuestionAnswered(
            at=at, step=command.step, answer=command.answer, by=command.by, granted=granted
        )
    ]
    if command.answer == "skip":
        reason = f"skipped by {command.by}" if command.by else "skipped by a person"
        answered.append(e.StepSkipped(at=at, step=command.step, reason=reason))
    return answered
