"""Apply facts to a run. The only code that changes a `RunState`, live and in replay alike.

States are changed in place: a copy per event would make a run of n steps cost n squared. `decide`
and `advance` only read. A rule here is bound by every history ever written: change what a fact
means and old runs replay differently, so the golden histories must still give the same states.
"""

from collections.abc import Iterable
from functools import singledispatch
from typing import get_args

from flowd.domain import events as e
from flowd.domain.expressions import steps_whose_stdout_is_read
from flowd.domain.graph import needs_of
from flowd.domain.inputs import names_in_template
from flowd.domain.run import (
    STDOUT_KEPT_BYTES,
    AttemptState,
    Question,
    RunState,
    StepState,
    StepStatus,
)
from flowd.domain.transitions import Fact, next_status
from flowd.domain.workflow import Goto, Workflow, retry_of
from flowd.errors import Bug


def begin(run: str, event: e.RunStarted) -> RunState:
    """Make the state of a run whose first event this is."""
    workflow = event.workflow
    state = RunState(
        run=run,
        workflow=workflow,
        inputs=event.inputs,
        cwd=event.cwd,
        environment=event.environment,
        status=next_status("pending", "run_started"),
        steps={step.id: StepState() for step in workflow.steps},
        created_at=event.at,
        updated_at=event.at,
        position=0,
        version=1,
        confirmations=event.questions,
        approved=event.approved,
        window=event.window,
        plan={step.id: step for step in workflow.steps},
        stdout_wanted=_stdout_wanted(workflow),
    )
    _lay_out(state)
    return state


def replay(recorded: Iterable[e.Recorded]) -> RunState:
    """Fold a run's whole history; Bug when it does not begin with RunStarted."""
    state: RunState | None = None
    for item in recorded:
        if state is None:
            if not isinstance(item.event, e.RunStarted):
                raise Bug(f"history of run {item.run} begins with {type(item.event).__name__}")
            state = begin(item.run, item.event)
        else:
            evolve(state, item.event)
        state.position = item.position
    if state is None:
        raise Bug("an empty history is no run")
    return state


def evolve(state: RunState, event: e.Event) -> None:
    """Apply one fact, in place. Bug when the transition table does not allow it."""
    state.status = next_status(state.status, fact_of(state, event))
    _RULES[type(event)](event, state)
    if state.status == "waiting" and not state.questions and not state.parked:
        state.status = next_status(state.status, "questions_dropped")
    state.version += 1
    state.updated_at = event.at


def fact_of(state: RunState, event: e.Event) -> Fact:
    """Name the fact that an event is, seen from this state."""
    match event:
        case e.QuestionAnswered():
            last = set(state.questions) <= {event.step}
            return "last_question_answered" if last else "question_answered"
        case e.RunFinished():
            fact: Fact = f"finished_{event.state}"  # type: ignore[assignment]  # checked by the table
            return fact
        case e.RunResumed():
            if state.rollback is not None:
                return "rollback_resumed"
            return "waiting_resumed" if state.questions else "run_resumed"
        case _:
            tag: Fact = event.__struct_config__.tag  # type: ignore[assignment]  # likewise
            return tag


# ------------------------------------------------------------------------------ facts about steps


@singledispatch
def _apply(event: e.Event, state: RunState) -> None:
    raise Bug(f"no rule applies {type(event).__name__}")


@_apply.register
def _(event: e.StepStarted, state: RunState) -> None:
    step = _open_attempt(state, event.step, "run", event.attempt, event.at)
    step.status = "running"
    step.tries += 1


@_apply.register
def _(event: e.FilesSaved, state: RunState) -> None:
    step = state.steps[event.step]
    step.saved_attempt, step.saved_files = event.attempt, event.files


@_apply.register
def _(event: e.OutputAppended, state: RunState) -> None:
    step = state.steps[event.step]
    attempt = step.attempt(event.kind, event.attempt)
    if attempt is not None:
        before = attempt.written.get(event.stream, 0)
        attempt.written[event.stream] = before + event.skipped + len(event.data)
    if event.step in state.stdout_wanted and event.kind == "run" and event.stream == "stdout":
        room = STDOUT_KEPT_BYTES - len(step.stdout)
        step.stdout += event.data[: max(0, room)]


