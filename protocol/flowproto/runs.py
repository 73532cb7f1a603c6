"""Messages about runs: start, look, attach, steer."""

from typing import Any, Literal

from msgspec import Struct, field

RunState = Literal[
    "pending",
    "running",
    "waiting",
    "compensating",
    "succeeded",
    "failed",
    "cancelled",
    "compensated",
    "compensation_failed",
]
FINISHED_STATES: frozenset[str] = frozenset(
    {"succeeded", "failed", "cancelled", "compensated", "compensation_failed"}
)


class RunParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/run`. Exactly one of workflow, text, path, template, suggestion.

    Of a suggestion that was edited, `from_suggestion` is the id: Flow learns from the edit.

    `environment` is what the steps see besides the workflow's own `env` (the daemon's own when
    left out); `approve` answers yes to every confirmation up front; `preflight` false starts it
    although a step surely cannot work here. The same `client_token` twice
    gives the same run. `columns` and `rows` go together: how large the client's terminal is, and
    so those of steps with `tty: true` when they start. To `rehearse` changes nothing for good: all
    steps are confined to a layer over the project, without network; see `flow/rehearsal`.
    """

    workflow: dict[str, Any] | None = None
    text: str | None = None
    path: str | None = None
    template: str | None = None
    suggestion: str | None = None
    from_suggestion: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    cwd: str | None = None
    environment: dict[str, str] | None = None
    client_token: str | None = None
    approve: bool = False
    preflight: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
    columns: int | None = None
    rows: int | None = None
    rehearse: bool = False


class RunResult(Struct, omit_defaults=True):
    """The run's id. It exists durably from now on.

    `notice` is what a person should know all the same: a policy file that cannot be read.
    """

    run: str
    notice: str = ""


class RunRef(Struct, forbid_unknown_fields=True):
    """Names a run by id or unambiguous abbreviation."""

    run: str


class SteerParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Names a run that shall go on. `secrets` as for `flow/run`."""

    run: str
    secrets: dict[str, str] = field(default_factory=dict)


class AttachParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/attach`: events after position `from` (0 or left out: all), then live ones."""

    run: str
    from_: int = field(default=0, name="from")


class AttachResult(Struct):
    """`position` is the newest event at this moment; events follow as `flow/event`."""

    run: str
    position: int
    state: RunState


class StateResult(Struct):
    """State of the run after the request was accepted."""

    run: str
    state: RunState


class AnswerParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/answer`: decide what the run waits for. Without `step`, its only open question.

    `keep` makes a yes to what the safety judge asks hold for the same question: in this run, in
    this project, always. `expires_s` ends that after so many seconds.
    """

    run: str
    step: str | None = None
    answer: Literal["yes", "no", "retry", "skip", "undo"]
    keep: Literal["run", "project", "always"] | None = None
    expires_s: int | None = None


class ListParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/list`: newest first. `state` filters; `query` is part of a name or id."""

    query: str = ""
    state: list[str] | str | None = None
    limit: int = 100


class RunRow(Struct, kw_only=True):
    """One run in a list. Times are milliseconds since the epoch.

    `terminals` are the steps that run on a terminal now: perhaps they wait for somebody to type.
    """

    id: str
    name: str
    state: RunState
    cwd: str
    created_at: int
    updated_at: int
    steps: int
    steps_done: int
    question: str = ""
    terminals: list[str] = field(default_factory=list)


class ListResult(Struct):
    """Runs, newest first."""

    runs: list[RunRow]


class AttemptRow(Struct, kw_only=True):
    """One attempt of a step. `kind` tells the step's own script from its undo and check.

    `duration_ms` is wall time, `cpu_ms` the CPU time (user and system) of the script and all it
    waited for, `max_rss_bytes` the most memory one process of it had; null where that was not
    measured. `output_bytes` is what it wrote on both streams, kept or not. `limits` says which
    limits it had and what held them.
    """

    attempt: int
    kind: Literal["run", "undo", "check"]
    state: str
    exit_code: int | None = None
    started_at: int | None = None
    duration_ms: int | None = None
    reason: str = ""
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class ItemRow(Struct, kw_only=True):
    """One item of a step with `for_each`, which is carried out as a step of its own: `id`.

    What is not here is as in its step.
    """

    id: str
    item: str
    state: str
    exit_code: int | None = None
    duration_ms: int | None = None
    reason: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    saved_files: int = 0
    artifacts: int = 0
    attempts: list[AttemptRow] = field(default_factory=list)


class StepRow(Struct, kw_only=True):
    """One step of a run. `exit_code` and `duration_ms` are those of its last attempt.

    Where the step has `for_each`, `items` are null until they are known; they have the attempts,
    and `exit_code` is that of the first that failed. `tty` says that its script runs on a terminal.
    `sandbox` is what its scripts are kept within: `off`, `project` or `strict`.
    `saved_files` counts the paths that were kept before the step and that undoing puts back,
    `artifacts` the files that it made and that are kept with the run: `flow/artifacts` names them.
    """

    id: str
    name: str
    state: str
    run: str
    exit_code: int | None = None
    duration_ms: int | None = None
    reason: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    undo: str | None = None
    tty: bool = False
    saved_files: int = 0
    attempts: list[AttemptRow] = field(default_factory=list)
    artifacts: int = 0
    for_each: bool = False
    items: list[ItemRow] | None = None
    sandbox: str = "off"


class QuestionRow(Struct, kw_only=True):
    """What a run waits for. `answers` are those that `flow/answer` takes now."""

    step: str
    about: Literal["approval", "lost"]
    question: str
    answers: list[str]


class ShowResult(Struct, kw_only=True):
    """A run as it stands. `sandbox` says, for people, what confines its steps, and how."""

    id: str
    name: str
    state: RunState
    cwd: str
    created_at: int
    updated_at: int
    position: int
    steps: list[StepRow]
    inputs: dict[str, Any] = field(default_factory=dict)
    questions: list[QuestionRow] = field(default_factory=list)
    workflow: dict[str, Any] = field(default_factory=dict)
    sandbox: str = ""


class LogsParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/logs`: output of a run, of one step (with its items) or item, after position `from`."""

    run: str
    step: str | None = None
    from_: int = field(default=0, name="from")


class LogChunk(Struct, kw_only=True):
    """A piece of output. Bytes that are not UTF-8 are shown as U+FFFD."""

    position: int
    step: str
    attempt: int
    kind: Literal["run", "undo", "check"]
    stream: Literal["stdout", "stderr"]
    text: str
    skipped: int = 0


class LogsResult(Struct):
    """Chunks in order. `more` says that another request from `position` gives further ones."""

    chunks: list[LogChunk]
    position: int
    more: bool
