"""From the state of a run to the process of one attempt: script, folder, environment."""

from flowd.domain.boundaries import NOTHING_DRAWN
from flowd.domain.events import ScriptKind
from flowd.domain.inputs import to_environment
from flowd.domain.ports import AttemptKey, Confinement, Launch
from flowd.domain.run import RunState
from flowd.domain.workflow import Step, kept_within, sandbox_of, seconds, shell_of, timeout_of
from flowd.engine.acceptance import folder_in
from flowd.errors import Bug


def launch_of(state: RunState, key: AttemptKey) -> Launch:
    """Describe the process of an attempt."""
    step = state.plan[key.step]
    on_terminal = step.tty and key.kind == "run"
    return Launch(
        key=key,
        script=script_of(step, key.kind),
        shell=shell_of(state.workflow, step),
        cwd=folder_in(state.cwd, step.cwd),
        environment=environment_of(state, step),
        stdin=step.stdin if key.kind == "run" else None,
        limits=step.limits,
        terminal=on_terminal,
        window=state.window if on_terminal else None,
        confinement=confinement_of(state, step),
    )


def confinement_of(state: RunState, step: Step) -> Confinement | None:
    """Give what the scripts of a step are kept within; None for those that are not."""
    level = kept_within(sandbox_of(state.workflow, step), rehearsal=state.rehearsal)
    if state.sandbox is None:
        if level == "off":
            return None
        raise Bug(f"step {step.id} is to be confined, and nobody looked whether it can be")
    drawn = state.sandbox.drawn
    if level == "off" and drawn == NOTHING_DRAWN:
        return None
    return Confinement(
        level,
        state.cwd if level == "off" else state.sandbox.project,
        state.run if state.rehearsal else "",
        drawn=drawn,
        # The client's word, not the workflow's: it uncovers a socket.
        agent=state.environment.get("SSH_AUTH_SOCK", ""),
    )


def script_of(step: Step, kind: ScriptKind) -> str:
    """The text of one of the step's scripts."""
    undo = step.undo_plan
    script = {"run": step.run, "undo": undo.run if undo else None, "check": step.check}[kind]
    if script is None:
        raise Bug(f"step {step.id} has no {kind} script")
    return script


def timeout_seconds(state: RunState, key: AttemptKey) -> float | None:
    """How long the attempt may take; an undo's own timeout goes before the step's.

    Putting saved files back may take as long as it takes: half of them is worth nothing.
    """
    step = state.plan[key.step]
    undo = step.undo_plan
    if key.kind == "undo" and undo is None:
        return None
    if key.kind == "undo" and undo is not None and undo.timeout is not None:
        return seconds(undo.timeout)
    return timeout_of(state.workflow, step)


def environment_of(state: RunState, step: Step) -> dict[str, str]:
    """The whole environment of a script: what the client sent, and what it was given."""
    return {**state.environment, **given_to(state, step)}


def given_to(state: RunState, step: Step) -> dict[str, str]:
    """What a script is given beside its client's environment: later entries before earlier ones.

    The workflow's and the step's `env`; the inputs by name; outputs of earlier steps as
    `steps_ID_KEY` (hyphens of the id become underscores).
    """
    outputs = {
        f"steps_{step_id.replace('-', '_')}_{name}": value
        for step_id in state.publishers  # most have none, and this is asked at every step
        for name, value in state.steps[step_id].outputs.items()
    }
    return {
        **state.workflow.env,
        **step.env,
        **to_environment(state.inputs),
        **outputs,
    }