@_apply.register
def _(event: e.StepFinished, state: RunState) -> None:
    step = _close_attempt(state, event, "run")
    step.exit_code, step.duration_ms = event.exit_code, event.duration_ms
    step.outputs, step.reason = event.outputs, event.reason
    plan = state.plan[event.step]
    if plan.finally_:
        step.status = event.outcome
        state.finally_left.remove(event.step)
        state.finally_failed = state.finally_failed or event.outcome != "succeeded"
    elif event.outcome == "succeeded":
        _succeed(state, event.step)
    elif event.outcome == "lost" and state.cancelling:
        step.status = "lost"
        state.remaining -= 1
        _leave_half_done(state, event.step)
    elif event.outcome == "lost":
        step.status = "lost"
        step.losses += 1
        state.active.add(event.step)
        state.unresolved.append(event.step)
    elif event.outcome == "cancelled":
        step.status = "cancelled"
        if state.cancelling:
            state.remaining -= 1
            _leave_half_done(state, event.step)
        else:  # ended by somebody else's hand: as good as failed
            _fail(state, event.step, "cancelled")
    elif step.tries < retry_of(state.workflow, plan).attempts and not state.stopping:
        step.status = "retrying"
        state.active.add(event.step)
        state.unresolved.append(event.step)
    else:
        _fail(state, event.step, event.outcome)


@_apply.register
def _(event: e.AttemptWithdrawn, state: RunState) -> None:
    step = state.steps[event.step]
    step.attempts = [a for a in step.attempts if (a.kind, a.attempt) != (event.kind, event.attempt)]
    state.active.discard(event.step)
    if event.kind == "run":
        step.status = "pending"
        step.tries -= 1
        if not state.plan[event.step].finally_ and not state.stopping:
            state.ready[event.step] = None
    elif event.kind == "check":
        step.status = "lost"
        state.active.add(event.step)
        state.unresolved.append(event.step)
    else:
        step.status = "succeeded"


@_apply.register
def _(event: e.StepSkipped, state: RunState) -> None:
    step = state.steps[event.step]
    step.status, step.reason = "skipped", event.reason
    state.ready.pop(event.step, None)
    state.questions.pop(event.step, None)
    state.active.discard(event.step)
    if state.plan[event.step].finally_:
        state.finally_left.remove(event.step)
    else:
        _settle(state, event.step)


@_apply.register
def _(event: e.RetryScheduled, state: RunState) -> None:
    if event.step in state.unresolved:
        state.unresolved.remove(event.step)
    state.active.add(event.step)
    state.steps[event.step].retry_at = event.at + event.delay_ms
    if event.kind == "run":
        state.steps[event.step].status = "retrying"


@_apply.register
def _(event: e.CheckStarted, state: RunState) -> None:
    if event.step in state.unresolved:
        state.unresolved.remove(event.step)
    _open_attempt(state, event.step, "check", event.attempt, event.at).status = "checking"


@_apply.register
def _(event: e.CheckFinished, state: RunState) -> None:
    step = _close_attempt(state, event, "check")
    if state.cancelling:
        step.status = "lost"
        state.remaining -= 1
        _leave_half_done(state, event.step)
    elif event.outcome == "succeeded":
        step.reason = "its check says that it was done"
        _succeed(state, event.step)
    elif event.outcome == "failed" and event.exit_code not in (None, 126, 127):
        step.reason = "its check says that it was not done"
        _make_ready(state, event.step)
    else:  # the check itself told nothing
        step.status = "lost"
        step.reason = "its check could not tell"
        state.active.add(event.step)
        state.unresolved.append(event.step)


# -------------------------------------------------------------------------- questions and requests


@_apply.register
def _(event: e.QuestionAsked, state: RunState) -> None:
    if event.step in state.unresolved:
        state.unresolved.remove(event.step)
    state.ready.pop(event.step, None)
    state.questions[event.step] = Question(event.step, event.about, event.question)
    state.active.add(event.step)
    if event.about == "approval":
        state.steps[event.step].status = "waiting"


