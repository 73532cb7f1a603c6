"""Anthropic, by its Messages API."""

from typing import TYPE_CHECKING

from msgspec import Struct

from flowd.config import ProviderConfig
from flowd.domain.usage import Tokens
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Provider
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.events import events_of
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_prompt import INSTRUCTIONS
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    ModelProvider,
    endpoint_of,
    import_slowly,
    tls_context,
)

if TYPE_CHECKING:
    from anthropic.types import MessageParam


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without a key."""
    endpoint = endpoint_of(
        name,
        config,
        model="claude-haiku-4-5",
        address="https://api.anthropic.com",
        key_variable="ANTHROPIC_API_KEY",
    )
    return ModelProvider(endpoint, complete)


async def complete(endpoint: Endpoint, turns: list[Turn], heard: Heard) -> None:
    """Hear the model's text; ProviderFailed when there is none, or not all of it."""
    sdk = await import_slowly("anthropic", "resources.messages")
    import anthropic

    with failures.translated(sdk, endpoint.name, endpoint.address, endpoint.key):
        async with (
            anthropic.AsyncAnthropic(
                api_key=endpoint.key,
                base_url=endpoint.address,
                max_retries=0,
                timeout=REQUEST_SECONDS,
                http_client=anthropic.DefaultAsyncHttpxClient(
                    trust_env=not endpoint.is_local, verify=tls_context()
                ),
            ) as client,
            await client.messages.create(
                model=endpoint.model,
                system=[
                    {
                        "type": "text",
                        "text": INSTRUCTIONS,
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
                messages=[_message(turn) for turn in turns],
                max_tokens=endpoint.max_tokens,
                stream=True,
            ) as stream,
            events_of(stream.response, endpoint.name, _Event) as events,
        ):
            reason = ""
            async for event in events:
                reason = _hear(endpoint, event, heard) or reason
                if event.type == "message_stop":
                    if reason != "end_turn":
                        raise failures.cut_short(endpoint.name, reason or "no reason given")
                    heard.finished = True


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(Struct):
    usage: _Usage | None = None


class _Delta(Struct):
    type: str = ""
    text: str = ""
    stop_reason: str | None = None


class _Error(Struct):
    message: str = ""


class _Event(Struct):
    """What we read of the events; servers leave out what they do not know."""

    type: str = ""
    message: _Message | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: _Error | None = None


def _hear(endpoint: Endpoint, event: _Event, heard: Heard) -> str:
    """Take an event in; give the reason for the end, once it is told."""
    delta = event.delta or _Delta()
    if event.error is not None:
        raise failures.broken(endpoint.name, event.error.message)
    if event.message is not None and event.message.usage is not None:
        heard.tokens = _read_tokens(event.message.usage)
    if event.usage is not None:
        before = heard.tokens or Tokens()
        output = event.usage.output_tokens or before.output
        heard.tokens = Tokens(before.input, output, before.cached)
    if event.type == "content_block_delta" and delta.type == "text_delta":
        heard.tell(delta.text)
    return delta.stop_reason or ""


def _read_tokens(usage: _Usage) -> Tokens:
    cached = usage.cache_read_input_tokens or 0
    # What is written to the cache costs a quarter more than other input.
    written = round(1.25 * (usage.cache_creation_input_tokens or 0))
    return Tokens((usage.input_tokens or 0) + cached + written, usage.output_tokens or 0, cached)


def _message(turn: Turn) -> "MessageParam":
    if turn.role == "assistant":
        return {"role": "assistant", "content": turn.text}
    return {"role": "user", "content": turn.text}
