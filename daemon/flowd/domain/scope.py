"""What an expression of a step sees of its run."""

from flowd.domain.expressions import ITEMS, references
from flowd.domain.run import Loop, RunState, StepState
from flowd.domain.workflow import Step


def scope_of(state: RunState, plan: Step, expression: str) -> dict[str, object]:
    """Give `steps.ID.{status,exit_code,outputs,stdout,items}`, `inputs`, `env` as far as needed.

    Outputs are what scripts gave; environments go before one another as they do for scripts.
    """
    used = references(expression)
    named = {name.path[1] for name in used.names if name.path[0] == "steps" and len(name.path) > 1}
    wanted = [step.id for step in state.workflow.steps] if used.whole_steps else named
    steps = {
        step_id: _facts(state, step_id, expression) for step_id in wanted if step_id in state.steps
    }
    env = {**state.environment, **state.workflow.env, **plan.env}
    return {"steps": steps, "inputs": state.inputs, "env": env}


def _facts(state: RunState, step_id: str, expression: str) -> dict[str, object]:
    facts = _own_facts(state.steps[step_id], expression)
    loop = state.loops.get(step_id)
    if state.plan[step_id].for_each is not None and ITEMS in expression:
        facts[ITEMS] = [] if loop is None else _items(state, step_id, loop, expression)
    return facts


def _items(state: RunState, step_id: str, loop: Loop, expression: str) -> list[dict[str, object]]:
    return [
        {"item": item, **_own_facts(state.steps[f"{step_id}.{index}"], expression)}
        for index, item in enumerate(loop.items)
    ]


def _own_facts(step: StepState, expression: str) -> dict[str, object]:
    """Give what the expression may look at: each loop over items copies all that is given."""
    facts: dict[str, object] = {"status": step.status, "exit_code": step.exit_code}
    if "outputs" in expression:
        facts["outputs"] = step.outputs
    if "stdout" in expression:
        facts["stdout"] = step.stdout.decode("utf-8", "replace")
    return facts
