"""What a handler may touch. Its second parameter names one of these, and that is all it gets."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from flowd.config import SuggestConfig
from flowd.domain.boundaries import Drawn
from flowd.domain.consents import Consents, Keep
from flowd.domain.events import Answer, Recorded, RunStatus
from flowd.domain.files import Artifacts, Rehearsals
from flowd.domain.knowledge import ImportedKnowledge
from flowd.domain.learning import Learning
from flowd.domain.ports import (
    BoundariesIn,
    Extents,
    Judge,
    LogKeeper,
    LogStats,
    Preflight,
    RunRequest,
    RunSummary,
    WindowSize,
)
from flowd.domain.retention import Retention
from flowd.domain.run import RunState
from flowd.domain.suggestions import Suggester
from flowd.domain.usage import Books
from flowd.errors import Unsupported
from flowd.safety.policed import PolicedJudge
from flowd.server.keyboards import Keyboard
from flowd.server.peer import Peer
from flowd.server.services import Services
from flowd.server.subscriptions import Attachments
from flowd.server.trust import Trust
from flowd.suggest.nearness import Nearness


class RunReader(Protocol):
    """The event log, to look at."""

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[Recorded]:
        """See `EventLog`."""
        ...

    async def find(self, name: str) -> RunSummary:
        """See `EventLog`."""
        ...

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        """See `EventLog`."""
        ...


class RunWatcher(Protocol):
    """The engine, to look at."""

    async def state(self, run: str) -> RunState:
        """See `Engine`."""
        ...

    def terminals(self, run: str) -> list[str]:
        """See `Engine`."""
        ...


class Typewriter(Protocol):
    """The engine, to type at the terminals of steps."""

    def type_nowait(self, run: str, step: str, keys: bytes, size: WindowSize | None) -> int:
        """See `Engine`."""
        ...


class TokenReader(Protocol):
    """The event log, to ask what was started already."""

    async def run_with_token(self, client_token: str) -> str | None:
        """See `EventLog`."""
        ...


class RunStarter(Protocol):
    """The engine, to start runs."""

    async def start(self, request: RunRequest) -> str:
        """See `Engine`."""
        ...


class RunSteerer(RunWatcher, Protocol):
    """The engine, to steer what was started."""

    async def give_secrets(self, run: str, secrets: Mapping[str, str]) -> None:
        """See `Engine`."""
        ...

    async def cancel(self, run: str, *, by: str = "") -> RunStatus:
        """See `Engine`."""
        ...

    async def undo(self, run: str, *, by: str = "") -> RunStatus:
        """See `Engine`."""
        ...

    async def retry(self, run: str, *, by: str = "") -> RunStatus:
        """See `Engine`."""
        ...

    async def resume(self, run: str, *, by: str = "") -> RunStatus:
        """See `Engine`."""
        ...

    async def answer(
        self, run: str, step: str, answer: Answer, *, by: str = "", keep: Keep | None = None
    ) -> RunStatus:
        """See `Engine`."""
        ...


def _templates(services: Services) -> Path:
    """The user's own folder of templates."""
    return services.paths.config.parent / "templates"


@dataclass(frozen=True, slots=True)
class ReadContext:
    """To look at runs."""

    log: RunReader
    engine: RunWatcher

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.log, services.engine)


@dataclass(frozen=True, slots=True)
class ArtifactsContext:
    """To look at what runs left. `artifacts` None keeps nothing."""

    log: RunReader
    engine: RunWatcher
    artifacts: Artifacts | None

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.log, services.engine, services.artifacts)


@dataclass(frozen=True, slots=True)
class RehearsalContext:
    """To look at what a rehearsal wrote, and to throw it away. None keeps nothing."""

    log: RunReader
    engine: RunWatcher
    rehearsals: Rehearsals | None
    mask: Callable[[str], str]

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.log, services.engine, services.rehearsals, services.mask)


@dataclass(frozen=True, slots=True)
class StartContext:
    """To find workflows and start them. `templates` is the user's own folder of them."""

    log: TokenReader
    engine: RunStarter
    suggester: Suggester
    templates: Path
    trust: Trust | None
    policies: PolicedJudge | None
    learning: Learning | None

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(
            services.log,
            services.engine,
            services.suggester,
            _templates(services),
            services.trust,
            services.policies,
            services.learning,
        )


