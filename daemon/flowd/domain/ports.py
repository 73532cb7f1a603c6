"""What the organs of the daemon need from each other, as types. `main` puts them together.

The domain owns these so that engine, store, exec, safety and suggest need not know each other.
Every port has one contract test suite under `tests/contract`, which the real part and, where there
is one, its in-memory fake both pass.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol

from msgspec import Struct, field

from flowd.domain.boundaries import NOTHING_DRAWN, Boundaries, Drawn
from flowd.domain.consents import Keep
from flowd.domain.events import (
    Answer,
    Confined,
    Event,
    Recorded,
    RunStatus,
    ScriptKind,
    Stream,
)
from flowd.domain.foresight import Effect, Loss, Obstacle, Use
from flowd.domain.retention import Retention
from flowd.domain.run import RunState
from flowd.domain.workflow import InputValue, Limits, Sandbox, Shell, Workflow

# ------------------------------------------------------------------------------------ event log


class RunSummary(Struct, frozen=True):
    """One line of `ps`: kept by the log as a projection of the run's events."""

    id: str
    name: str
    state: RunStatus
    cwd: str
    created_at: int
    updated_at: int
    position: int
    version: int
    steps: int
    steps_done: int
    question: str = ""


class LogStats(Struct, frozen=True):
    """Figures for `flowctl stats`. Sizes in bytes."""

    runs: int
    runs_by_state: dict[str, int]
    events: int
    last_position: int
    database_bytes: int
    wal_bytes: int
    schema_version: int
    event_bytes: int = 0
    output_bytes: int = 0


class Damage(Struct, frozen=True):
    """One thing that is wrong with the database. `what` is a run's id, or "file"."""

    what: str
    problem: str
    cure: str


class LogCheck(Struct, frozen=True):
    """What looking through the whole database found. `mended` counts summaries made anew."""

    runs: int
    events: int
    damage: list[Damage]
    mended: int = 0


class Backup(Struct, frozen=True):
    """A finished copy: where, how many bytes, and the position of the newest event in it."""

    path: str
    bytes: int
    position: int


class Vacuumed(Struct, frozen=True):
    """What tidying up did. Sizes in bytes; `sealed_runs` were packed only now."""

    database_before: int
    database_after: int
    wal_before: int
    wal_after: int
    sealed_runs: int
    removed: "Removed"


class Removed(Struct, frozen=True):
    """What retention removed, or would remove: runs, long outputs of other runs, bytes of both."""

    runs: int = 0
    outputs: int = 0
    bytes: int = 0


class EventLog(Protocol):
    """The only memory of the daemon. Every write is durable when the call returns."""

    async def append(
        self, run: str, expected_version: int, events: Sequence[Event]
    ) -> list[Recorded]:
        """Record events after version `expected_version` of the run, all or none.

        Raises Conflict when the run is at another version, `TokenTaken` when a RunStarted carries
        a client_token that belongs to another run, StoreUnavailable when nothing can be written.
        It cannot be cancelled, so the caller always learns what became of the events.
        """
        ...

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[Recorded]:
        """Give up to `limit` events of the run whose position is greater than `after`, in order."""
        ...

    async def find(self, name: str) -> RunSummary:
        """Give the run with that id or unambiguous abbreviation; NotFound or Conflict otherwise."""
        ...

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        """List runs newest first. `query` matches part of the name or id; no states means all."""
        ...

    async def run_with_token(self, client_token: str) -> str | None:
        """Give the run that was started with this token, if any."""
        ...

    async def stats(self) -> LogStats:
        """Count and measure."""
        ...


class LogKeeper(Protocol):
    """Looks after the database while everything goes on. All of it may be cancelled."""

    async def check(self, *, mend: bool = False) -> LogCheck:
        """Look through everything. `mend` makes summaries anew that differ from their events."""
        ...

    async def back_up(self, path: Path) -> Backup:
        """Copy the database, as it is at this moment, to a new file of that name.

        InvalidInput for a path that cannot be, Conflict when something is there, WorldError when
        the disk refuses.
        """
        ...

    async def vacuum(self, retention: Retention) -> Vacuumed:
        """Remove what is not to be kept, pack what can be packed, give room back to the disk."""
        ...

    async def retain(self, retention: Retention) -> Removed:
        """Remove finished runs and outputs that are not to be kept, a few at a time."""
        ...

    async def due(self, retention: Retention) -> Removed:
        """Tell what `retain` would remove now."""
        ...


