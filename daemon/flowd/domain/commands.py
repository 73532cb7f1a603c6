"""What may be asked of a run: requests of people, and reports of the engine's own hands."""

from msgspec import Struct, field

from flowd.domain.consents import Keep
from flowd.domain.events import Answer, Artifact, Outcome, ScriptKind, Stream


class Moment(Struct, frozen=True):
    """What the outside lends to a decision: wall-clock milliseconds, a chance in [0, 1)."""

    at: int
    chance: float = 0.5


class OutputChunk(Struct, frozen=True):
    """New output of a script; `skipped` and `hidden` are as in `OutputAppended`."""

    stream: Stream
    data: bytes
    skipped: int = 0
    hidden: int = 0


class Kept(Struct, frozen=True):
    """Files that were kept, how many were not although they match, and why."""

    files: list[Artifact] = field(default_factory=list)
    left_out: int = 0
    reason: str = ""


class Wake(Struct, frozen=True):
    """Look whether anything follows from the state as it is: asked once after a restart."""


class ReportSaved(Struct, frozen=True):
    """What an attempt will change was kept, or, with a reason, could not be."""

    step: str
    attempt: int
    files: int
    bytes: int
    reason: str = ""


class ReportArtifacts(Struct, frozen=True):
    """An attempt has ended, and what it made was kept, as far as it could be."""

    step: str
    attempt: int
    kept: Kept


class ReportOutput(Struct, frozen=True):
    """A script wrote something and goes on."""

    step: str
    kind: ScriptKind
    attempt: int
    chunks: list[OutputChunk]


class ReportEnd(Struct, frozen=True):
    """An attempt ended. `chunks` is the output not reported before."""

    step: str
    kind: ScriptKind
    attempt: int
    outcome: Outcome
    exit_code: int | None = None
    duration_ms: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    chunks: list[OutputChunk] = field(default_factory=list)
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    output_bytes: int = 0
    limits: str = ""


class ReportNeverStarted(Struct, frozen=True):
    """An attempt that was recorded never became a process, and no longer can."""

    step: str
    kind: ScriptKind
    attempt: int


class ReportRetryDue(Struct, frozen=True):
    """The pause before another attempt is over."""

    step: str
    kind: ScriptKind


class Cancel(Struct, frozen=True):
    """End what runs, start no more."""

    by: str = ""


class UndoRun(Struct, frozen=True):
    """Compensate a finished run."""

    by: str = ""


class RetryRun(Struct, frozen=True):
    """Go on from the failed step."""

    by: str = ""


class ResumeRun(Struct, frozen=True):
    """Go on with a parked run."""

    by: str = ""


class Park(Struct, frozen=True):
    """Stop touching the run: a mistake of ours."""

    reason: str


class AnswerQuestion(Struct, frozen=True):
    """Settle what the run waits for."""

    step: str
    answer: Answer
    by: str = ""
    keep: Keep | None = None


Command = (
    Wake
    | ReportSaved
    | ReportArtifacts
    | ReportOutput
    | ReportEnd
    | ReportNeverStarted
    | ReportRetryDue
    | Cancel
    | UndoRun
    | RetryRun
    | ResumeRun
    | Park
    | AnswerQuestion
)
