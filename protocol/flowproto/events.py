"""`flow/event` notifications: one struct per fact, told apart by `type`.

`position` only ever grows; a client that reconnects sends the last one it saw. `at` is
milliseconds since the epoch. Clients ignore types they do not know (`decode_event` gives None).
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct, field

from flowproto.artifacts import Artifact
from flowproto.jsonrpc import ErrorObject
from flowproto.runs import RunState

Outcome = Literal["succeeded", "failed", "timed_out", "cancelled", "lost"]
ScriptKind = Literal["run", "undo", "check"]


class EventBase(Struct, kw_only=True, tag_field="type", omit_defaults=False):
    """What all events carry."""

    position: int
    run: str
    at: int


class RunStarted(EventBase, tag="run_started"):
    """The plan was accepted; `steps` are its step ids in file order.

    `terminals` are those of them that run on a terminal: `flow/type` types there. `sandbox` says,
    for people, what those that are confined may write to and what confines them.
    """

    name: str
    cwd: str
    steps: list[str]
    inputs: dict[str, Any]
    terminals: list[str] = field(default_factory=list)
    sandbox: str = ""


class StepStarted(EventBase, tag="step_started"):
    """An attempt begins."""

    step: str
    attempt: int


class StepExpanded(EventBase, tag="step_expanded"):
    """What a step with `for_each` runs for: each item as a step of its own, `STEP.INDEX` from 0.

    Events of an item name it so. The step itself ends with a `step_finished` of attempt 0.
    """

    step: str
    items: list[str]


class FilesSaved(EventBase, tag="files_saved"):
    """What the step will change was kept, so that undoing puts it back.

    No files, and a reason: nothing was kept, and the step cannot be taken back.
    """

    step: str
    attempt: int
    files: int
    bytes: int
    reason: str = ""


class ArtifactsKept(EventBase, tag="artifacts_kept"):
    """Files that match the step's `artifacts` were kept with the run, as the attempt had ended.

    `left_out` counts files that match and were not kept, `reason` says why, or why there are none.
    """

    step: str
    attempt: int
    files: list[Artifact]
    bytes: int
    left_out: int = 0
    reason: str = ""


class StepOutput(EventBase, tag="step_output"):
    """Output of a script; `skipped` bytes before it were left out."""

    step: str
    attempt: int
    kind: ScriptKind
    stream: Literal["stdout", "stderr"]
    text: str
    skipped: int = 0


class StepFinished(EventBase, tag="step_finished"):
    """An attempt ended. CPU time and memory are null where they were not measured.

    Attempt 0 is the end of a step with `for_each`, once nothing of it goes on. `limits` says, for
    people, which limits it had and what held them on this machine.
    """

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None
    duration_ms: int
    outputs: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class AttemptWithdrawn(EventBase, tag="attempt_withdrawn"):
    """The start of this attempt never became a process; another attempt follows."""

    step: str
    attempt: int
    kind: ScriptKind


class StepSkipped(EventBase, tag="step_skipped"):
    """The step will not run."""

    step: str
    reason: str


class RetryScheduled(EventBase, tag="retry_scheduled"):
    """Attempt number `attempt` follows after `delay_ms`."""

    step: str
    attempt: int
    delay_ms: int
    kind: ScriptKind


class QuestionAsked(EventBase, tag="question_asked"):
    """The run waits for `flow/answer`; `answers` are the ones allowed.

    With `lasting`, a yes may carry `keep`.
    """

    step: str
    about: Literal["approval", "lost"]
    question: str
    answers: list[str]
    lasting: bool = False


class QuestionAnswered(EventBase, tag="question_answered"):
    """The question is settled: by `approval`, an earlier yes, where that is not 0.

    `keep` is how long a yes holds, beyond this once.
    """

    step: str
    answer: str
    by: str
    keep: str = ""
    approval: int = 0


class CheckStarted(EventBase, tag="check_started"):
    """The step's `check:` runs."""

    step: str
    attempt: int


class CheckFinished(EventBase, tag="check_finished"):
    """Exit code 0: the lost attempt had done its work. None, 126 and 127: it could not be run."""

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None
    duration_ms: int
    reason: str = ""


class CancelRequested(EventBase, tag="cancel_requested"):
    """Running attempts are being ended."""

    by: str


class RetryRequested(EventBase, tag="retry_requested"):
    """The run goes on from where it failed."""

    by: str


class RollbackStarted(EventBase, tag="rollback_started"):
    """These steps are compensated, in this order."""

    cause: Literal["failure", "undo", "answer"]
    steps: list[str]


class CompensationStarted(EventBase, tag="compensation_started"):
    """An undo script begins."""

    step: str
    attempt: int


class CompensationFinished(EventBase, tag="compensation_finished"):
    """An undo script ended."""

    step: str
    attempt: int
    outcome: Outcome
    exit_code: int | None
    duration_ms: int
    reason: str = ""
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class RunParked(EventBase, tag="run_parked"):
    """A mistake of the daemon stopped the run; `flow/resume` goes on."""

    reason: str


class RunResumed(EventBase, tag="run_resumed"):
    """The run goes on."""

    by: str


class RunFinished(EventBase, tag="run_finished"):
    """Nothing more will happen by itself."""

    state: RunState


WireEvent = (
    RunStarted
    | StepStarted
    | StepExpanded
    | FilesSaved
    | ArtifactsKept
    | StepOutput
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


class Detached(Struct, kw_only=True):
    """`flow/detached`: the daemon can no longer read this run's events for this client.

    Attach again from the last position once the cause is gone.
    """

    run: str
    error: ErrorObject


EVENT_TYPES: tuple[str, ...] = tuple(str(kind.__struct_config__.tag) for kind in WireEvent.__args__)


def decode_event(params: dict[str, Any]) -> WireEvent | None:
    """Read the params of a `flow/event`; None for a type this client does not know.

    msgspec.ValidationError when a known type is malformed.
    """
    if params.get("type") not in EVENT_TYPES:
        return None
    event: WireEvent = msgspec.convert(params, WireEvent)
    return event
