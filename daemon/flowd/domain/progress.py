"""The bookkeeping that facts have in common: what may begin, what is over, what follows from it.

These functions change a `RunState` in place, for `evolve.py` alone.
"""

from flowd.domain import events as e
from flowd.domain.expressions import steps_whose_stdout_is_read
from flowd.domain.graph import needs_of
from flowd.domain.inputs import names_in_template
from flowd.domain.items import item_id, parent_of
from flowd.domain.run import AttemptState, RunState, StepState, StepStatus
from flowd.domain.workflow import Goto, Workflow


def open_attempt(
    state: RunState, step_id: str, kind: e.ScriptKind, attempt: int, at: int
) -> StepState:
    """An attempt is recorded, and may exist."""
    step = state.steps[step_id]
    state.ready.pop(step_id, None)
    step.attempts.append(AttemptState(attempt=attempt, kind=kind, at=at))
    step.numbers[kind] = attempt
    state.active.add(step_id)
    return step


def close_attempt(
    state: RunState,
    event: e.StepFinished | e.CheckFinished | e.CompensationFinished,
    kind: e.ScriptKind,
) -> StepState:
    """An attempt is over."""
    step = state.steps[event.step]
    state.active.discard(event.step)
    attempt = step.attempt(kind, event.attempt)
    if attempt is not None:
        attempt.outcome, attempt.exit_code = event.outcome, event.exit_code
        attempt.duration_ms, attempt.reason = event.duration_ms, event.reason
        if not isinstance(event, e.CheckFinished):
            attempt.limits = event.limits
            attempt.cpu_ms, attempt.max_rss_bytes = event.cpu_ms, event.max_rss_bytes
    return step


def succeed(state: RunState, step_id: str) -> None:
    """The step has done its work."""
    state.steps[step_id].status = "succeeded"
    state.active.discard(step_id)
    if not state.plan[step_id].finally_:  # which is never taken back
        leave_half_done(state, step_id, always=True)  # and no longer half
    settle(state, step_id)


def leave_half_done(state: RunState, step_id: str, *, always: bool = False) -> None:
    """A step that ended badly is taken back like a completed one, when its files were saved."""
    if always or state.steps[step_id].saved_files:
        if step_id in state.completed:
            state.completed.remove(step_id)
        state.completed.append(step_id)


def fail(state: RunState, step_id: str, status: StepStatus) -> None:
    """Apply the step's `on_error` to a failure that no retry mends."""
    state.steps[step_id].status = status
    state.active.discard(step_id)
    leave_half_done(state, step_id)
    on_error = state.plan[step_id].on_error
    if state.plan[step_id].finally_:
        give_up(state, step_id)
    elif parent_of(step_id):
        if on_error in ("rollback", "stop"):
            if on_error == "rollback" and state.rollback_wanted is None:
                state.rollback_wanted = "failure"
            stop(state, step_id)
        give_up(state, step_id, failed=True)
    elif isinstance(on_error, Goto):
        state.jump = (step_id, on_error.goto)
        settle(state, step_id)
    elif on_error == "continue":
        settle(state, step_id)
    else:
        state.remaining -= 1
        if on_error == "rollback" and state.rollback_wanted is None:
            state.rollback_wanted = "failure"
        stop(state, step_id)


def stop(state: RunState, cause: str) -> None:
    """Let running siblings end, start nothing new, drop what only waits to start."""
    state.failure = state.failure or cause
    state.stopping = True
    drop_ready(state)
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
        leave_half_done(state, step_id)
        if step_id in state.unresolved:
            state.unresolved.remove(step_id)
        give_up(state, step_id, failed=step.status == "failed")


def drop_ready(state: RunState) -> None:
    """Nothing more begins; an item that was about to go on gives its place up."""
    places = [parent for step_id in state.ready if (parent := parent_of(step_id))]
    state.ready.clear()
    for parent in places:
        item_is_over(state, parent)


def settle(state: RunState, step_id: str) -> None:
    """The step no longer holds up the ones that need it."""
    if state.plan[step_id].finally_:
        state.finally_left.remove(step_id)
        return
    if parent := parent_of(step_id):
        state.loops[parent].left -= 1
        item_is_over(state, parent)
        return
    state.remaining -= 1
    for dependent in state.dependents.get(step_id, ()):
        state.unmet[dependent] -= 1
        if state.unmet[dependent] == 0 and state.steps[dependent].status == "pending":
            make_ready(state, dependent)
        elif state.unmet[dependent] == 0 and state.steps[dependent].status == "lost":
            ask_about(state, dependent)


def ask_about(state: RunState, step_id: str) -> None:
    """That the run goes on does not say whether this step, which was lost, was done."""
    state.active.add(step_id)
    state.unresolved.append(step_id)


def give_up(state: RunState, step_id: str, *, failed: bool = False) -> None:
    """The step is over, and those that need it will not begin."""
    if state.plan[step_id].finally_:
        state.finally_left.remove(step_id)
        state.finally_failed = True
        return
    parent = parent_of(step_id)
    if not parent:
        state.remaining -= 1
        return
    if failed:
        loop = state.loops[parent]
        loop.failed.append(step_id)
        loop.halted = loop.halted or state.plan[parent].on_error != "continue"
    item_is_over(state, parent)


def make_ready(state: RunState, step_id: str) -> None:
    """The step may begin, or go on."""
    state.steps[step_id].status = "pending"
    state.active.discard(step_id)
    if state.plan[step_id].finally_:
        return  # it is the next one to begin, as it was
    if step_id in state.loops:
        take_up_loop(state, step_id)
    elif not state.stopping:
        state.ready[step_id] = None
    elif parent := parent_of(step_id):
        item_is_over(state, parent)


