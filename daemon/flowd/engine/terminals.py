"""Which attempts of a run are on a terminal: only a step's own script ever is, no undo or check."""

from flowd.domain.ports import AttemptKey
from flowd.engine.live import LiveRun
from flowd.errors import Conflict, NotFound


def on_terminal(live: LiveRun | None) -> list[AttemptKey]:
    """Give the attempts that run on a terminal now, in file order."""
    if live is None or not any(step.tty for step in live.state.workflow.steps):
        return []
    plan = live.state.plan
    running = {key.step: key for key in live.running if key.kind == "run" and plan[key.step].tty}
    return [running[step.id] for step in live.state.workflow.steps if step.id in running]


def attempt_to_type_to(live: LiveRun | None, run: str, step: str) -> AttemptKey:
    """Give the attempt of the step that runs on a terminal now.

    Conflict when there is none, with `again` true in its data when one may come; NotFound when the
    run has no such step.
    """
    if live is None:
        raise Conflict(f"run {run} is finished: nobody reads keys", cure="flowctl run starts anew")
    found = live.state.plan.get(step)
    if found is None:
        raise NotFound(f"run {run} has no step {step!r}", cure="flowctl show lists its steps")
    if not found.tty:
        raise Conflict(
            f"step {step} is not on a terminal", cure="write `tty: true` in the step, and run anew"
        )
    for key in on_terminal(live):
        if key.step == step:
            return key
    raise Conflict(
        f"step {step} is not running: it is {live.state.steps[step].status}",
        cure=f"flowctl show {run} says what the run does",
        data={"again": live.state.steps[step].status in ("pending", "running", "retrying")},
    )