# ------------------------------------------------------------------------------------- execution


class AttemptKey(Struct, frozen=True, order=True):
    """Names one process Flow makes: the attempt-th time this script of this step runs."""

    run: str
    step: str
    kind: ScriptKind
    attempt: int


WindowSize = tuple[int, int]
"""Columns and rows of a terminal, 1 to 65535 each."""

MOST_KEYS_BYTES = 4000
"""What can be typed at once."""


class Confinement(Struct, frozen=True):
    """What a process is kept within: its level, and the folder that counts as its project.

    `rehearsal` names the run whose layer or copy stands in for the project, without network.
    `also` are folders of ours that it may write to, for a program of ours. `drawn` is what policies
    draw, with the level `off` all that holds. `agent` is the socket of the user's ssh-agent.
    """

    level: Sandbox
    project: str
    rehearsal: str = ""
    also: tuple[str, ...] = ()
    drawn: Drawn = NOTHING_DRAWN
    agent: str = ""


class Launch(Struct, frozen=True):
    """Everything needed to make the process. `environment` is complete: nothing is inherited.

    On a `terminal`, which excludes `stdin`, both streams of output are one: `stdout`; `window` is
    its size to begin with. Those variables that are `secret` are written to no file.
    """

    key: AttemptKey
    script: str
    shell: Shell
    cwd: str
    environment: Mapping[str, str]
    stdin: str | None = None
    limits: Limits | None = None
    terminal: bool = False
    window: WindowSize | None = None
    confinement: Confinement | None = None
    secret: tuple[str, ...] = ()


class Usage(Struct, frozen=True):
    """What a script and all it waited for used; None where that was not measured.

    `cpu_ms` is user and system time, `max_rss_bytes` the most memory one process of it had.
    """

    cpu_ms: int | None = None
    max_rss_bytes: int | None = None


NOT_MEASURED = Usage()


class Exited(Struct, frozen=True):
    """The script ended by itself or by a signal (`exit_code` is then 128 + signal).

    `limits` says what held the limits it had, `reason` which of them ended it.
    """

    exit_code: int
    duration_ms: int
    outputs: dict[str, str] = field(default_factory=dict)
    usage: Usage = NOT_MEASURED
    limits: str = ""
    reason: str = ""


class Vanished(Struct, frozen=True):
    """Nobody can know how it ended: the outcome is lost."""

    reason: str


class NeverStarted(Struct, frozen=True):
    """The user's script did not run and can no longer run: starting it again is safe."""


Ending = Exited | Vanished | NeverStarted


class Executor(Protocol):
    """Makes processes that outlive the daemon, and finds them again."""

    def prepare(self, launch: Launch) -> None:
        """Lay out the attempt's directory, or promise it, before the started event is recorded.

        So, after a crash, a missing directory proves another boot, and a promise that it never
        started. SpawnFailed when the disk refuses; `run` may find that out, too.
        """
        ...

    async def run(self, launch: Launch) -> Ending:
        """Make the process of a prepared attempt and wait for its end.

        Cancelling stops the waiting only; the process goes on. SpawnFailed when none was made.
        """
        ...

    async def adopt(self, key: AttemptKey) -> Ending:
        """Wait for the end of an attempt that an earlier daemon started, or say what is known."""
        ...

    async def terminate(self, key: AttemptKey, grace_seconds: float) -> None:
        """End the attempt's whole process tree: SIGTERM, then SIGKILL after the grace period.

        Returns when it is gone. Does nothing when it already is.
        """
        ...

    def is_over(self, key: AttemptKey) -> bool:
        """Whether the script has ended, though others may still write for it: `run` waits for them.

        What it left running does not count.
        """
        ...

    def age_seconds(self, key: AttemptKey) -> float:
        """Seconds since the attempt's process was made; 0 when it is not known to be there.

        Counted by a clock that nobody sets and that goes on while the machine sleeps.
        """
        ...

    def type_nowait(self, key: AttemptKey, keys: bytes, size: WindowSize | None) -> None:
        """Set the size of the attempt's terminal, if given, and type up to MOST_KEYS_BYTES keys.

        All is taken or nothing. Conflict when there is no terminal, or, with `again` true in its
        data, none as yet, or when the program reads nothing of what was typed before.
        """
        ...

    def output_size(self, key: AttemptKey, stream: Stream) -> int:
        """Bytes written so far; 0 when there is nothing."""
        ...

    def read_output(self, key: AttemptKey, stream: Stream, offset: int, limit: int) -> bytes:
        """Give up to `limit` bytes from `offset`."""
        ...

    def release_output(self, key: AttemptKey, stream: Stream, start: int, end: int) -> None:
        """Give back to the disk the bytes between two offsets, which will not be read.

        Offsets and sizes stay what they are. Never raises: it is done where it can be.
        """
        ...

    def variables_of(self, key: AttemptKey, names: Collection[str]) -> dict[str, str]:
        """Give those variables that a running attempt was given, as far as they can be seen."""
        ...

    def forget(self, key: AttemptKey) -> None:
        """Remove what is kept of an attempt, after its end was recorded. Never raises."""
        ...

    async def confine(
        self,
        levels: Collection[Sandbox],
        cwd: str,
        *,
        rehearsal: str = "",
        drawn: Drawn = NOTHING_DRAWN,
    ) -> Confined:
        """Say what steps of these levels would be confined to in a run in `cwd`.

        `drawn` is what policies draw; for steps of the level `off` that is all there is.
        With the id of a run that is a `rehearsal`, make what it will write into.
        Unsupported when this machine cannot keep one of them, or `cwd` is no project to confine to.
        """
        ...

    async def unheld(self, drawn: Drawn) -> str:
        """Say why this machine cannot hold what policies draw; empty when it can."""
        ...

    async def sandbox_here(self) -> str:
        """Say, for people, what confines steps on this machine, and why not more."""
        ...

    async def limits_held_by(self) -> str:
        """Say, for people, what holds the limits of steps on this machine."""
        ...

    def leftovers(self) -> list[AttemptKey]:
        """Attempts something is still kept of, of any boot."""
        ...