@_apply.register
def _(event: e.QuestionAnswered, state: RunState) -> None:
    question = state.questions.pop(event.step)
    step = state.steps[event.step]
    state.active.discard(event.step)
    if event.answer == "skip":
        return  # a StepSkipped follows
    if event.answer == "no":
        declined = question.about == "approval"
        step.reason = "declined" if declined else "it was not done"
        _fail(state, event.step, "cancelled" if declined else "failed")
    elif event.answer == "yes" and question.about == "lost":
        step.reason = "a person says that it was done"
        _succeed(state, event.step)
    elif event.answer == "undo":
        _leave_half_done(state, event.step, always=True)
        state.remaining -= 1
        state.rollback_wanted = "answer"
        _stop(state, event.step)
    else:  # yes to an approval, retry of a lost step
        step.confirmed = True
        _make_ready(state, event.step)


@_apply.register
def _(event: e.CancelRequested, state: RunState) -> None:
    state.cancelling = True
    for step_id in sorted(state.active):
        step = state.steps[step_id]
        if step.status in ("retrying", "waiting", "lost"):
            if step.status != "lost":
                step.status = "cancelled"
            state.active.discard(step_id)
            state.remaining -= 1
            _leave_half_done(state, step_id)
    state.questions.clear()
    state.unresolved.clear()
    state.ready.clear()
    state.stopping = True


@_apply.register
def _(event: e.RetryRequested, state: RunState) -> None:
    for step in state.steps.values():
        if step.status in ("failed", "timed_out", "cancelled"):
            step.status, step.tries, step.reason = "pending", 0, ""
    state.cancelling = state.stopping = state.finally_failed = False
    state.failure = state.rollback_wanted = state.jump = None
    _lay_out(state)
    for step_id in [s for s in state.ready if state.steps[s].status == "lost"]:
        del state.ready[step_id]  # asking to go on does not say whether this one was done
        state.active.add(step_id)
        state.unresolved.append(step_id)


@_apply.register
def _(event: e.RunParked, state: RunState) -> None:
    state.parked = event.reason


@_apply.register
def _(event: e.RunResumed, state: RunState) -> None:
    state.parked = ""


@_apply.register
def _(event: e.RunFinished, state: RunState) -> None:
    state.rollback = None


# ---------------------------------------------------------------------------------- compensations


@_apply.register
def _(event: e.RollbackStarted, state: RunState) -> None:
    state.rollback = list(event.steps)
    state.rollback_cause = event.cause
    state.rollback_wanted = None
    state.compensation_failures = []
    for step_id in event.steps:
        state.steps[step_id].tries = 0


@_apply.register
def _(event: e.CompensationStarted, state: RunState) -> None:
    step = _open_attempt(state, event.step, "undo", event.attempt, event.at)
    step.status = "compensating"
    step.tries += 1


@_apply.register
def _(event: e.CompensationFinished, state: RunState) -> None:
    step = _close_attempt(state, event, "undo")
    undo = state.plan[event.step].undo_plan
    if state.rollback is None or not state.can_undo(event.step):
        raise Bug(f"step {event.step} was compensated outside a rollback")
    if event.outcome == "succeeded":
        step.status = "compensated"
        state.rollback.remove(event.step)
        state.completed.remove(event.step)
    elif event.outcome != "lost" and undo and undo.retry and step.tries < undo.retry.attempts:
        step.status = "compensating"
        state.active.add(event.step)
        state.unresolved.append(event.step)
    else:
        step.status, step.reason = "compensation_failed", event.reason
        state.rollback.remove(event.step)
        state.compensation_failures.append(event.step)


# Looked up once: this is asked several times a step.
_RULES = {kind: _apply.dispatch(kind) for kind in get_args(e.Event)}


# -------------------------------------------------------------------------------- what they share


def _open_attempt(
    state: RunState, step_id: str, kind: e.ScriptKind, attempt: int, at: int
) -> StepState:
    step = state.steps[step_id]
    state.ready.pop(step_id, None)
    step.attempts.append(AttemptState(attempt=attempt, kind=kind, at=at))
    step.numbers[kind] = attempt
    state.active.add(step_id)
    return step


def _close_attempt(
    state: RunState,
    event: e.StepFinished | e.CheckFinished | e.CompensationFinished,
    kind: e.ScriptKind,
) -> StepState:
    step = state.steps[event.step]
    state.active.discard(event.step)
    attempt = step.attempt(kind, event.attempt)
    if attempt is not None:
        attempt.outcome, attempt.exit_code = event.outcome, event.exit_code
        attempt.duration_ms = event.duration_ms
        if not isinstance(event, e.CheckFinished):
            attempt.reason = event.reason
            attempt.cpu_ms, attempt.max_rss_bytes = event.cpu_ms, event.max_rss_bytes
    return step


