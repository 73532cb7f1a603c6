"""The workflow language, version 1, as types: what a `*.flow.yaml` file says.

These structs are the language (`schema.py` generates the JSON Schema from them), the plan the
engine executes and the shape every suggestion provider must end in. Reading text into them, with
line and column for every problem, is `parse.py`; the order of steps is `graph.py`.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

MAX_STEPS = 500
MAX_SCRIPT_BYTES = 1_048_576
MAX_ITEMS = 1000  # of one step
MAX_GLOBS = 20

Identifier = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$", description="letters, digits, _ and -")
]
VariableName = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Duration = Annotated[
    str | int | float,
    Meta(description="seconds as a number, or 500ms, 30s, 10m, 2h, 1d and sums such as 1h30m"),
]
Shell = Literal["bash", "sh", "zsh", "fish", "python"]
OnInterrupt = Literal["ask", "retry", "check", "undo"]
Sandbox = Literal["off", "project", "strict"]
InputValue = str | int | float | bool

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d{1,15})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNIT_BYTES = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: Duration) -> float:
    """Give a duration of the language in seconds; ValueError when it is not one."""
    if isinstance(duration, int | float):
        if duration < 0 or duration != duration or duration == float("inf"):
            raise ValueError(f"{duration!r} is not a duration: it must be 0 or more, and finite")
        return float(duration)
    text = duration.strip()
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{duration!r} is not a duration: write 500ms, 30s, 10m, 2h or 1h30m")
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)


def size_bytes(size: str | int) -> int:
    """Give a size of the language in bytes; ValueError when it is not one, or nothing."""
    match = _SIZE.fullmatch(str(size).strip())
    found = 0 if match is None else int(match[1]) * _UNIT_BYTES[match[2].upper()]
    if not found:
        raise ValueError(f"{size!r} is not a size: write bytes, or text such as 512M or 2G")
    return found


class Input(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value the user gives; it reaches scripts as an environment variable, never as text."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    description: str = ""
    default: InputValue | None = None
    pattern: str | None = None
    choices: list[InputValue] | None = None


class Retry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How often, and after which pauses, a failed attempt is made again.

    The pause before attempt n+1 is `delay * backoff**(n-1)`, at most `max_delay`, moved by a
    random share of up to `jitter` either way.
    """

    attempts: Annotated[int, Meta(ge=1, le=100)] = 1
    delay: Duration = "1s"
    backoff: Annotated[float, Meta(ge=1, le=10)] = 1.0
    jitter: Annotated[float, Meta(ge=0, le=1)] = 0.0
    max_delay: Duration = "5m"


class Goto(Struct, frozen=True, forbid_unknown_fields=True):
    """Go on, after a failure, at a later step."""

    goto: Identifier


class Undo(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A compensation with its own patience."""

    run: str
    timeout: Duration | None = None
    retry: Retry | None = None


class Limits(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What one attempt may use. Sizes are bytes, or text such as 512M.

    `output` is how much of it is kept: a head and a tail of both streams, as with the setting
    `output_bytes_per_attempt`, which counts where a step does not say.
    """

    memory: str | int | None = None
    processes: Annotated[int, Meta(ge=1)] | None = None
    cpu: Duration | None = None
    output: str | int | None = None


class Step(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"if_": "if", "finally_": "finally", "as_": "as"},
):
    """One step: a script, what it needs, and what to do about its outcome."""

    id: Identifier
    run: str
    name: str = ""
    needs: list[Identifier] | None = None
    if_: str | None = None
    confirm: str | None = None
    undo: str | Undo | None = None
    check: str | None = None
    on_interrupt: OnInterrupt | None = None
    on_error: Literal["rollback", "stop", "continue"] | Goto = "rollback"
    retry: Retry | None = None
    timeout: Duration | None = None
    env: dict[VariableName, str] = field(default_factory=dict)
    cwd: str | None = None
    shell: Shell | None = None
    tty: bool = False
    stdin: str | None = None
    outputs: list[VariableName] = field(default_factory=list)
    sandbox: Sandbox | None = None
    secrets: list[VariableName] = field(default_factory=list)
    finally_: bool = False
    limits: Limits | None = None
    for_each: list[str] | str | None = None
    as_: VariableName | None = None
    parallel: Annotated[int, Meta(ge=1, le=MAX_ITEMS)] = 1
    artifacts: Annotated[list[str], Meta(max_length=MAX_GLOBS)] = field(default_factory=list)

    @property
    def undo_plan(self) -> Undo | None:
        """The compensation in its long form, or None when the step has none."""
        return Undo(run=self.undo) if isinstance(self.undo, str) else self.undo


class Defaults(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a step takes when it does not say."""

    shell: Shell = "bash"
    timeout: Duration | None = None
    on_interrupt: OnInterrupt = "ask"
    retry: Retry | None = None
    sandbox: Sandbox = "off"


class Workflow(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A plan: what will be done, before it is done."""

    flow: Literal[1]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    steps: Annotated[list[Step], Meta(min_length=1, max_length=MAX_STEPS)]
    description: str = ""
    inputs: dict[VariableName, Input] = field(default_factory=dict)
    env: dict[VariableName, str] = field(default_factory=dict)
    cwd: str | None = None
    defaults: Defaults = field(default_factory=Defaults)

    def step(self, step_id: str) -> Step:
        """Give the step with that id; KeyError when there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)


def retry_of(workflow: Workflow, step: Step) -> Retry:
    """The step's retry rule, or the workflow's, or one attempt."""
    return step.retry or workflow.defaults.retry or Retry()


def timeout_of(workflow: Workflow, step: Step) -> float | None:
    """Seconds one attempt of the step may take; None is without limit."""
    chosen = step.timeout if step.timeout is not None else workflow.defaults.timeout
    return None if chosen is None else seconds(chosen)


def shell_of(workflow: Workflow, step: Step) -> Shell:
    """The program that reads the step's scripts."""
    return step.shell or workflow.defaults.shell


def sandbox_of(workflow: Workflow, step: Step) -> Sandbox:
    """What the step's scripts are kept within."""
    return step.sandbox or workflow.defaults.sandbox


def kept_within(level: Sandbox, *, rehearsal: bool) -> Sandbox:
    """Give the level that counts: a rehearsal confines every step."""
    return "project" if rehearsal and level == "off" else level


def on_interrupt_of(workflow: Workflow, step: Step) -> OnInterrupt:
    """What to do when the outcome of an attempt is not known."""
    return step.on_interrupt or workflow.defaults.on_interrupt
