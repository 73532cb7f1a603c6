"""OpenAI, by its Responses API."""

import json
from typing import TYPE_CHECKING

from flowd.config import ProviderConfig
from flowd.suggest.providers import model_failures as failures
from flowd.suggest.providers.base import Draft, Provider, Question
from flowd.suggest.providers.model_answer import Turn, ask_for_drafts
from flowd.suggest.providers.model_prompt import INSTRUCTIONS
from flowd.suggest.providers.model_setup import (
    REQUEST_SECONDS,
    import_slowly,
    is_loopback,
    read_key,
)

if TYPE_CHECKING:
    from openai.types.responses import ResponseInputParam

DEFAULT_MODEL = "gpt-5-mini"
ADDRESS = "https://api.openai.com/v1"


class OpenAIProvider:
    """Asks an OpenAI model."""

    def __init__(self, name: str, config: ProviderConfig, key: str):
        self._name = name
        self._model = config.model or DEFAULT_MODEL
        self._address = config.base_url or ADDRESS
        self._max_tokens = config.max_tokens
        self._key = key

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

        conversation: ResponseInputParam = [
            {"role": turn.role, "content": turn.text} for turn in turns
        ]
        web = openai.DefaultAsyncHttpxClient(trust_env=not is_loopback(self._address))
        async with openai.AsyncOpenAI(
            api_key=self._key,
            base_url=self._address,
            max_retries=0,
            timeout=REQUEST_SECONDS,
            http_client=web,
        ) as client:
            try:
                response = await client.responses.create(
                    model=self._model,
                    instructions=INSTRUCTIONS,
                    input=conversation,
                    max_output_tokens=self._max_tokens,
                    text={"format": {"type": "json_object"}},
                    store=False,
                )
            except openai.APIStatusError as error:
                raise failures.refused(self._name, error.status_code, error.message) from error
            except (openai.APIConnectionError, httpx2.HTTPError) as error:
                raise failures.unreachable(self._name, self._address, error) from error
            except (openai.APIError, json.JSONDecodeError) as error:
                raise failures.nonsense(self._name, str(error)) from error
        failures.refuse_page(self._name, response)
        if response.status != "completed":
            reason = response.incomplete_details.reason if response.incomplete_details else None
            raise failures.cut_short(self._name, reason or response.status or "no status")
        return response.output_text


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without a key."""
    return OpenAIProvider(name, config, read_key(name, config, "OPENAI_API_KEY"))
