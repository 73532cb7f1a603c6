"""The port about suggestions: a task in plain words in, ranked and judged workflows out."""

from typing import Protocol

from msgspec import Struct, field

from flowd.domain.foresight import Obstacle
from flowd.domain.ports import Finding, Reversibility, Verdict
from flowd.domain.workflow import Workflow


class Suggestion(Struct, frozen=True):
    """A ranked answer to a task: always a valid, judged workflow."""

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


class Failure(Struct, frozen=True):
    """A command that failed, and the end of what it wrote."""

    command: str
    output: str = ""


class SuggestRequest(Struct, frozen=True):
    """A task in plain words, asked in a folder. `selection` is text an editor had selected.

    `diagnostics` are what it complains about there; `failure` is what the client saw failing.
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

    async def suggest(self, request: SuggestRequest) -> SuggestAnswer:
        """Answer within the request's deadline, with what there is. InvalidInput for no task."""
        ...

    async def tell(self, request: SuggestRequest) -> list[Told]:
        """Give what each provider would be sent for this request, sending nothing."""
        ...

    def recall(self, suggestion_id: str) -> Suggestion:
        """Give a suggestion made earlier (built-in recipes by their id too); NotFound otherwise."""
        ...
