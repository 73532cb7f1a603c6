"""Apply facts to a run. The only code that changes a `RunState`, live and in replay alike.

States are changed in place: a copy per event would make a run of n steps cost n squared. `decide`
and `advance` only read. A rule here is bound by every history ever written: change what a fact
means and old runs replay differently, so the golden histories must still give the same states.
"""

from collections.abc import Iterable
from functools import singledispatch
from typing import get_args

from flowd.domain import events as e
from flowd.domain.items import index_of, item_steps, parent_of
from flowd.domain.progress import (
    ask_about,
    begin_item,
    close_attempt,
    close_loop,
    drop_ready,
    fail,
    give_up,
    item_is_undone,
    lay_out,
    leave_half_done,
    make_ready,
    may_begin,
    offer_or_close,
    open_attempt,
    settle,
    stdout_wanted,
    stop,
    succeed,
    take_up_loop,
    take_up_undo,
)
from flowd.domain.run import (
    ITEM_STDOUT_KEPT_BYTES,
    STDOUT_KEPT_BYTES,
    Loop,
    Question,
    RunState,
    StepState,
)
from flowd.domain.transitions import Fact, next_status
from flowd.domain.workflow import retry_of
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
        approvable=event.approvable,
        sandbox=event.sandbox,
        plan={step.id: step for step in workflow.steps},
        stdout_wanted=stdout_wanted(workflow),
    )
    lay_out(state)
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
            if not set(state.questions) <= {event.step}:
                return "question_answered"
            return "last_question_answered" if state.rollback is None else "rollback_resumed"
        case e.CancelRequested():
            return "cancel_requested" if state.rollback is None else "cancel_after_rollback"
        case e.RunFinished():
            fact: Fact = f"finished_{event.state}"  # type: ignore[assignment]  # checked by the table
            return fact
        case e.RunResumed():
            if state.questions:
                return "waiting_resumed"
            return "run_resumed" if state.rollback is None else "rollback_resumed"
        case _:
            tag: Fact = event.__struct_config__.tag  # type: ignore[assignment]  # likewise
            return tag


# ------------------------------------------------------------------------------ facts about steps


@singledispatch
def _apply(event: e.Event, state: RunState) -> None:
    raise Bug(f"no rule applies {type(event).__name__}")


@_apply.register
def _(event: e.StepStarted, state: RunState) -> None:
    step = open_attempt(state, event.step, "run", event.attempt, event.at)
    step.status = "running"
    step.tries += 1
    step.stdout, step.stdout_cut = b"", False  # of this attempt alone
    if parent := parent_of(event.step):
        begin_item(state, parent, index_of(event.step))


@_apply.register
def _(event: e.StepExpanded, state: RunState) -> None:
    items = item_steps(state.plan[event.step], event.items)
    state.active.discard(event.step)
    state.steps[event.step].status = "pending"
    count = len(items)
    state.loops[event.step] = Loop(
        items=event.items, began_at=event.at, queue=list(range(count - 1, -1, -1)), left=count
    )
    state.plan |= {item.id: item for item in items}
    state.steps |= {item.id: StepState() for item in items}
    if event.step in state.stdout_wanted:
        state.stdout_wanted |= {item.id for item in items}
    offer_or_close(state, event.step)


@_apply.register
def _(event: e.FilesSaved, state: RunState) -> None:
    step = state.steps[event.step]
    step.saved_attempt, step.saved_files = event.attempt, event.files


@_apply.register
def _(event: e.ArtifactsKept, state: RunState) -> None:
    step = state.steps[event.step]
    if step.artifacts is not None:  # an earlier attempt's, which make room for these
        state.artifact_files -= len(step.artifacts.files)
        state.artifact_bytes -= step.artifacts.bytes
    step.artifacts = event
    state.artifact_files += len(event.files)
    state.artifact_bytes += event.bytes


