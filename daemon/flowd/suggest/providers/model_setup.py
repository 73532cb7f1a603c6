"""What the model providers share: where the model is, the import of an SDK, the provider itself."""

import importlib
import os
from collections.abc import Awaitable, Callable
from types import ModuleType
from urllib.parse import urlsplit

import trio
from msgspec import Struct

from flowd.config import ProviderConfig
from flowd.errors import Unsupported
from flowd.suggest.providers.base import Draft, Question
from flowd.suggest.providers.model_answer import Turn, ask_for_drafts

REQUEST_SECONDS = 60.0  # the pipeline's deadline comes first; this ends what nobody waits for
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Endpoint(Struct, frozen=True, kw_only=True):
    """A model behind an address. `max_tokens` bounds one answer."""

    name: str
    model: str
    address: str
    key: str
    max_tokens: int

    @property
    def may_use_proxy(self) -> bool:
        """Whether a proxy of the environment may come between: never on this machine."""
        return (urlsplit(self.address).hostname or "") not in _LOOPBACK

    @property
    def confidence(self) -> float:
        """How sure its first answer is: a model on this machine is small, and often wrong.

        A model of 1.5 billion parameters is right less often than recipes whose score is 0.5.
        """
        return 0.5 if not self.may_use_proxy else 0.8


Complete = Callable[[Endpoint, list[Turn]], Awaitable[str]]
"""Sends a conversation to an endpoint in its own protocol and gives the model's whole text.

ProviderFailed, with a cure, when there is none.
"""


class ModelProvider:
    """A provider that asks a language model: the same for all of them but for the protocol."""

    def __init__(self, endpoint: Endpoint, complete: Complete):
        self._endpoint = endpoint
        self._complete = complete

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return self._endpoint.name

    async def propose(self, question: Question) -> list[Draft]:
        """Give drafts; ProviderFailed when the server or the model does not answer usefully."""

        async def ask(turns: list[Turn]) -> str:
            return await self._complete(self._endpoint, turns)

        return await ask_for_drafts(ask, question, self.name, self._endpoint.confidence)


def endpoint_of(
    name: str, config: ProviderConfig, *, model: str, address: str, key_variable: str
) -> Endpoint:
    """Put settings and their defaults together.

    The key comes from the environment variable that `api_key_env` names, else `key_variable`.
    Unsupported, naming the variable, when it is not there.
    """
    variable = config.api_key_env or key_variable
    key = os.environ.get(variable, "")
    if not key:
        raise Unsupported(
            f"provider {name} has no key",
            cure=f"set {variable} in the environment of the daemon, then flowctl daemon restart",
        )
    return Endpoint(
        name=name,
        model=config.model or model,
        address=config.base_url or address,
        key=key,
        max_tokens=config.max_tokens,
    )


async def import_slowly(module: str) -> ModuleType:
    """Import an SDK (up to two seconds of processor time) beside the loop, not in it."""
    return await trio.to_thread.run_sync(importlib.import_module, module)