@dataclass(frozen=True, slots=True)
class LearnedContext:
    """To show what was learned, and to forget it."""

    learning: Learning

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services; Unsupported where a daemon learns nothing."""
        if services.learning is None:
            raise Unsupported("this daemon learns nothing")
        return cls(services.learning)


@dataclass(frozen=True, slots=True)
class PolicyContext:
    """To show rules, take yeses back, and trust folders."""

    policies: PolicedJudge
    consents: Consents
    trust: Trust
    unheld: Callable[[Drawn], Awaitable[str]]

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services; Unsupported where a daemon keeps no rules."""
        policies, consents, trust = services.policies, services.consents, services.trust
        if policies is None or consents is None or trust is None:
            raise Unsupported("this daemon has no policies")
        return cls(policies, consents, trust, services.unheld)


@dataclass(frozen=True, slots=True)
class KnowledgeContext:
    """To import commands for suggestions, and to look at what was imported."""

    knowledge: ImportedKnowledge
    nearness: Nearness | None

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services; Unsupported where a daemon keeps nothing."""
        if services.knowledge is None:
            raise Unsupported("this daemon keeps no imported knowledge")
        return cls(services.knowledge, services.nearness)


@dataclass(frozen=True, slots=True)
class SteerContext:
    """To steer runs. `by` is the peer's name, for the record."""

    log: RunReader
    engine: RunSteerer
    by: str

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.log, services.engine, peer.name)


@dataclass(frozen=True, slots=True)
class AttachContext:
    """To let the peer follow runs."""

    log: RunReader
    attachments: Attachments
    keyboard: Keyboard

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the peer."""
        return cls(services.log, peer.attachments, Keyboard(services.keyboards, peer))


@dataclass(frozen=True, slots=True)
class TypeContext:
    """To let the peer type at terminals."""

    log: RunReader
    engine: Typewriter
    keyboard: Keyboard

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services and the peer."""
        return cls(services.log, services.engine, Keyboard(services.keyboards, peer))


@dataclass(frozen=True, slots=True)
class JudgeContext:
    """To find workflows and judge them, without running."""

    judge: Judge
    suggester: Suggester
    templates: Path
    extents: Extents | None
    preflight: Preflight | None
    boundaries: BoundariesIn | None

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(
            services.judge,
            services.suggester,
            _templates(services),
            services.extents,
            services.preflight,
            None if services.policies is None else services.policies.boundaries,
        )


@dataclass(frozen=True, slots=True)
class ExplainContext:
    """To find workflows, and to explain and judge them. `knowledge` None: nothing is imported."""

    judge: Judge
    suggester: Suggester
    templates: Path
    knowledge: ImportedKnowledge | None

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.judge, services.suggester, _templates(services), services.knowledge)


@dataclass(frozen=True, slots=True)
class SuggestContext:
    """To make suggestions. `notify` tells the peer of some before the answer."""

    suggester: Suggester
    config: SuggestConfig
    notify: Callable[[str, object], Awaitable[None]]

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services and the peer."""
        return cls(services.suggester, services.config.suggest, peer.notify)


@dataclass(frozen=True, slots=True)
class ProvidersContext:
    """To tell how providers stand and what they took."""

    suggester: Suggester
    config: SuggestConfig
    books: Books

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services; Unsupported where a daemon keeps no books."""
        if services.books is None:
            raise Unsupported("this daemon writes down no calls to providers")
        return cls(services.suggester, services.config.suggest, services.books)


class Counter(Protocol):
    """The event log, to count."""

    async def stats(self) -> LogStats:
        """See `EventLog`."""
        ...


class Busyness(Protocol):
    """The engine, to count."""

    def live_runs(self) -> int:
        """See `Engine`."""
        ...

    def running_attempts(self) -> int:
        """See `Engine`."""
        ...


@dataclass(frozen=True, slots=True)
class KeepContext:
    """To look after the database."""

    keeper: LogKeeper
    retention: Retention
    tidy: Callable[[], None]

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(services.keeper, services.config.retention, services.tidy)


@dataclass(frozen=True, slots=True)
class DaemonContext:
    """To say how the daemon is, and to end it."""

    log: Counter
    keeper: LogKeeper
    retention: Retention
    engine: Busyness
    artifacts: Artifacts | None
    socket: Path
    database: Path
    version: str
    started_at: float
    store_error: str
    policy_error: str
    peers: int
    stop: Callable[[], None]
    step_limits: Callable[[], Awaitable[str]]
    step_sandbox: Callable[[], Awaitable[str]]

    @classmethod
    def of(cls, services: Services, peer: Peer) -> Self:
        """Take it from the services."""
        return cls(
            step_limits=services.step_limits,
            step_sandbox=services.step_sandbox,
            log=services.log,
            keeper=services.keeper,
            retention=services.config.retention,
            engine=services.engine,
            artifacts=services.artifacts,
            socket=services.paths.socket,
            database=services.paths.database,
            version=services.version,
            started_at=services.started_at,
            store_error=services.store_error(),
            policy_error=services.policy_error(),
            peers=services.peers,
            stop=services.stop,
        )