@_apply.register
def _(event: e.OutputAppended, state: RunState) -> None:
    step = state.steps[event.step]
    attempt = step.attempt(event.kind, event.attempt)
    if attempt is not None:
        before = attempt.written.get(event.stream, 0)
        attempt.written[event.stream] = before + event.skipped + len(event.data) + event.hidden
    if event.step in state.stdout_wanted and event.kind == "run" and event.stream == "stdout":
        most = ITEM_STDOUT_KEPT_BYTES if parent_of(event.step) else STDOUT_KEPT_BYTES
        room = max(0, most - len(step.stdout))
        step.stdout_cut |= event.skipped > 0 or len(event.data) > room
        step.stdout += event.data[:room]


@_apply.register
def _(event: e.StepFinished, state: RunState) -> None:
    if event.step in state.loops:
        close_loop(state, event)
        return
    step = close_attempt(state, event, "run")
    step.exit_code, step.duration_ms = event.exit_code, event.duration_ms
    step.outputs, step.reason = event.outputs, event.reason
    if event.outputs and not parent_of(event.step):  # items are read with `for_each`
        state.publishers[event.step] = None
    else:
        state.publishers.pop(event.step, None)
    plan = state.plan[event.step]
    if event.outcome == "succeeded":
        succeed(state, event.step)
    elif event.outcome == "lost" and state.cancelling:
        step.status = "lost"
        leave_half_done(state, event.step)
        give_up(state, event.step)
    elif event.outcome == "lost":
        step.status = "lost"
        step.losses += 1
        state.active.add(event.step)
        state.unresolved.append(event.step)
    elif event.outcome == "cancelled":
        step.status = "cancelled"
        if state.cancelling:
            leave_half_done(state, event.step)
            give_up(state, event.step)
        else:  # ended by somebody else's hand: as good as failed
            fail(state, event.step, "cancelled")
    elif step.tries < retry_of(state.workflow, plan).attempts and may_begin(state, event.step):
        step.status = "retrying"
        state.active.add(event.step)
        state.unresolved.append(event.step)
    else:
        fail(state, event.step, event.outcome)


@_apply.register
def _(event: e.AttemptWithdrawn, state: RunState) -> None:
    step = state.steps[event.step]
    step.attempts = [a for a in step.attempts if (a.kind, a.attempt) != (event.kind, event.attempt)]
    state.active.discard(event.step)
    if event.kind == "run":
        step.status = "pending"
        step.tries -= 1
        make_ready(state, event.step)
    elif event.kind == "check":
        step.status = "lost"
        state.active.add(event.step)
        state.unresolved.append(event.step)
    else:
        step.status = "succeeded"
        step.tries -= 1


@_apply.register
def _(event: e.StepSkipped, state: RunState) -> None:
    step = state.steps[event.step]
    step.status, step.reason = "skipped", event.reason
    state.ready.pop(event.step, None)
    state.questions.pop(event.step, None)
    state.active.discard(event.step)
    settle(state, event.step)


@_apply.register
def _(event: e.RetryScheduled, state: RunState) -> None:
    if event.step in state.unresolved:
        state.unresolved.remove(event.step)
    state.active.add(event.step)
    state.steps[event.step].retry_at = event.at + event.delay_ms
    state.steps[event.step].retry_delay_ms = event.delay_ms
    if event.kind == "run":
        state.steps[event.step].status = "retrying"
    elif state.steps[event.step].status == "compensation_failed":
        take_up_undo(state, event.step)


@_apply.register
def _(event: e.CheckStarted, state: RunState) -> None:
    if event.step in state.unresolved:
        state.unresolved.remove(event.step)
    open_attempt(state, event.step, "check", event.attempt, event.at).status = "checking"


@_apply.register
def _(event: e.CheckFinished, state: RunState) -> None:
    step = close_attempt(state, event, "check")
    if state.cancelling:
        step.status = "lost"
        leave_half_done(state, event.step)
        give_up(state, event.step)
    elif event.outcome == "succeeded":
        step.reason = "its check says that it was done"
        succeed(state, event.step)
    elif event.outcome == "failed" and event.exit_code not in (None, 126, 127):
        step.reason = "its check says that it was not done"
        make_ready(state, event.step)
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
    state.questions[event.step] = Question(event.step, event.about, event.question, event.no_undo)
    state.active.add(event.step)
    if event.about == "approval":
        state.steps[event.step].status = "waiting"


