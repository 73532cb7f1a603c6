"""The port about suggestions: a task in plain words in, ranked and judged workflows out."""

from collections.abc import Awaitable, Callable
from typing import Literal, Protocol

from msgspec import Struct, field

from flowd.domain.foresight import Obstacle
from flowd.domain.ports import Finding, Reversibility, Verdict
from flowd.domain.usage import Budget, CallRecord, Price, Spent
from flowd.domain.workflow import Workflow


class Suggestion(Struct, frozen=True):
    """A ranked answer to a task: always a valid, judged workflow.

    `reasons` say in a few words each why it has its score.
    """

    id: str
    title: str
    provider: str
    score: float
    verdict: Verdict
    workflow: Workflow
    explanation: str = ""
    findings: list[Finding] = field(default_factory=list)
    reversibility: dict[str, Reversibility] = field(default_factory=dict)
    missing_inputs: list[str] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class Failure(Struct, frozen=True):
    """A command that failed, and the end of what it wrote."""

    command: str
    output: str = ""


class SuggestRequest(Struct, frozen=True):
    """A task in plain words, asked in a folder. `selection` is text an editor had selected.

    `diagnostics` are what it complains about there; `failure` is what the client saw failing.
    `fresh` asks models anew, although they answered the same not long ago.
    """

    task: str
    cwd: str
    providers: list[str] = field(default_factory=list)
    limit: int = 5
    selection: str = ""
    language: str = ""
    diagnostics: str = ""
    failure: Failure | None = None
    deadline_seconds: float = 5.0
    fresh: bool = False


class ProviderReport(Struct, frozen=True):
    """How one provider did. `error` is empty when it answered."""

    provider: str
    elapsed_ms: float
    suggestions: int
    error: str = ""
    cure: str = ""


class SuggestAnswer(Struct, frozen=True):
    """Ranked best first; never empty providers."""

    suggestions: list[Suggestion]
    providers: list[ProviderReport]
    elapsed_ms: float


class Writing(Struct, frozen=True):
    """What a model is writing now: scripts to look at, of a suggestion that is not complete."""

    provider: str
    title: str
    scripts: list[str]


class SuggestProgress(Struct, frozen=True):
    """What there is before the answer: all suggestions so far, best first."""

    suggestions: list[Suggestion]
    writing: list[Writing]


Show = Callable[[SuggestProgress], Awaitable[None]]
"""Takes what there is so far; each takes the place of the one before."""


class ProviderState(Struct, frozen=True, kw_only=True):
    """How a provider stands. `asked` when none is named; `problem` is empty when it is usable.

    `configured` tells those that the settings name, or that need no settings, from mere kinds.

    `rests_seconds` is how long it is left alone. `price` None: nobody knows, or it has no model.
    """

    name: str
    kind: str
    asked: bool
    configured: bool
    usable: bool
    problem: str = ""
    cure: str = ""
    model: str = ""
    address: str = ""
    breaker: Literal["closed", "open", "probing"] = "closed"
    rests_seconds: float = 0.0
    price: Price | None = None
    budget: Budget | None = None
    spent_today: Spent = Spent()


class ProviderTrial(Struct, frozen=True, kw_only=True):
    """What came of trying one provider; `error` is empty when it gave a usable suggestion."""

    provider: str
    elapsed_ms: float
    title: str
    error: str
    cure: str
    calls: list[CallRecord]


class Told(Struct, frozen=True):
    """What a provider would be sent: `instructions` and `text` as they are, empty for nothing.

    `note` says in a sentence where it goes, or why nothing would be sent.
    """

    provider: str
    note: str
    instructions: str = ""
    text: str = ""


class Suggester(Protocol):
    """Turns tasks into ranked suggestions."""

    async def suggest(self, request: SuggestRequest, show: Show | None = None) -> SuggestAnswer:
        """Answer within the request's deadline, with what there is. InvalidInput for no task.

        Whatever is there before is told to `show`.
        """
        ...

    async def providers(self) -> list[ProviderState]:
        """Tell how the providers stand, by name."""
        ...

    async def try_provider(self, name: str, deadline_seconds: float) -> ProviderTrial:
        """Ask one provider a small question, for real; InvalidInput for an unknown one.

        Unsupported when it cannot work as things are set up.
        """
        ...

    async def tell(self, request: SuggestRequest) -> list[Told]:
        """Give what each provider would be sent for this request, sending nothing."""
        ...

    def recall(self, suggestion_id: str) -> Suggestion:
        """Give a suggestion made earlier (built-in recipes by their id too); NotFound otherwise."""
        ...
