"""Every server that speaks OpenAI's chat completions: Ollama, llama.cpp, Gemini, and many more.

Whether such a server honours a schema cannot be told from outside: most ignore what they do not
know, some refuse it. So it is asked for, asked without when refused, and never relied upon.
`presets.py` has what is known about some of them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from flowd.config import ProviderConfig
from flowd.domain.usage import Tokens
from flowd.errors import Unsupported
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Provider
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.events import events_of
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_prompt import ANSWER_SCHEMA, instructions_for
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    ModelProvider,
    endpoint_of,
    import_slowly,
    tls_context,
)
from flowd.suggest.providers.presets import PRESETS

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

_REFUSED_EXTRAS = frozenset({400, 404, 415, 422, 501})
_NO_KEY = "none"  # local servers want a header and do not look at it


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without an address or, where one is needed, a key."""
    preset = PRESETS.get(config.kind or name, PRESETS["openai_compatible"])
    if not (config.base_url or preset.address):
        raise Unsupported(
            f"provider {name} has no address",
            cure=f"set base_url in [providers.{name}] of config.toml, for example {preset.example}",
        )
    endpoint = endpoint_of(
        name,
        config,
        model=preset.model,
        address=preset.address,
        key_variable=preset.key_variable,
    )
    endpoint = replace(
        endpoint,
        key=endpoint.key or ("" if endpoint.key_source else _NO_KEY),
        bound=preset.bound,
        plain=config.style == "plain" or (config.style == "auto" and endpoint.is_local),
        candidates=config.candidates,
    )
    asking = ChatCompletions(preset.takes_schema, preset.asks_usage)
    return ModelProvider(endpoint, asking.complete)


class ChatCompletions:
    """Remembers whether the server refused what not all of them know, so as to ask only once."""

    def __init__(self, takes_schema: bool = True, asks_usage: bool = True) -> None:
        self._wants_schema = takes_schema
        self._wants_usage = asks_usage
        self._wants_temperature = True

    async def complete(self, endpoint: Endpoint, turns: list[Turn], heard: Heard) -> None:
        """Hear the model's text; ProviderFailed when there is none, or not all of it."""
        sdk = await import_slowly("openai", "resources.chat", "resources.models")
        import openai

        with failures.translated(sdk, endpoint.name, endpoint.address, endpoint.key):
            async with openai.AsyncOpenAI(
                api_key=endpoint.key,
                base_url=endpoint.address,
                max_retries=0,
                timeout=REQUEST_SECONDS,
                http_client=openai.DefaultAsyncHttpxClient(
                    trust_env=not endpoint.is_local, verify=tls_context()
                ),
            ) as client:
                model = endpoint.model or await _first_model(client, endpoint)
                async with self._sent(client, replace(endpoint, model=model), turns) as stream:
                    await _listen(endpoint, stream, heard)

    @asynccontextmanager
    async def _sent(
        self, client: "AsyncOpenAI", endpoint: Endpoint, turns: list[Turn]
    ) -> AsyncIterator["AsyncStream[ChatCompletionChunk]"]:
        import openai

        try:
            stream = await self._send(client, endpoint, turns)
        except openai.APIStatusError as error:
            wanted = self._wants_schema or self._wants_usage
            if not wanted or error.status_code not in _REFUSED_EXTRAS:
                raise
            self._wants_schema = self._wants_usage = self._wants_temperature = False
            stream = await self._send(client, endpoint, turns)
        async with stream:
            yield stream

    async def _send(
        self, client: "AsyncOpenAI", endpoint: Endpoint, turns: list[Turn]
    ) -> "AsyncStream[ChatCompletionChunk]":
        import openai

        conversation: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": instructions_for(plain=endpoint.plain)}
        ]
        conversation += [_message(turn) for turn in turns]
        old_name = endpoint.bound == "max_tokens"
        return await client.chat.completions.create(
            model=endpoint.model,
            messages=conversation,
            max_tokens=endpoint.max_tokens if old_name else openai.omit,
            max_completion_tokens=openai.omit if old_name else endpoint.max_tokens,
            temperature=openai.omit
            if endpoint.temperature is None or not self._wants_temperature
            else endpoint.temperature,
            stream=True,
            stream_options={"include_usage": True} if self._wants_usage else openai.omit,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "suggestions", "schema": ANSWER_SCHEMA},
            }
            if self._wants_schema and not endpoint.plain
            else openai.omit,
        )


async def _listen(
    endpoint: Endpoint, stream: "AsyncStream[ChatCompletionChunk]", heard: Heard
) -> None:
    """Read to the end: the tokens come after the reason for it."""
    reason = ""
    async with events_of(stream.response, endpoint.name, _Chunk) as chunks:
        async for chunk in chunks:
            reason = _hear(endpoint, chunk, heard) or reason
    if reason not in ("", "stop"):
        raise failures.cut_short(endpoint.name, reason)
    heard.finished = bool(reason)


class _Cached(Struct):
    cached_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None


class _Delta(Struct):
    content: str | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Error(Struct):
    message: str = ""


class _Chunk(Struct):
    """What we read of the chunks; servers leave out what they do not know."""

    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Error | str | None = None


def _hear(endpoint: Endpoint, chunk: _Chunk, heard: Heard) -> str:
    """Take a chunk in; give the reason for the end, once it is told."""
    if chunk.error is not None:
        error = chunk.error
        raise failures.broken(endpoint.name, error if isinstance(error, str) else error.message)
    if chunk.usage is not None:
        cached = (chunk.usage.prompt_tokens_details or _Cached()).cached_tokens or 0
        heard.tokens = Tokens(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached)
    reason = ""
    for choice in chunk.choices or ():
        heard.tell((choice.delta or _Delta()).content or "")
        reason = choice.finish_reason or reason
    return reason


def _message(turn: Turn) -> "ChatCompletionMessageParam":
    if turn.role == "assistant":
        return {"role": "assistant", "content": turn.text}
    return {"role": "user", "content": turn.text}


async def _first_model(client: "AsyncOpenAI", endpoint: Endpoint) -> str:
    """The first model the server offers: local servers often have just one."""
    offered = await client.models.list()
    if isinstance(offered, str):  # type: ignore[unreachable]  # what the SDK gives, unasked, for a page that is not JSON
        raise failures.nonsense(endpoint.name, offered)
    if not offered.data:
        raise failures.nonsense(
            endpoint.name, "it lists no models; set model in config.toml", again=False
        )
    return offered.data[0].id