@_apply.register
def _(event: e.QuestionAnswered, state: RunState) -> None:
    question = state.questions.pop(event.step)
    if event.granted is not None:
        state.granted.append(event.granted)
    step = state.steps[event.step]
    state.active.discard(event.step)
    if event.answer == "skip":
        return  # a StepSkipped follows
    if event.answer == "no":
        declined = question.about == "approval"
        step.reason = "declined" if declined else "it was not done"
        fail(state, event.step, "cancelled" if declined else "failed")
    elif event.answer == "yes" and question.about == "lost":
        step.reason = "a person says that it was done"
        succeed(state, event.step)
    elif event.answer == "undo":
        leave_half_done(state, event.step, always=True)
        state.rollback_wanted = "answer"
        stop(state, event.step)
        give_up(state, event.step, failed=True)
    else:  # yes to an approval, retry of a lost step
        step.confirmed = True
        make_ready(state, event.step)


@_apply.register
def _(event: e.CancelRequested, state: RunState) -> None:
    state.cancelling = state.stopping = True
    state.questions.clear()
    state.unresolved.clear()
    drop_ready(state)
    for step_id in sorted(state.active):
        step = state.steps[step_id]
        if step.status in ("retrying", "waiting", "lost"):
            if step.status != "lost":
                step.status = "cancelled"
            state.active.discard(step_id)
            leave_half_done(state, step_id)
            give_up(state, step_id)


@_apply.register
def _(event: e.RetryRequested, state: RunState) -> None:
    for step in state.steps.values():
        if step.status in ("failed", "timed_out", "cancelled"):
            step.status, step.tries, step.reason = "pending", 0, ""
    state.cancelling = state.stopping = state.finally_failed = False
    state.failure = state.rollback_wanted = state.jump = None
    lay_out(state)
    for step_id in [s for s in state.ready if state.steps[s].status == "lost"]:
        del state.ready[step_id]
        ask_about(state, step_id)
    for parent in [step_id for step_id in state.ready if step_id in state.loops]:
        take_up_loop(state, parent)


@_apply.register
def _(event: e.RunParked, state: RunState) -> None:
    state.parked = event.reason


@_apply.register
def _(event: e.RunResumed, state: RunState) -> None:
    state.parked = ""


@_apply.register
def _(event: e.RunFinished, state: RunState) -> None:
    state.rollback = None
    # The first versions ended `finally` steps at once, which are retried or asked about now.
    for step_id in state.active & set(state.finally_left):
        step = state.steps[step_id]
        step.status = step.attempts[-1].outcome or "failed"
        state.active.discard(step_id)
    state.unresolved = [each for each in state.unresolved if each not in state.finally_left]
    state.finally_left.clear()


# ---------------------------------------------------------------------------------- compensations


@_apply.register
def _(event: e.RollbackStarted, state: RunState) -> None:
    state.rollback = list(event.steps)
    state.rollback_cause = event.cause
    state.rollback_wanted = None
    state.compensation_failures = []
    for step_id in event.steps:
        state.steps[step_id].tries = 0
        if parent := parent_of(step_id):
            state.loops[parent].undoing += 1
            state.loops[parent].undo_failed = False


@_apply.register
def _(event: e.CompensationStarted, state: RunState) -> None:
    step = open_attempt(state, event.step, "undo", event.attempt, event.at)
    step.status = "compensating"
    step.tries += 1
    parent = state.steps.get(parent_of(event.step))
    if parent is not None and parent.status in ("succeeded", "compensation_failed"):
        parent.status = "compensating"


@_apply.register
def _(event: e.CompensationFinished, state: RunState) -> None:
    step = close_attempt(state, event, "undo")
    undo = state.plan[event.step].undo_plan
    if state.rollback is None or not state.can_undo(event.step):
        raise Bug(f"step {event.step} was compensated outside a rollback")
    if event.outcome == "succeeded":
        step.status, step.reason = "compensated", ""
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
    if (parent := parent_of(event.step)) and step.status != "compensating":
        item_is_undone(state, parent, failed=step.status == "compensation_failed")


# Looked up once: this is asked several times a step.
_RULES = {kind: _apply.dispatch(kind) for kind in get_args(e.Event)}