class Masker(Protocol):
    """Hides secrets in what one attempt writes: of what it writes, nothing else is ever kept."""

    def mask(self, data: bytes, seen: int, *, more: bool) -> tuple[bytes, int]:
        """Give what may be kept of `data[seen:]`, and how many bytes of that it stands for.

        `data[:seen]` was looked at before. With `more` to follow not all may be taken: a secret
        may have begun at the end. Without, all is.
        """
        ...

    def mask_text(self, text: str) -> str:
        """Give a text without the secrets in it."""
        ...

    def mask_value(self, value: str) -> str:
        """As `mask_text`, for a value that later scripts are given: no shell expands its mask."""
        ...


NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class MaskerFor(Protocol):
    """Makes the masker of an attempt."""

    def __call__(
        self, given: Mapping[str, str], secret: Mapping[str, str] = NO_VARIABLES
    ) -> Masker:
        """Mask what of `given` looks secret, all of `secret`, and what is one anyway.

        `given` are variables of the workflow, its user and earlier steps.
        """
        ...


# ---------------------------------------------------------------------------------------- engine


class RunRequest(Struct, frozen=True, kw_only=True):
    """A workflow to carry out. `environment` None takes the daemon's own.

    To `rehearse` it changes nothing for good, so its questions are answered with yes.

    `window` is how large the terminals of its steps are until somebody says otherwise.
    """

    workflow: Workflow
    inputs: dict[str, InputValue] = field(default_factory=dict)
    cwd: str
    environment: dict[str, str] | None = None
    approve: bool = False
    preflight: bool = True
    secrets: dict[str, str] = field(default_factory=dict)
    client_token: str | None = None
    origin: str = ""
    window: WindowSize | None = None
    rehearse: bool = False


