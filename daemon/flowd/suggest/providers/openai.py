"""OpenAI, by its Responses API."""

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


async def complete(endpoint: Endpoint, turns: list[Turn]) -> str:
    """Give the model's text; ProviderFailed when there is none, or not all of it."""
    await import_slowly("openai")
    import httpx2
    import openai

    conversation: ResponseInputParam = [{"role": turn.role, "content": turn.text} for turn in turns]
    async with openai.AsyncOpenAI(
        api_key=endpoint.key,
        base_url=endpoint.address,
        max_retries=0,
        timeout=REQUEST_SECONDS,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=endpoint.may_use_proxy),
    ) as client:
        try:
            response = await client.responses.create(
                model=endpoint.model,
                instructions=INSTRUCTIONS,
                input=conversation,
                max_output_tokens=endpoint.max_tokens,
                text={"format": {"type": "json_object"}},
                store=False,
            )
        except openai.APIStatusError as error:
            raise failures.refused(endpoint.name, error.status_code, error.message) from error
        except (openai.APIConnectionError, httpx2.HTTPError) as error:
            raise failures.unreachable(endpoint.name, endpoint.address, error) from error
        except (openai.APIError, json.JSONDecodeError) as error:
            raise failures.nonsense(endpoint.name, str(error)) from error
    failures.refuse_page(endpoint.name, response)
    if response.status != "completed":
        reason = response.incomplete_details.reason if response.incomplete_details else None
        raise failures.cut_short(endpoint.name, reason or response.status or "no status")
    return response.output_text
