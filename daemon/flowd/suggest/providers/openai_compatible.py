"""Every server that speaks OpenAI's chat completions: Ollama, llama.cpp, vLLM, LM Studio.

Whether such a server honours a schema cannot be told from outside: most ignore what they do not
know, some refuse it. So it is asked for, asked without when refused, and never relied upon.
"""

import json
from typing import TYPE_CHECKING

from flowd.config import ProviderConfig
from flowd.errors import Unsupported
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Draft, Provider, Question
from flowd.suggest.providers.model_answer import Turn, ask_for_drafts
from flowd.suggest.providers.model_prompt import ANSWER_SCHEMA, INSTRUCTIONS
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    import_slowly,
    is_loopback,
    read_key,
)

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletion, ChatCompletionMessageParam

_REFUSED_SCHEMA = frozenset({400, 404, 415, 422, 501})
NO_KEY = "none"  # local servers want a header and do not look at it


class OpenAICompatibleProvider:
    """Asks whatever serves chat completions at an address."""

    def __init__(self, name: str, config: ProviderConfig, key: str):
        self._name = name
        self._model = config.model
        self._address = config.base_url
        self._max_tokens = config.max_tokens
        self._key = key
        self._schema_wanted = True

    @property
    def name(self) -> str:
        """The name it is asked for by."""
        return self._name

    async def propose(self, question: Question) -> list[Draft]:
        """Give drafts; ProviderFailed when the server or the model does not answer usefully."""
        return await ask_for_drafts(self._ask, question, self._name)

    async def _ask(self, turns: list[Turn]) -> str:
        await import_slowly("openai")
        import httpx2
        import openai

        web = openai.DefaultAsyncHttpxClient(trust_env=not is_loopback(self._address))
        async with openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._address,
            max_retries=0,
            timeout=REQUEST_SECONDS,
            http_client=web,
        ) as client:
            try:
                try:
                    completion = await self._complete(client, turns)
                except openai.APIStatusError as error:
                    if not self._schema_wanted or error.status_code not in _REFUSED_SCHEMA:
                        raise
                    self._schema_wanted = False
                    completion = await self._complete(client, turns)
            except openai.APIStatusError as error:
                raise failures.refused(self._name, error.status_code, error.message) from error
            except (openai.APIConnectionError, httpx2.HTTPError) as error:
                raise failures.unreachable(self._name, self._address, error) from error
            except (openai.APIError, json.JSONDecodeError) as error:
                raise failures.nonsense(self._name, str(error)) from error
        failures.refuse_page(self._name, completion)
        if not completion.choices:
            raise failures.nonsense(self._name, "no choices in its answer")
        choice = completion.choices[0]
        if choice.finish_reason != "stop":
            raise failures.cut_short(self._name, str(choice.finish_reason))
        return choice.message.content or ""

    async def _complete(self, client: "AsyncOpenAI", turns: list[Turn]) -> "ChatCompletion":
        import openai

        conversation: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": INSTRUCTIONS}
        ]
        for turn in turns:
            if turn.role == "assistant":
                conversation.append({"role": "assistant", "content": turn.text})
            else:
                conversation.append({"role": "user", "content": turn.text})
        return await client.chat.completions.create(
            model=self._model or await self._only_model(client),
            messages=conversation,
            max_tokens=self._max_tokens,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "suggestions", "schema": ANSWER_SCHEMA},
            }
            if self._schema_wanted
            else openai.omit,
        )

    async def _only_model(self, client: "AsyncOpenAI") -> str:
        """The first model the server offers: local servers often have just one."""
        offered = await client.models.list()
        failures.refuse_page(self._name, offered)
        if not offered.data:
            raise failures.nonsense(self._name, "it lists no models; set model in config.toml")
        return offered.data[0].id


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without an address; a key is needed only when one is named."""
    if not config.base_url:
        raise Unsupported(
            f"provider {name} has no address",
            cure=f"set base_url in [providers.{name}] of config.toml, "
            "for example http://127.0.0.1:11434/v1 for Ollama",
        )
    key = read_key(name, config, config.api_key_env) if config.api_key_env else NO_KEY
    return OpenAICompatibleProvider(name, config, key)
