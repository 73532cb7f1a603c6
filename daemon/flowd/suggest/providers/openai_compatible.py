"""Every server that speaks OpenAI's chat completions: Ollama, llama.cpp, vLLM, LM Studio.

Whether such a server honours a schema cannot be told from outside: most ignore what they do not
know, some refuse it. So it is asked for, asked without when refused, and never relied upon.
"""

import json
from typing import TYPE_CHECKING

from flowd.config import ProviderConfig
from flowd.errors import Unsupported
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Provider
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_prompt import ANSWER_SCHEMA, INSTRUCTIONS
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    Endpoint,
    ModelProvider,
    endpoint_of,
    import_slowly,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

_REFUSED_SCHEMA = frozenset({400, 404, 415, 422, 501})
_NO_KEY = "none"  # local servers want a header and do not look at it


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without an address; a key is needed only when one is named."""
    if not config.base_url:
        raise Unsupported(
            f"provider {name} has no address",
            cure=f"set base_url in [providers.{name}] of config.toml, "
            "for example http://127.0.0.1:11434/v1 for Ollama",
        )
    if config.api_key_env:
        endpoint = endpoint_of(name, config, model="", address="", key_variable="")
    else:
        endpoint = Endpoint(
            name=name,
            model=config.model,
            address=config.base_url,
            key=_NO_KEY,
            max_tokens=config.max_tokens,
        )
    return ModelProvider(endpoint, ChatCompletions().complete)


class ChatCompletions:
    """Remembers whether the server refused a schema, so as to ask it only once."""

    def __init__(self) -> None:
        self._schema_wanted = True

    async def complete(self, endpoint: Endpoint, turns: list[Turn]) -> str:
        """Give the model's text; ProviderFailed when there is none, or not all of it."""
        await import_slowly("openai")
        import httpx2
        import openai

        async with openai.AsyncOpenAI(
            api_key=endpoint.key,
            base_url=endpoint.address,
            max_retries=0,
            timeout=REQUEST_SECONDS,
            http_client=openai.DefaultAsyncHttpxClient(trust_env=endpoint.may_use_proxy),
        ) as client:
            try:
                try:
                    completion = await self._send(client, endpoint, turns)
                except openai.APIStatusError as error:
                    if not self._schema_wanted or error.status_code not in _REFUSED_SCHEMA:
                        raise
                    self._schema_wanted = False
                    completion = await self._send(client, endpoint, turns)
            except openai.APIStatusError as error:
                raise failures.refused(endpoint.name, error.status_code, error.message) from error
            except (openai.APIConnectionError, httpx2.HTTPError) as error:
                raise failures.unreachable(endpoint.name, endpoint.address, error) from error
            except (openai.APIError, json.JSONDecodeError) as error:
                raise failures.nonsense(endpoint.name, str(error)) from error
        failures.refuse_page(endpoint.name, completion)
        if not completion.choices:
            raise failures.nonsense(endpoint.name, "no choices in its answer")
        choice = completion.choices[0]
        if choice.finish_reason != "stop":
            raise failures.cut_short(endpoint.name, str(choice.finish_reason))
        return choice.message.content or ""

    async def _send(
        self, client: "AsyncOpenAI", endpoint: Endpoint, turns: list[Turn]
    ) -> "ChatCompletion":
        import openai

        conversation: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": INSTRUCTIONS}
        ]
        conversation += [_message(turn) for turn in turns]
        return await client.chat.completions.create(
            model=endpoint.model or await _first_model(client, endpoint),
            messages=conversation,
            max_tokens=endpoint.max_tokens,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "suggestions", "schema": ANSWER_SCHEMA},
            }
            if self._schema_wanted
            else openai.omit,
        )


def _message(turn: Turn) -> "ChatCompletionMessageParam":
    if turn.role == "assistant":
        return {"role": "assistant", "content": turn.text}
    return {"role": "user", "content": turn.text}


async def _first_model(client: "AsyncOpenAI", endpoint: Endpoint) -> str:
    """The first model the server offers: local servers often have just one."""
    offered = await client.models.list()
    failures.refuse_page(endpoint.name, offered)
    if not offered.data:
        raise failures.nonsense(endpoint.name, "it lists no models; set model in config.toml")
    return offered.data[0].id
