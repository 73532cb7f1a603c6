"""What follows from the state of a run, without anybody asking: the next events of the saga.

Forward: ready steps start (their condition, then their confirmation, comes first). When a failure
asks for it and nothing runs any more, completed steps are compensated in reverse order of
completion, one at a time. Then `finally` steps, then the end.
"""

from flowd.domain import events as e
from flowd.domain.commands import Moment
from flowd.domain.consents import Approvable
from flowd.domain.expressions import evaluate
from flowd.domain.inputs import fill_template, to_environment
from flowd.domain.items import in_words, item_id, items_of, parent_of
from flowd.domain.retry import delay_ms
from flowd.domain.run import RunState
from flowd.domain.scope import scope_of
from flowd.domain.workflow import Step, on_interrupt_of, retry_of
from flowd.errors import InvalidInput

MOST_UNASKED_LOSSES = 5  # after so many lost attempts even `on_interrupt: retry` asks


def advance(state: RunState, moment: Moment) -> list[e.Event]:
    """Give the next events, or none. Called again after they are applied, until there are none."""
    if state.finished or state.parked:
        return []
    if state.unresolved:
        return _resolve(state, state.unresolved[0], moment)
    if state.to_close:
        return [_end_of_loop(state, state.to_close[0], moment)]
    if state.rollback is None:
        if state.jump is not None:
            jumped = _jump_over(state, *state.jump, moment)
            if jumped:
                return jumped
        if state.ready:
            return begin_step(state, next(iter(state.ready)), moment)
        if state.active or (state.remaining and not state.stopping):
            return []
        if state.rollback_wanted and not state.cancelling:
            steps = _to_take_back(state)
            if steps:
                return [e.RollbackStarted(at=moment.at, cause=state.rollback_wanted, steps=steps)]
    elif state.active:
        return []
    elif state.rollback:
        step = state.rollback[0]
        number = state.steps[step].next_number("undo")
        return [e.CompensationStarted(at=moment.at, step=step, attempt=number)]
    if state.finally_left:
        return _begin_finally(state, moment)
    return [e.RunFinished(at=moment.at, state=final_state(state))]


def undoable(state: RunState) -> list[str]:
    """Completed steps whose effects can be taken back, the last completed first."""
    return [step for step in reversed(state.completed) if state.can_undo(step)]


def _to_take_back(state: RunState) -> list[str]:
    """What a rollback compensates. Files that were saved are put back only when a person asks.

    The author of a workflow who says how to undo its steps wants that on failure. One who says
    nothing may count on what is there: to look at it, or to go on with `flowctl retry`.
    """
    steps = undoable(state)
    if state.rollback_wanted == "failure":
        return [step for step in steps if state.plan[step].undo is not None]
    return steps


def final_state(state: RunState) -> e.RunStatus:
    """The state a run ends in when nothing is left to do."""
    if state.rollback is not None:
        return "compensation_failed" if state.compensation_failures else "compensated"
    if state.cancelling:
        return "cancelled"
    return "failed" if state.failure or state.finally_failed else "succeeded"


def begin_step(state: RunState, step_id: str, moment: Moment) -> list[e.Event]:
    """Give what follows when the step, or its next item, may begin."""
    plan, step = state.plan[step_id], state.steps[step_id]
    loop = state.loops.get(step_id)
    if loop is None:
        try:
            if not (step.confirmed or _is_wanted(state, plan)):
                reason = "its condition is false"
                return [e.StepSkipped(at=moment.at, step=step_id, reason=reason)]
            if plan.for_each is not None:
                return [_expand(state, plan, moment)]
        except InvalidInput as error:
            return _fail_to_begin(state, step_id, error.message, moment)
    if not step.confirmed and not state.approved:
        question = _confirmation(state, plan)
        if question:
            about: e.About = "approval"
            asked = e.QuestionAsked(
                at=moment.at,
                step=step_id,
                about=about,
                question=question,
                lasting=can_last(state, plan) is not None,
            )
            answered = _answered_before(state, plan, moment)
            return [asked] if answered is None else [asked, answered]
    if loop is not None:
        step_id = item_id(step_id, loop.queue[-1])
    number = state.steps[step_id].next_number("run")
    return [e.StepStarted(at=moment.at, step=step_id, attempt=number)]


def _is_wanted(state: RunState, plan: Step) -> bool:
    try:
        return plan.if_ is None or evaluate(plan.if_, scope_of(state, plan, plan.if_))
    except InvalidInput as error:
        raise InvalidInput(f"if: {error.message}") from None


def _expand(state: RunState, plan: Step, moment: Moment) -> e.StepExpanded:
    try:
        items = items_of(state, plan)
    except InvalidInput as error:
        cure = f" ({error.cure})" if error.cure else ""
        raise InvalidInput(f"for_each: {error.message}{cure}") from None
    return e.StepExpanded(at=moment.at, step=plan.id, items=items)


def _fail_to_begin(state: RunState, step_id: str, reason: str, moment: Moment) -> list[e.Event]:
    number = state.steps[step_id].next_number("run")
    return [
        e.StepStarted(at=moment.at, step=step_id, attempt=number),
        e.StepFinished(at=moment.at, step=step_id, attempt=number, outcome="failed", reason=reason),
    ]


