"""What a suggestion provider is: one question in, some drafts out.

A provider module offers a `Factory`; `registry.py` knows where the factories are. Nothing a
provider returns is trusted: the pipeline validates, judges and ranks every draft.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from flowd.config import ProviderConfig, SecretSource
from flowd.domain.suggestions import Failure
from flowd.domain.workflow import Workflow
from flowd.errors import ProviderFailed
from flowd.suggest.context import Context
from flowd.suggest.reliability.accounts import Account

DEFAULT_BUDGET_BYTES = 4000


class Draft(Struct, frozen=True, kw_only=True):
    """One proposal. `workflow` is language v1, already read or as the plain mapping it came as.

    `confidence` (0 to 1) is how sure the provider is that this is what was asked for; `matched`
    that it was measured against the words of the task, so that they need not be compared again.
    `recipe` is the id of the built-in recipe it comes from, if any, and `asked_as` the words it was
    found by.
    """

    title: str
    workflow: Workflow | Mapping[str, Any]
    explanation: str = ""
    confidence: float = 0.5
    matched: bool = False
    recipe: str = ""
    asked_as: str = ""


class Unfinished(Struct, frozen=True):
    """A suggestion that is being written: to be looked at, never to be run."""

    title: str
    scripts: list[str]


class Listener(Protocol):
    """Is told how an answer comes along. Nothing of it need be told, and none of it waits."""

    def began(self) -> None:
        """The first of the answer has come: from here on nobody else is asked instead."""
        ...

    def faltered(self, why: str) -> None:
        """A try failed, and there will be another: somebody else may be asked meanwhile."""
        ...

    def wrote(self, drafts: Sequence[Draft], unfinished: Unfinished | None = None) -> None:
        """These drafts are complete, all there are by now; the next is being written."""
        ...


class Silence:
    """A listener that does not care."""

    def began(self) -> None:
        """See `Listener`."""

    def faltered(self, why: str) -> None:
        """See `Listener`."""

    def wrote(self, drafts: Sequence[Draft], unfinished: Unfinished | None = None) -> None:
        """See `Listener`."""


LookUp = Callable[[SecretSource], Awaitable[str]]
"""Gives a key from where it is; ProviderFailed, with the cure, when it is not to be had."""


async def no_keys(_source: SecretSource) -> str:
    """Look up nothing."""
    raise ProviderFailed(
        "keys from commands and keyrings cannot be looked up here", cure="set api_key_env instead"
    )


class Question(Struct, frozen=True, kw_only=True):
    """A task, with everything known that may help to answer it.

    `retrieved` are built-in recipes and the project's own tasks, best first, their `confidence`
    being how well they match; a provider may use them as examples. `deadline` is on trio's clock:
    what is not answered by then is lost (the pipeline cancels). `limit` is how many drafts are
    useful. `selection`, `language` and `diagnostics` come from an editor, `failure` is the command
    that failed last; `budget_bytes` bounds what a model is told of all that. `habits` are what the
    user is known to prefer, a few words each. Whatever leaves this machine goes through `mask`
    first, which takes secrets out. What is complete before the answer is can be told to
    `listener`, and is kept if the rest is late. `account` is where calls are written down (None:
    nowhere), `look_up` gives keys that are neither in the settings nor in the environment, or
    raises ProviderFailed.
    """

    task: str
    context: Context
    deadline: float
    retrieved: list[Draft] = field(default_factory=list)
    limit: int = 5
    selection: str = ""
    language: str = ""
    diagnostics: str = ""
    failure: Failure | None = None
    budget_bytes: int = DEFAULT_BUDGET_BYTES
    mask: Callable[[str], str] = str
    listener: Listener = field(default_factory=Silence)
    account: Account | None = None
    look_up: LookUp = no_keys
    habits: list[str] = field(default_factory=list)


class Provider(Protocol):
    """Makes drafts. One instance serves many questions, several at a time."""

    @property
    def name(self) -> str:
        """The name it is asked for by, shown beside its suggestions."""
        ...

    async def propose(self, question: Question) -> list[Draft]:
        """Give drafts, best first; an empty list when it knows nothing.

        ProviderFailed (with a cure) when it cannot answer. Must be cancellable at any time, and
        leaves nothing running behind it.
        """
        ...


Factory = Callable[[str, ProviderConfig], Provider]
"""Makes the provider of a name from its settings (`[providers.NAME]`, defaults when absent).

Cheap: imports no SDK and opens nothing. Unsupported, with the cure, when it cannot work as things
are set up (no key, no address, no model).
"""
