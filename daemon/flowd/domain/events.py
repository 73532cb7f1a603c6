"""Facts about runs, in the past tense. A run is the fold of its events and nothing else.

Events are encoded as arrays (`array_like`), so a field may only ever be added, at the end, with a
default; a change of meaning gets a new event and an upcaster (`upcast.py`). `at` is wall-clock
milliseconds since the epoch: for people; no rule measures a duration with it.
"""

from typing import Literal

from msgspec import Struct, field

from flowd.domain.boundaries import Drawn
from flowd.domain.consents import Approvable, Granted
from flowd.domain.workflow import InputValue, Workflow

RunStatus = Literal[
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
Outcome = Literal["succeeded", "failed", "timed_out", "cancelled", "lost"]
ScriptKind = Literal["run", "undo", "check"]
Stream = Literal["stdout", "stderr"]
Answer = Literal["yes", "no", "retry", "skip", "undo"]
About = Literal["approval", "lost"]
RollbackCause = Literal["failure", "undo", "answer"]


class _Event(Struct, frozen=True, array_like=True):
    at: int


class Confined(Struct, frozen=True, array_like=True):
    """What a run's steps are confined to by their `sandbox` and by policies, and what keeps them.

    `project` is the folder that those with a sandbox may write to, `words` say for people how this
    machine does it.
    In a rehearsal every step is confined, and writes into a layer over the project or a copy of it.
    What policies draw bounds them, and steps without a sandbox, too: see `Drawn`.
    """

    project: str
    words: str
    rehearsal: Literal["", "overlay", "copy"] = ""
    network: bool = True
    writable: tuple[tuple[str, ...], ...] = ()
    readable: tuple[tuple[str, ...], ...] = ()
    privilege: bool = True

    @property
    def drawn(self) -> Drawn:
        """What policies draw for the run."""
        return Drawn(self.writable, self.readable, self.network, self.privilege)


class RunStarted(_Event, frozen=True, tag="run_started"):
    """A plan was accepted. `questions` are confirmations the safety judge demands, by step.

    `approvable` says of those that an approval can answer what they are about.
    `window` is the size of the client's terminal, columns and rows, if it said so. `sandbox` is
    there when a step has one, or a policy draws boundaries.
    """

    workflow: Workflow
    inputs: dict[str, InputValue]
    cwd: str
    environment: dict[str, str]
    questions: dict[str, str] = field(default_factory=dict)
    approved: bool = False
    client_token: str | None = None
    origin: str = ""
    window: tuple[int, int] | None = None
    approvable: dict[str, Approvable] = field(default_factory=dict)
    sandbox: Confined | None = None


class StepStarted(_Event, frozen=True, tag="step_started"):
    """An attempt may now exist: recorded before its process is made."""

    step: str
    attempt: int


class StepExpanded(_Event, frozen=True, tag="step_expanded"):
    """What a step with `for_each` runs for is fixed, for as long as there is a run.

    Each item is carried out as a step of its own, called `STEP.INDEX`; the first index is 0.
    """

    step: str
    items: list[str]


class FilesSaved(_Event, frozen=True, tag="files_saved"):
    """What the step is about to change was kept, so that it can be put back.

    Recorded before the step's process is made. No files, and a `reason`: nothing could be kept.
    """

    step: str
    attempt: int
    files: int
    bytes: int
    reason: str = ""


class Artifact(Struct, frozen=True, array_like=True):
    """A file that was kept with the run. `path` is seen from the step's folder."""

    path: str
    size: int
    sha256: str
    mode: int


class ArtifactsKept(_Event, frozen=True, tag="artifacts_kept"):
    """What matched the step's `artifacts` when an attempt had ended was copied, in this order.

    `left_out` counts files that matched and were not; `reason` says why, or why there are none.
    What earlier attempts of the step left is no longer kept.
    """

    step: str
    attempt: int
    files: list[Artifact]
    bytes: int
    left_out: int = 0
    reason: str = ""


class OutputAppended(_Event, frozen=True, tag="step_output"):
    """Bytes a script wrote. `skipped` bytes before them were left out (the cap was reached).

    Secrets in them are masked; the script wrote `hidden` bytes more than `data` has (or less).
    """

    step: str
    attempt: int
    kind: ScriptKind
    stream: Stream
    data: bytes
    skipped: int = 0
    hidden: int = 0


class StepFinished(_Event, frozen=True, tag="step_finished"):
    """An attempt ended, or is known to be lost. `duration_ms` is measured on a steady clock.

    Attempt 0 is the end of a step with `for_each`, whose items have the attempts.

    `cpu_ms` and `max_rss_bytes` are as in `ports.Usage`; `output_bytes` is what it wrote on both
    streams, recorded or left out. `limits` says which it had and what held them.
    """

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None = None
    duration_ms: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class AttemptWithdrawn(_Event, frozen=True, tag="attempt_withdrawn"):
    """A recorded start never became a process and no longer can: it did not happen."""

    step: str
    attempt: int
    kind: ScriptKind


class StepSkipped(_Event, frozen=True, tag="step_skipped"):
    """A step will not run: its condition was false, it was jumped over, or a person said so."""

    step: str
    reason: str


class RetryScheduled(_Event, frozen=True, tag="retry_scheduled"):
    """A failed attempt (or compensation, by `kind`) will be made again after `delay_ms`."""

    step: str
    attempt: int
    delay_ms: int
    kind: ScriptKind = "run"


class QuestionAsked(_Event, frozen=True, tag="question_asked"):
    """The run waits for a person. `lasting`: a yes to it can be made to hold for longer.

    `no_undo`: the step cannot be taken back, so to undo it is no answer.
    """

    step: str
    about: About
    question: str
    lasting: bool = False
    no_undo: bool = False


class QuestionAnswered(_Event, frozen=True, tag="question_answered"):
    """A person, or `--yes`, answered.

    `granted` makes a yes hold for longer. `approval` is the number of an earlier yes that answered.
    """

    step: str
    answer: Answer
    by: str = ""
    granted: Granted | None = None
    approval: int = 0


class CheckStarted(_Event, frozen=True, tag="check_started"):
    """The step's `check:` is asked whether a lost attempt did its work."""

    step: str
    attempt: int


class CheckFinished(_Event, frozen=True, tag="check_finished"):
    """Exit code 0: the work was done; None, 126 and 127 tell nothing; any other: it was not."""

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None = None
    duration_ms: int = 0
    reason: str = ""


class CancelRequested(_Event, frozen=True, tag="cancel_requested"):
    """Running attempts are being ended; nothing new starts but `finally` steps."""

    by: str = ""


class RetryRequested(_Event, frozen=True, tag="retry_requested"):
    """A failed or cancelled run goes on from where it stopped; what succeeded is kept."""

    by: str = ""


class RollbackStarted(_Event, frozen=True, tag="rollback_started"):
    """Completed steps are about to be compensated, in the order of `steps`."""

    cause: RollbackCause
    steps: list[str]


class CompensationStarted(_Event, frozen=True, tag="compensation_started"):
    """An undo script may now exist: recorded before its process is made."""

    step: str
    attempt: int


class CompensationFinished(_Event, frozen=True, tag="compensation_finished"):
    """An undo script ended, or is known to be lost."""

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None = None
    duration_ms: int = 0
    reason: str = ""
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class RunParked(_Event, frozen=True, tag="run_parked"):
    """A mistake of ours stopped the run; it stays as it is until `flowctl resume`."""

    reason: str


class RunResumed(_Event, frozen=True, tag="run_resumed"):
    """A parked run goes on."""

    by: str = ""


class RunFinished(_Event, frozen=True, tag="run_finished"):
    """Nothing more will happen by itself."""

    state: RunStatus


Event = (
    RunStarted
    | StepStarted
    | StepExpanded
    | FilesSaved
    | ArtifactsKept
    | OutputAppended
    | StepFinished
    | AttemptWithdrawn
    | StepSkipped
    | RetryScheduled
    | QuestionAsked
    | QuestionAnswered
    | CheckStarted
    | CheckFinished
    | CancelRequested
    | RetryRequested
    | RollbackStarted
    | CompensationStarted
    | CompensationFinished
    | RunParked
    | RunResumed
    | RunFinished
)


class Recorded(Struct, frozen=True):
    """An event where the log put it.

    `position` orders all events of all runs and only ever grows; `version` counts the events of
    its own run from 1.
    """

    position: int
    run: str
    version: int
    event: Event