def may_begin(state: RunState, step_id: str) -> bool:
    """Whether a further attempt at the step may begin: of a `finally` step whatever happened."""
    return state.plan[step_id].finally_ or not state.stopping


def lay_out(state: RunState) -> None:
    """Compute the bookkeeping of what is still to do, from the statuses of the steps."""
    needs = needs_of(state.workflow)
    ordinary = [step.id for step in state.workflow.steps if not step.finally_]
    open_steps = {s for s in ordinary if not is_settled(state, s)}
    state.finally_left = [step.id for step in state.workflow.steps if step.finally_]
    for step_id in state.finally_left:
        state.steps[step_id].status, state.steps[step_id].tries = "pending", 0
    state.dependents = {}
    state.unmet = {}
    for step_id in ordinary:
        for need in needs[step_id]:
            state.dependents.setdefault(need, []).append(step_id)
        state.unmet[step_id] = sum(need in open_steps for need in needs[step_id])
    state.ready = {s: None for s in ordinary if s in open_steps and state.unmet[s] == 0}
    state.remaining = len(open_steps)


# ------------------------------------------------------------------------- steps with `for_each`


def begin_item(state: RunState, parent: str, index: int) -> None:
    """An item begins, or goes on."""
    loop = state.loops[parent]
    state.steps[parent].status = "running"
    if loop.queue and loop.queue[-1] == index:  # otherwise it goes on, and has its place
        loop.queue.pop()
        loop.open += 1
        offer_or_close(state, parent)


def item_is_over(state: RunState, parent: str) -> None:
    """An item of the step gives its place up."""
    state.loops[parent].open -= 1
    offer_or_close(state, parent)


def offer_or_close(state: RunState, parent: str) -> None:
    """Let a further item begin if it may; have the step ended once nothing of it goes on."""
    loop = state.loops[parent]
    if is_settled(state, parent):
        return
    more = bool(loop.queue) and not loop.halted and not state.stopping
    if not more and not loop.open:
        state.ready.pop(parent, None)
        state.to_close.append(parent)
    elif more and loop.open < state.plan[parent].parallel:
        state.ready[parent] = None
    else:
        state.ready.pop(parent, None)


def close_loop(state: RunState, event: e.StepFinished) -> None:
    """Apply the end of a step whose items are over, and its `on_error` where one of them failed.

    `rollback` and `stop` have done their work when that item failed.
    """
    step = state.steps[event.step]
    step.status, step.reason = event.outcome, event.reason
    step.exit_code, step.duration_ms = event.exit_code, event.duration_ms
    state.to_close.remove(event.step)
    on_error = state.plan[event.step].on_error
    if event.outcome == "failed" and isinstance(on_error, Goto):
        state.jump = (event.step, on_error.goto)
    if event.outcome == "succeeded" or (
        event.outcome == "failed" and (on_error == "continue" or isinstance(on_error, Goto))
    ):
        settle(state, event.step)
    else:
        state.remaining -= 1


def take_up_loop(state: RunState, parent: str) -> None:
    """Go on with the items that are not done: none of them is going on."""
    loop = state.loops[parent]
    ids = [item_id(parent, index) for index in range(len(loop.items))]
    lost = [item for item in ids if state.steps[item].status == "lost"]
    undone = [i for i, item in enumerate(ids) if state.steps[item].status == "pending"]
    loop.queue, loop.open = undone[::-1], len(lost)
    loop.left = len(undone) + len(lost)
    loop.failed, loop.halted = [], False
    for item in lost:
        state.steps[parent].status = "running"
        ask_about(state, item)
    offer_or_close(state, parent)


def item_is_undone(state: RunState, parent: str, *, failed: bool) -> None:
    """Once all its items are taken back, so is the step; one that failed stays so, to be seen."""
    loop, step = state.loops[parent], state.steps[parent]
    loop.undoing -= 1
    loop.undo_failed = loop.undo_failed or failed
    if not loop.undoing and step.status == "compensating":
        step.status = "compensation_failed" if loop.undo_failed else "compensated"


def take_up_undo(state: RunState, step_id: str) -> None:
    """A compensation that was given up, because nobody saw its end, goes on."""
    assert state.rollback is not None
    step = state.steps[step_id]
    step.status, step.reason = "compensating", ""
    state.rollback.insert(0, step_id)
    state.compensation_failures.remove(step_id)
    if parent := parent_of(step_id):
        loop = state.loops[parent]
        loop.undoing += 1
        loop.undo_failed = any(parent_of(each) == parent for each in state.compensation_failures)


def is_settled(state: RunState, step_id: str) -> bool:
    """Whether the step holds up nobody any more."""
    return state.steps[step_id].status in ("succeeded", "skipped")


def stdout_wanted(workflow: Workflow) -> frozenset[str]:
    """Steps whose output something later reads; that of others is not kept in memory."""
    wanted: set[str] = set()
    for step in workflow.steps:
        for expression in (step.if_, step.for_each):
            if isinstance(expression, str):
                wanted |= steps_whose_stdout_is_read(expression)
        if step.confirm is not None:
            named = (name.split(".") for name in names_in_template(step.confirm))
            wanted |= {n[1] for n in named if len(n) == 3 and n[0] == "steps" and n[2] == "stdout"}
    return frozenset(step.id for step in workflow.steps) if "*" in wanted else frozenset(wanted)
