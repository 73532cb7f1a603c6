"""OpenAI, by its Responses API."""

from typing import TYPE_CHECKING

from msgspec import Raw, Struct

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
    from openai.types.responses import ResponseInputParam


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without a key."""
    endpoint = endpoint_of(
        name,
        config,
        model="gpt-5-mini",
        address="https://api.openai.com/v1",
        key_variable="OPENAI_API_KEY",
    )
    return ModelProvider(endpoint, complete)


async def complete(endpoint: Endpoint, turns: list[Turn], heard: Heard) -> None:
    """Hear the model's text; ProviderFailed when there is none, or not all of it."""
    sdk = await import_slowly("openai", "resources.responses")
    import openai

    conversation: ResponseInputParam = [{"role": turn.role, "content": turn.text} for turn in turns]
    with failures.translated(sdk, endpoint.name, endpoint.address, endpoint.key):
        async with (
            openai.AsyncOpenAI(
                api_key=endpoint.key,
                base_url=endpoint.address,
                max_retries=0,
                timeout=REQUEST_SECONDS,
                http_client=openai.DefaultAsyncHttpxClient(
                    trust_env=not endpoint.is_local, verify=tls_context()
                ),
            ) as client,
            await client.responses.create(
                model=endpoint.model,
                instructions=INSTRUCTIONS,
                input=conversation,
                max_output_tokens=endpoint.max_tokens,
                text={"format": {"type": "json_object"}},
                store=False,
                stream=True,
            ) as stream,
            events_of(stream.response, endpoint.name, _Event) as events,
        ):
            async for event in events:
                _hear(endpoint, event, heard)


class _Cached(Struct):
    cached_tokens: int = 0


class _Usage(Struct):
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: _Cached | None = None


class _Reason(Struct):
    reason: str = ""
    message: str = ""


class _Response(Struct):
    usage: _Usage | None = None
    incomplete_details: _Reason | None = None
    error: _Reason | None = None


class _Event(Struct):
    """What we read of the events; servers leave out what they do not know."""

    type: str = ""
    delta: str | Raw = ""
    message: str = ""
    response: _Response | None = None
    error: _Reason | None = None


def _hear(endpoint: Endpoint, event: _Event, heard: Heard) -> None:
    response = event.response or _Response()
    if response.usage is not None:
        usage = response.usage
        cached = usage.input_tokens_details or _Cached()
        heard.tokens = Tokens(usage.input_tokens, usage.output_tokens, cached.cached_tokens)
    match event.type:
        case "response.output_text.delta" if isinstance(event.delta, str):
            heard.tell(event.delta)
        case "response.completed":
            # llama.cpp says so also of an answer that the bound cut off.
            if heard.tokens and heard.tokens.output >= endpoint.max_tokens:
                raise failures.cut_short(endpoint.name, "max_output_tokens")
            heard.finished = True
        case "response.incomplete":
            details = response.incomplete_details or _Reason()
            raise failures.cut_short(endpoint.name, details.reason or "incomplete")
        case "response.failed" | "error":
            error = response.error or event.error or _Reason(message=event.message)
            raise failures.broken(endpoint.name, error.message or "it failed")