class Engine(Protocol):
    """Carries runs out. `run` is a full id; `by` names who asked, for the record."""

    async def start(self, request: RunRequest) -> str:
        """Accept a run durably and give its id.

        InvalidInput for missing or wrong inputs or a folder that is not there, BlockedByPolicy,
        PreflightFailed, Unsupported, StoreUnavailable.
        """
        ...

    async def cancel(self, run: str, *, by: str = "") -> RunStatus:
        """End what is running. Conflict when the run is finished, or compensations are left.

        `finally` steps are ended when it is asked for again, or once they follow a rollback.
        """
        ...

    async def undo(self, run: str, *, by: str = "") -> RunStatus:
        """Compensate a finished run. Conflict when it is live or nothing is left to undo."""
        ...

    async def give_secrets(self, run: str, secrets: Mapping[str, str]) -> None:
        """Keep values of `secrets:` for a run that goes on; InvalidInput when some are missing."""
        ...

    async def retry(self, run: str, *, by: str = "") -> RunStatus:
        """Go on from the failed step. Conflict unless the run is failed or cancelled."""
        ...

    async def resume(self, run: str, *, by: str = "") -> RunStatus:
        """Go on with a parked run; a live run is left as it is. Conflict when it is finished."""
        ...

    async def answer(
        self, run: str, step: str, answer: Answer, *, by: str = "", keep: Keep | None = None
    ) -> RunStatus:
        """Settle a question. Conflict when there is none or the answer does not fit it.

        With `keep`, a yes to what the judge asks holds for the same question later on.
        """
        ...

    def type_nowait(self, run: str, step: str, keys: bytes, size: WindowSize | None) -> int:
        """Type at the terminal of a step (see `Executor`); give the number of its attempt.

        Conflict when the step is not running on a terminal, NotFound when the run has no such step.
        """
        ...

    def terminals(self, run: str) -> list[str]:
        """The steps of the run that are running on a terminal now."""
        ...

    async def wait_beyond(self, run: str, position: int) -> None:
        """Return once the log holds an event of the run after `position` (perhaps at once)."""
        ...

    async def state(self, run: str) -> RunState:
        """The run as it stands, live or folded from the log. NotFound when there is none."""
        ...

    def live_runs(self) -> int:
        """How many runs are not finished."""
        ...

    def running_attempts(self) -> int:
        """How many processes run now."""
        ...


# ---------------------------------------------------------------------------------------- safety

Verdict = Literal["allow", "confirm", "block"]
VERDICT_RANK: dict[Verdict, int] = {"allow": 0, "confirm": 1, "block": 2}


class Finding(Struct, frozen=True):
    """One reason. `span` is [start, end) in characters of the judged text.

    `extent` says how much it is about, as in "312 files, 4.1 MB"; empty where nobody counted.
    `source` is the file and line of a user's rule; empty for a built-in one.
    """

    rule: str
    verdict: Verdict
    message: str
    span: tuple[int, int]
    safer: str = ""
    loss: Loss | None = None
    extent: str = ""
    source: str = ""


BoundariesIn = Callable[[str], Sequence[Boundaries]]
"""Gives what the policies say of a run in a folder; all of them hold."""
Extents = Callable[[Loss, str], Awaitable[str]]
"""Counts what would be lost in a folder, in words; empty when it cannot be counted soon."""


class Judgement(Struct, frozen=True):
    """What the safety judge says of one script. `read_only`: nothing it runs changes anything.

    `uses` are the programs it calls, in order; `reads` the variables that it expects to be set by
    others, with the place of the first reading; `effects` what people may expect of it.
    """

    verdict: Verdict
    findings: list[Finding] = field(default_factory=list)
    read_only: bool = False
    uses: list[Use] = field(default_factory=list)
    reads: dict[str, tuple[int, int]] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)


class Judge(Protocol):
    """Judges shell text without running it. Pure, quick (milliseconds), never raises on input."""

    def judge(self, script: str, *, shell: Shell = "bash", cwd: str | None = None) -> Judgement:
        """Give the strictest verdict of all rules; `confirm` for what cannot be understood."""
        ...

    def can_save(self, script: str, *, shell: Shell = "bash") -> bool:
        """Whether all that the script changes are files that can be told from its text."""
        ...

    def as_of_now(self, cwd: str | None) -> "Judge":
        """Give a judge that goes by the rules of this moment for a folder, and looks no further.

        For several scripts in a row: all are judged by the same rules, and sooner.
        """
        ...


Reversibility = Literal["reversible", "saved", "compensable", "irreversible"]


class StepJudgement(Struct, frozen=True):
    """A step before the run: the judgement of its scripts, and what undoing it would mean."""

    step: str
    judgement: Judgement
    reversibility: Reversibility
    scripts: dict[ScriptKind, Judgement] = field(default_factory=dict)


class Preflight(Protocol):
    """Looks, before a run, whether its steps can work here. Runs none of them."""

    async def __call__(
        self,
        workflow: Workflow,
        judged: Sequence[StepJudgement],
        cwd: str,
        environment: Mapping[str, str],
        *,
        warnings: bool = True,
    ) -> list[Obstacle]:
        """Give everything in the way, in the order of the steps; soon, and never an exception.

        Without `warnings` only what is certain, which costs next to nothing.
        """
        ...
