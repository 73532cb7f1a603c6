"""The state of one run: what the fold of its events (`evolve.py`) gives.

The second half of `RunState` is derived bookkeeping that makes each decision cost the same for a
run of five steps and one of five hundred: which steps may start, how many needs each still waits
for, what is in flight.
"""

from typing import Literal

from msgspec import Struct, field

from flowd.domain.consents import Approvable, Granted
from flowd.domain.events import (
    About,
    Answer,
    ArtifactsKept,
    Confined,
    Outcome,
    RollbackCause,
    RunStatus,
    ScriptKind,
    Stream,
)
from flowd.domain.workflow import InputValue, Step, Workflow

StepStatus = Literal[
    "pending",
    "running",
    "retrying",
    "waiting",
    "checking",
    "succeeded",
    "failed",
    "timed_out",
    "cancelled",
    "lost",
    "skipped",
    "compensating",
    "compensated",
    "compensation_failed",
]
FINISHED: frozenset[RunStatus] = frozenset(
    {"succeeded", "failed", "cancelled", "compensated", "compensation_failed"}
)
STDOUT_KEPT_BYTES = 65_536
ITEM_STDOUT_KEPT_BYTES = 4096  # of each item of a step: there may be a thousand


class AttemptState(Struct):
    """One attempt at a script of a step. `at` in milliseconds since the epoch.

    `written` counts the bytes of each stream that are recorded or were left out on purpose: whoever
    takes the attempt up after a crash goes on from there.
    """

    attempt: int
    kind: ScriptKind
    at: int
    outcome: Outcome | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    reason: str = ""
    written: dict[Stream, int] = field(default_factory=dict)
    cpu_ms: int | None = None
    max_rss_bytes: int | None = None
    limits: str = ""

    @property
    def output_bytes(self) -> int:
        """What it has written so far on both streams, recorded or left out."""
        return sum(self.written.values())


class StepState(Struct):
    """One step of a run as it stands.

    `tries` counts attempts against the step's retry rule and starts anew when the run is retried;
    `numbers` counts every attempt of each script ever made, so that no two share a name.
    `retry_at` is when a scheduled retry is due, as `at` of events, which was `retry_delay_ms` after
    it was scheduled. `saved_files` counts what was
    kept before attempt `saved_attempt`, the first one that can have changed anything. `stdout`
    is what the newest attempt wrote, as far as expressions ask for it, and cut if it is long.
    """

    status: StepStatus = "pending"
    attempts: list[AttemptState] = field(default_factory=list)
    exit_code: int | None = None
    duration_ms: int | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    stdout: bytes = b""
    stdout_cut: bool = False
    reason: str = ""
    tries: int = 0
    losses: int = 0
    numbers: dict[ScriptKind, int] = field(default_factory=dict)
    confirmed: bool = False
    retry_at: int = 0
    retry_delay_ms: int = 0
    saved_attempt: int = 0
    saved_files: int = 0
    artifacts: ArtifactsKept | None = None

    def attempt(self, kind: ScriptKind, number: int) -> AttemptState | None:
        """The attempt of that number, if there was one."""
        for row in reversed(self.attempts):
            if (row.kind, row.attempt) == (kind, number):
                return row
        return None

    @property
    def never_ran(self) -> bool:
        """Whether no attempt so far became a process, so that nothing can have been done."""
        rows = (row for row in self.attempts if row.kind == "run")
        return all(row.outcome == "failed" and row.exit_code is None for row in rows)

    def next_number(self, kind: ScriptKind) -> int:
        """The number the next attempt at this script gets, from 1."""
        return self.numbers.get(kind, 0) + 1


class Loop(Struct):
    """The items of a step with `for_each`, and how far they are.

    `queue` are the indexes of items that are still to begin, the next one last. `open` counts items
    that began and are not over, `left` those that are neither done nor skipped. `failed` are the
    ids of those that ended badly; `halted` says that one of them keeps the rest from beginning.
    `undoing` counts items a rollback has still to take back.
    """

    items: list[str]
    began_at: int
    queue: list[int]
    left: int
    open: int = 0
    failed: list[str] = field(default_factory=list)
    halted: bool = False
    undoing: int = 0
    undo_failed: bool = False


class Question(Struct, frozen=True):
    """What a run waits for."""

    step: str
    about: About
    question: str
    no_undo: bool = False

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers that fit."""
        if self.about == "approval":
            return ("yes", "no", "skip")
        if self.no_undo:
            return ("yes", "no", "retry", "skip")
        return ("yes", "no", "retry", "skip", "undo")


class RunState(Struct):
    """One run as it stands. `position` and `version` are those of its newest event."""

    run: str
    workflow: Workflow
    inputs: dict[str, InputValue]
    cwd: str
    environment: dict[str, str]
    status: RunStatus
    steps: dict[str, StepState]
    created_at: int
    updated_at: int
    position: int
    version: int
    confirmations: dict[str, str] = field(default_factory=dict)
    approved: bool = False
    questions: dict[str, Question] = field(default_factory=dict)
    completed: list[str] = field(default_factory=list)
    rollback: list[str] | None = None
    rollback_cause: RollbackCause | None = None
    cancelling: bool = False
    parked: str = ""
    window: tuple[int, int] | None = None
    approvable: dict[str, Approvable] = field(default_factory=dict)
    granted: list[Granted] = field(default_factory=list)
    sandbox: Confined | None = None

    # Derived bookkeeping. Steps in `active` have a process, a timer or a question; `unresolved`
    # ones ended badly and wait for `advance` to say what follows; `ready` and `publishers`, the
    # steps with outputs, are ordered sets. The items of a step with `for_each` are in `plan` and
    # `steps`, too, but not in the workflow; the step itself is `ready` as long as there is an item
    # to begin, and then in `to_close`.
    plan: dict[str, Step] = field(default_factory=dict)
    dependents: dict[str, list[str]] = field(default_factory=dict)
    unmet: dict[str, int] = field(default_factory=dict)
    ready: dict[str, None] = field(default_factory=dict)
    remaining: int = 0
    active: set[str] = field(default_factory=set)
    unresolved: list[str] = field(default_factory=list)
    stopping: bool = False
    failure: str | None = None
    rollback_wanted: RollbackCause | None = None
    jump: tuple[str, str] | None = None
    finally_left: list[str] = field(default_factory=list)
    finally_failed: bool = False
    compensation_failures: list[str] = field(default_factory=list)
    stdout_wanted: frozenset[str] = frozenset()
    publishers: dict[str, None] = field(default_factory=dict)
    loops: dict[str, Loop] = field(default_factory=dict)
    to_close: list[str] = field(default_factory=list)
    artifact_files: int = 0
    artifact_bytes: int = 0

    def can_undo(self, step_id: str) -> bool:
        """Whether the step's effects can be taken back: by its undo, or from what was saved."""
        return self.plan[step_id].undo is not None or self.steps[step_id].saved_files > 0

    @property
    def rehearsal(self) -> bool:
        """Whether nothing of what the run does lasts."""
        return self.sandbox is not None and bool(self.sandbox.rehearsal)

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status in FINISHED