def _succeed(state: RunState, step_id: str) -> None:
    state.steps[step_id].status = "succeeded"
    state.active.discard(step_id)
    _leave_half_done(state, step_id, always=True)  # and no longer half
    _settle(state, step_id)


def _leave_half_done(state: RunState, step_id: str, *, always: bool = False) -> None:
    """A step that ended badly is taken back like a completed one, when its files were saved."""
    if always or state.steps[step_id].saved_files:
        if step_id in state.completed:
            state.completed.remove(step_id)
        state.completed.append(step_id)


def _fail(state: RunState, step_id: str, status: StepStatus) -> None:
    """Apply the step's `on_error` to a failure that no retry mends."""
    state.steps[step_id].status = status
    state.active.discard(step_id)
    _leave_half_done(state, step_id)
    on_error = state.plan[step_id].on_error
    if isinstance(on_error, Goto):
        state.jump = (step_id, on_error.goto)
        _settle(state, step_id)
    elif on_error == "continue":
        _settle(state, step_id)
    else:
        state.remaining -= 1
        if on_error == "rollback" and state.rollback_wanted is None:
            state.rollback_wanted = "failure"
        _stop(state, step_id)


def _stop(state: RunState, cause: str) -> None:
    """Let running siblings end, start nothing new, drop what only waits to start."""
    state.failure = state.failure or cause
    state.stopping = True
    state.ready.clear()
    for step_id in sorted(state.active):
        step = state.steps[step_id]
        if step.status == "retrying":
            step.status = "lost" if step.attempts[-1].outcome == "lost" else "failed"
        elif step.status == "waiting":
            step.status = "pending"
            del state.questions[step_id]
        else:
            continue
        state.active.discard(step_id)
        state.remaining -= 1
        _leave_half_done(state, step_id)
        if step_id in state.unresolved:
            state.unresolved.remove(step_id)


def _settle(state: RunState, step_id: str) -> None:
    """The step no longer holds up the ones that need it."""
    state.remaining -= 1
    for dependent in state.dependents.get(step_id, ()):
        state.unmet[dependent] -= 1
        if state.unmet[dependent] == 0 and state.steps[dependent].status == "pending":
            _make_ready(state, dependent)


def _make_ready(state: RunState, step_id: str) -> None:
    state.steps[step_id].status = "pending"
    state.active.discard(step_id)
    if not state.stopping:
        state.ready[step_id] = None


def _lay_out(state: RunState) -> None:
    """Compute the bookkeeping of what is still to do, from the statuses of the steps."""
    needs = needs_of(state.workflow)
    ordinary = [step.id for step in state.workflow.steps if not step.finally_]
    open_steps = {s for s in ordinary if not _is_settled(state, s)}
    state.finally_left = [step.id for step in state.workflow.steps if step.finally_]
    for step_id in state.finally_left:
        state.steps[step_id].status = "pending"
    state.dependents = {}
    state.unmet = {}
    for step_id in ordinary:
        for need in needs[step_id]:
            state.dependents.setdefault(need, []).append(step_id)
        state.unmet[step_id] = sum(need in open_steps for need in needs[step_id])
    state.ready = {s: None for s in ordinary if s in open_steps and state.unmet[s] == 0}
    state.remaining = len(open_steps)


def _is_settled(state: RunState, step_id: str) -> bool:
    return state.steps[step_id].status in ("succeeded", "skipped")


def _stdout_wanted(workflow: Workflow) -> frozenset[str]:
    """Steps whose output something later reads; that of others is not kept in memory."""
    wanted: set[str] = set()
    for step in workflow.steps:
        if step.if_ is not None:
            wanted |= steps_whose_stdout_is_read(step.if_)
        if step.confirm is not None:
            named = (name.split(".") for name in names_in_template(step.confirm))
            wanted |= {n[1] for n in named if len(n) == 3 and n[0] == "steps" and n[2] == "stdout"}
    return frozenset(step.id for step in workflow.steps) if "*" in wanted else frozenset(wanted)
