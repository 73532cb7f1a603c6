"""What follows from the state of a run, without anybody asking: the next events of the saga.

Forward: ready steps start (their condition, then their confirmation, comes first). When a failure
asks for it and nothing runs any more, completed steps are compensated in reverse order of
completion, one at a time. Then `finally` steps, then the end.
"""

from flowd.domain import events as e
from flowd.domain.commands import Moment
from flowd.domain.expressions import evaluate
from flowd.domain.inputs import fill_template, to_environment
from flowd.domain.retry import delay_ms
from flowd.domain.run import RunState
from flowd.domain.workflow import Step, on_interrupt_of, retry_of
from flowd.errors import InvalidInput

MOST_UNASKED_LOSSES = 5  # after so many lost attempts even `on_interrupt: retry` asks


def advance(state: RunState, moment: Moment) -> list[e.Event]:
    """Give the next events, or none. Called again after they are applied, until there are none."""
    if state.finished or state.parked:
        return []
    if state.unresolved:
        return _resolve(state, state.unresolved[0], moment)
    if state.rollback is None:
        if state.jump is not None:
            jumped = _jump_over(state, *state.jump, moment)
            if jumped:
                return jumped
        if state.ready:
            return _begin_step(state, next(iter(state.ready)), moment)
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


def scope_of(state: RunState, plan: Step) -> dict[str, object]:
    """What a step's expression sees: `steps.ID.{status,exit_code,outputs,stdout}`, `inputs`, `env`.

    Outputs are what scripts gave; environments go before one another as they do for scripts.
    """
    steps = {
        step_id: {
            "status": step.status,
            "exit_code": step.exit_code,
            "outputs": step.outputs,
            "stdout": step.stdout.decode("utf-8", "replace"),
        }
        for step_id, step in state.steps.items()
    }
    env = {**state.environment, **state.workflow.env, **plan.env}
    return {"steps": steps, "inputs": state.inputs, "env": env}


def _begin_step(state: RunState, step_id: str, moment: Moment) -> list[e.Event]:
    plan, step = state.plan[step_id], state.steps[step_id]
    number = step.next_number("run")
    if not step.confirmed and plan.if_ is not None:
        try:
            wanted = evaluate(plan.if_, scope_of(state, plan))
        except InvalidInput as error:
            reason = f"if: {error.message}"
            return [
                e.StepStarted(at=moment.at, step=step_id, attempt=number),
                e.StepFinished(
                    at=moment.at, step=step_id, attempt=number, outcome="failed", reason=reason
                ),
            ]
        if not wanted:
            return [e.StepSkipped(at=moment.at, step=step_id, reason="its condition is false")]
    question = _confirmation(state, plan)
    if question and not step.confirmed and not state.approved:
        return [e.QuestionAsked(at=moment.at, step=step_id, about="approval", question=question)]
    return [e.StepStarted(at=moment.at, step=step_id, attempt=number)]


def _confirmation(state: RunState, plan: Step) -> str:
    """The question the step's author and the safety judge want asked; empty for none."""
    asked = []
    if plan.confirm:
        asked.append(fill_template(plan.confirm, _message_values(state, plan)))
    if plan.id in state.confirmations:
        asked.append(state.confirmations[plan.id])
    return " ".join(asked)


def _message_values(state: RunState, plan: Step) -> dict[str, object]:
    """What `${…}` in a message may name: inputs, `env`, facts of earlier steps by their path."""
    values: dict[str, object] = {**state.workflow.env, **plan.env, **to_environment(state.inputs)}
    for step_id, step in state.steps.items():
        base = f"steps.{step_id}"
        values[f"{base}.status"] = step.status
        values[f"{base}.exit_code"] = step.exit_code
        values[f"{base}.stdout"] = step.stdout.decode("utf-8", "replace").strip()
        values |= {f"{base}.outputs.{name}": value for name, value in step.outputs.items()}
    return values


def _begin_finally(state: RunState, moment: Moment) -> list[e.Event]:
    if state.active:
        return []
    return _begin_step(state, state.finally_left[0], moment)


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
    )
    if rule == "check" and plan.check and step.reason != "its check could not tell":
        return [e.CheckStarted(at=at, step=step_id, attempt=step.next_number("check"))]
    if rule == "retry" and step.losses < MOST_UNASKED_LOSSES and not state.stopping:
        return [e.RetryScheduled(at=at, step=step_id, attempt=number, delay_ms=0)]
    if rule == "undo" and state.can_undo(step_id):
        return [
            asked,
            e.QuestionAnswered(at=at, step=step_id, answer="undo", by="on_interrupt: undo"),
        ]
    return [asked]
