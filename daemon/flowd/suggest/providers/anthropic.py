"""Anthropic, by its Messages API."""

import json
from typing import TYPE_CHECKING

from flowd.config import ProviderConfig
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Provider
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_prompt import INSTRUCTIONS
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    Endpoint,
    ModelProvider,
    endpoint_of,
    import_slowly,
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


async def complete(endpoint: Endpoint, turns: list[Turn]) -> str:
    """Give the model's text; ProviderFailed when there is none, or not all of it."""
    await import_slowly("anthropic")
    import anthropic
    import httpx2

    async with anthropic.AsyncAnthropic(
        api_key=endpoint.key,
        base_url=endpoint.address,
        max_retries=0,
        timeout=REQUEST_SECONDS,
        http_client=anthropic.DefaultAsyncHttpxClient(trust_env=endpoint.may_use_proxy),
    ) as client:
        try:
            message = await client.messages.create(
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
            )
        except anthropic.APIStatusError as error:
            raise failures.refused(endpoint.name, error.status_code, error.message) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            raise failures.unreachable(endpoint.name, endpoint.address, error) from error
        except (anthropic.APIError, json.JSONDecodeError) as error:
            raise failures.nonsense(endpoint.name, str(error)) from error
    failures.refuse_page(endpoint.name, message)
    if message.stop_reason != "end_turn":
        raise failures.cut_short(endpoint.name, message.stop_reason or "no reason given")
    return "".join(block.text for block in message.content if block.type == "text")


def _message(turn: Turn) -> "MessageParam":
    if turn.role == "assistant":
        return {"role": "assistant", "content": turn.text}
    return {"role": "user", "content": turn.text}
