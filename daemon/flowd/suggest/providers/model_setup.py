"""What the model providers share: where the model is, the import of an SDK, the provider itself."""

import importlib
import os
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

import trio

from flowd.config import ProviderConfig, SecretSource
from flowd.errors import Unsupported
from flowd.suggest.providers.base import Draft, Question
from flowd.suggest.providers.candidates import ask_for_commands
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.model_answer import Turn, ask_for_drafts
from flowd.suggest.providers.prices import price_of
from flowd.suggest.reliability.calling import Caller, Complete

if TYPE_CHECKING:
    from ssl import SSLContext

HEAD_START_SECONDS = 0.15
REQUEST_SECONDS = 60.0  # the pipeline's deadline comes first; this ends what nobody waits for


class ModelProvider:
    """A provider that asks a language model: the same for all of them but for the protocol."""

    def __init__(self, endpoint: Endpoint, complete: Complete):
        self.endpoint = endpoint
        self.caller = Caller(endpoint, complete)

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return self.endpoint.name

    async def propose(self, question: Question) -> list[Draft]:
        """Give drafts; ProviderFailed when the server or the model does not answer usefully."""
        if self.endpoint.plain:
            return await ask_for_commands(self.caller, question)

        async def ask(turns: list[Turn]) -> str:
            return await self.caller.ask(turns, question)

        return await ask_for_drafts(ask, question, self.name, self.endpoint.confidence)


def endpoint_of(
    name: str, config: ProviderConfig, *, model: str, address: str, key_variable: str
) -> Endpoint:
    """Put settings and their defaults together.

    The key comes from the environment variable that `api_key_env` names, else `key_variable`, or
    is looked up when it is needed. Unsupported, naming the variable, when it is not there; a
    `key_variable` of "" needs none.
    """
    key, source = "", _key_source(config)
    variable = config.api_key_env or key_variable
    if source is None and variable:
        key = os.environ.get(variable, "")
        if not key:
            raise Unsupported(
                f"provider {name} has no key",
                cure=f"set {variable} in the environment of the daemon, then flowctl daemon "
                f"restart; or api_key_command in [providers.{name}] of config.toml",
            )
    chosen = config.model or model
    return Endpoint(
        name=name,
        model=chosen,
        address=config.base_url or address,
        key=key,
        key_source=source,
        max_tokens=config.max_tokens,
        requests_per_minute=config.requests_per_minute,
        own_price=config.price or price_of(chosen),
        budget=config.budget,
    )


def _key_source(config: ProviderConfig) -> SecretSource | None:
    if config.api_key_command:
        return SecretSource(command=config.api_key_command)
    if config.api_key_keyring:
        return SecretSource(keyring=config.api_key_keyring)
    return None


async def import_slowly(module: str, *parts: str) -> ModuleType:
    """Import an SDK and parts of it (seconds of processor time) beside the loop, not in it.

    Beside it is not without it: the first time, what needs no model is given a head start.
    """
    if module not in sys.modules:
        await trio.sleep(HEAD_START_SECONDS)
    return await trio.to_thread.run_sync(_import, module, parts)


def _import(module: str, parts: tuple[str, ...]) -> ModuleType:
    for part in parts:
        importlib.import_module(f"{module}.{part}")
    tls_context()
    return importlib.import_module(module)


@cache
def tls_context() -> "SSLContext":
    """Give the certificates that are trusted. Reading them takes 30 ms, so it is done once."""
    import httpx2

    return httpx2.create_ssl_context()