def _end_of_loop(state: RunState, step_id: str, moment: Moment) -> e.StepFinished:
    """Tell how a step ended whose items are over."""
    loop = state.loops[step_id]
    outcome: e.Outcome = "succeeded"
    code: int | None = 0
    reason = "" if loop.items else "there are no items"
    if loop.failed:
        outcome, code = "failed", state.steps[loop.failed[0]].exit_code
        reason = f"{len(loop.failed)} of {in_words(loop.items, named=False)} failed"
    elif loop.left:
        outcome, code = "cancelled", None
        reason = f"{loop.left} of {in_words(loop.items, named=False)} were not carried out"
    return e.StepFinished(
        at=moment.at,
        step=step_id,
        attempt=0,
        outcome=outcome,
        exit_code=code,
        duration_ms=max(0, moment.at - loop.began_at),
        reason=reason,
    )


def can_last(state: RunState, plan: Step) -> Approvable | None:
    """What a lasting yes to the step's question approves; None where a person must be asked.

    The author of a workflow who asks a question wants it asked each time.
    """
    return None if plan.confirm else state.approvable.get(plan.id)


def _answered_before(state: RunState, plan: Step, moment: Moment) -> e.QuestionAnswered | None:
    """The answer that an earlier yes gives, as long as it holds; None when a person must."""
    asked = can_last(state, plan)
    if asked is None:
        return None
    at = moment.at
    if asked.stands(at):
        by = f"approval {asked.approval}"
        return e.QuestionAnswered(at=at, step=plan.id, answer="yes", by=by, approval=asked.approval)
    for granted in state.granted:
        expires_at = granted.keep.expires_at
        same = granted.key == asked.key and set(asked.rules) <= set(granted.rules)
        if same and (expires_at is None or at < expires_at):
            return e.QuestionAnswered(at=at, step=plan.id, answer="yes", by="an answer in this run")
    return None


def _confirmation(state: RunState, plan: Step) -> str:
    """The question the step's author and the safety judge want asked; empty for none."""
    asked = []
    if plan.confirm:
        asked.append(fill_template(plan.confirm, _message_values(state, plan)))
    if plan.id in state.confirmations:
        asked.append(state.confirmations[plan.id])
    if asked and plan.id in state.loops:
        asked.append(f"({in_words(state.loops[plan.id].items)})")
    return " ".join(asked)


def _message_values(state: RunState, plan: Step) -> dict[str, object]:
    """What `${…}` in a message may name: inputs, `env`, facts of earlier steps by their path."""
    values: dict[str, object] = {**state.workflow.env, **plan.env, **to_environment(state.inputs)}
    for step_id, step in state.steps.items():
        if parent_of(step_id):
            continue
        base = f"steps.{step_id}"
        values[f"{base}.status"] = step.status
        values[f"{base}.exit_code"] = step.exit_code
        values[f"{base}.stdout"] = step.stdout.decode("utf-8", "replace").strip()
        values |= {f"{base}.outputs.{name}": value for name, value in step.outputs.items()}
    return values


def _begin_finally(state: RunState, moment: Moment) -> list[e.Event]:
    if state.active:
        return []
    return begin_step(state, state.finally_left[0], moment)


def _jump_over(state: RunState, origin: str, target: str, moment: Moment) -> list[e.Event]:
    """Skip what lies between a failed step and its goto, in file order."""
    order = [step.id for step in state.workflow.steps if not step.finally_]
    between = order[order.index(origin) + 1 : order.index(target)]
    reason = f"{origin} failed and goes on at {target}"
    return [
        e.StepSkipped(at=moment.at, step=step_id, reason=reason)
        for step_id in between
        if state.steps[step_id].status == "pending"
    ]


def _resolve(state: RunState, step_id: str, moment: Moment) -> list[e.Event]:
    """Say what follows an attempt that ended badly but not for good."""
    plan, step = state.plan[step_id], state.steps[step_id]
    at = moment.at
    if step.status == "compensating":
        undo = plan.undo_plan
        assert undo is not None and undo.retry is not None
        pause = delay_ms(undo.retry, step.tries, moment.chance)
        number = step.next_number("undo")
        return [e.RetryScheduled(at=at, step=step_id, attempt=number, delay_ms=pause, kind="undo")]
    number = step.next_number("run")
    if step.status == "retrying":
        pause = delay_ms(retry_of(state.workflow, plan), step.tries, moment.chance)
        return [e.RetryScheduled(at=at, step=step_id, attempt=number, delay_ms=pause)]
    rule = on_interrupt_of(state.workflow, plan)
    asked = e.QuestionAsked(
        at=at,
        step=step_id,
        about="lost",
        question=f"Nobody knows how {step_id} ended "
        f"({step.reason or 'it was interrupted'}). Was it done?",
        no_undo=not state.can_undo(step_id),
    )
    if rule == "check" and plan.check and step.reason != "its check could not tell":
        return [e.CheckStarted(at=at, step=step_id, attempt=step.next_number("check"))]
    unasked = step.losses < MOST_UNASKED_LOSSES
    if rule == "retry" and unasked and (plan.finally_ or not state.stopping):
        return [e.RetryScheduled(at=at, step=step_id, attempt=number, delay_ms=0)]
    if rule == "undo" and state.can_undo(step_id):
        return [
            asked,
            e.QuestionAnswered(at=at, step=step_id, answer="undo", by="on_interrupt: undo"),
        ]
    return [asked]
