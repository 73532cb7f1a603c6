"""What the server serves: the organs of the daemon, put together by `main`."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Raw

import flowd
from flowd.config import Config, Paths
from flowd.domain.boundaries import Drawn
from flowd.domain.consents import Consents
from flowd.domain.files import Artifacts, Rehearsals
from flowd.domain.knowledge import ImportedKnowledge
from flowd.domain.learning import Learning
from flowd.domain.ports import Engine, EventLog, Extents, Judge, LogKeeper, Preflight
from flowd.domain.suggestions import Suggester
from flowd.domain.usage import Books
from flowd.safety.policed import PolicedJudge
from flowd.server.keyboards import Keyboards
from flowd.server.limits import Limits
from flowd.server.trust import Trust
from flowd.suggest.nearness import Nearness
from flowd.suggest.surroundings import Surroundings

if TYPE_CHECKING:
    from flowd.server.peer import Peer


class LspFeatures(Protocol):
    """The editor's half of one connection: everything that is neither `flow/…` nor life cycle.

    Messages come in the order they were sent; `notify` is awaited before the next one is read, so
    it must be quick. `request` runs in a task of its own and is cancelled by `$/cancelRequest`.
    """

    def capabilities(self) -> Mapping[str, Any]:
        """The `capabilities` of the initialize result, as JSON data."""
        ...

    async def request(self, method: str, params: Raw | None) -> object:
        """Give a result msgspec can encode. `server.errors.ProtocolError` or FlowError otherwise.

        METHOD_NOT_FOUND for a method it does not know.
        """
        ...

    async def notify(self, method: str, params: Raw | None) -> None:
        """Take a notification; unknown ones are ignored."""
        ...


class OpenLsp(Protocol):
    """Makes the editor's half for a connection, from the params of `initialize`."""

    async def __call__(
        self, services: "Services", peer: "Peer", initialize: Raw | None
    ) -> LspFeatures:
        """May import what only editors need; ValidationError or FlowError refuses the client."""
        ...


def _no_store_error() -> str:
    return ""


async def _nothing_known() -> str:
    return ""


async def _all_held(_drawn: Drawn) -> str:
    return ""


def _nothing_to_tidy() -> None:
    pass


@dataclass(kw_only=True)
class Services:
    """The daemon as the server sees it.

    `stop` asks `main` to end the daemon and returns at once. `started_at` is `time.monotonic()` at
    the start. `store_error` says why writes are refused, or ""; `policy_error`
    what is wrong with the user's rules, or "". `open_lsp` None serves no editors, `artifacts` None
    keeps none, `extents` None counts nothing, `preflight` None finds nothing; `tidy` has what
    removed runs left removed soon, and returns at once. `step_limits` tells what holds the limits
    of steps here, `step_sandbox` what confines them, `unheld` why what policies draw is
    not held, or "". Where `trust`, `policies` or `consents` is
    None, every folder is trusted, there are no policy files, and no answer lasts; without
    `knowledge` nothing can be imported, without `books` no call to a provider is written down, and
    without `learning` nothing is learned.
    """

    log: EventLog
    keeper: LogKeeper
    engine: Engine
    suggester: Suggester
    judge: Judge
    config: Config
    paths: Paths
    started_at: float
    stop: Callable[[], None]
    store_error: Callable[[], str] = _no_store_error
    policy_error: Callable[[], str] = _no_store_error
    step_limits: Callable[[], Awaitable[str]] = _nothing_known
    step_sandbox: Callable[[], Awaitable[str]] = _nothing_known
    unheld: Callable[[Drawn], Awaitable[str]] = _all_held
    open_lsp: OpenLsp | None = None
    artifacts: Artifacts | None = None
    extents: Extents | None = None
    preflight: Preflight | None = None
    rehearsals: Rehearsals | None = None
    mask: Callable[[str], str] = str
    mask_for: Callable[[str], Callable[[str], str]] = lambda _folder: str
    tidy: Callable[[], None] = _nothing_to_tidy
    trust: Trust | None = None
    policies: PolicedJudge | None = None
    consents: Consents | None = None
    books: Books | None = None
    knowledge: ImportedKnowledge | None = None
    nearness: Nearness | None = None
    learning: Learning | None = None
    surroundings: Surroundings | None = None
    limits: Limits = field(default_factory=Limits)
    version: str = flowd.__version__
    peers: int = 0
    keyboards: Keyboards = field(default_factory=Keyboards)
