"""The state of one run: the fold of its events.

`evolve` is the only way a state changes, live and in replay alike, so what the engine acts on after
a crash is exactly what it acted on before.
"""

from typing import Literal

from msgspec import Struct, field

from flowd.domain.events import About, Answer, Outcome, RollbackCause, RunStatus, ScriptKind
from flowd.domain.workflow import InputValue, Workflow

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


class AttemptState(Struct):
    """One attempt at a script of a step, for showing. `at` in milliseconds since the epoch."""

    attempt: int
    kind: ScriptKind
    at: int
    outcome: Outcome | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    reason: str = ""


class StepState(Struct):
    """One step of a run as it stands."""

    status: StepStatus = "pending"
    attempts: list[AttemptState] = field(default_factory=list)
    exit_code: int | None = None
    duration_ms: int | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    stdout: bytes = b""
    reason: str = ""


class Question(Struct, frozen=True):
    """What a run waits for."""

    step: str
    about: About
    question: str

    @property
    def answers(self) -> tuple[Answer, ...]:
        """The answers that fit."""
        if self.about == "approval":
            return ("yes", "no", "skip")
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
