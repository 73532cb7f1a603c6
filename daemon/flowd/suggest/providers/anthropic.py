"""Anthropic, by its Messages API."""

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
    from anthropic.types import MessageParam

DEFAULT_MODEL = "claude-haiku-4-5"
ADDRESS = "https://api.anthropic.com"


class AnthropicProvider:
    """Asks an Anthropic model."""

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
        await import_slowly("anthropic")
        import anthropic
        import httpx2

        conversation = [_message(turn) for turn in turns]
        web = anthropic.DefaultAsyncHttpxClient(trust_env=not is_loopback(self._address))
        async with anthropic.AsyncAnthropic(
            api_key=self._key,
            base_url=self._address,
            max_retries=0,
            timeout=REQUEST_SECONDS,
            http_client=web,
        ) as client:
            try:
                message = await client.messages.create(
                    model=self._model,
                    system=[
                        {
                            "type": "text",
                            "text": INSTRUCTIONS,
                            "cache_control": {"type": "ephemeral"},
                        }
                    ],
                    messages=conversation,
                    max_tokens=self._max_tokens,
                )
            except anthropic.APIStatusError as error:
                raise failures.refused(self._name, error.status_code, error.message) from error
            except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
                raise failures.unreachable(self._name, self._address, error) from error
            except (anthropic.APIError, json.JSONDecodeError) as error:
                raise failures.nonsense(self._name, str(error)) from error
        failures.refuse_page(self._name, message)
        if message.stop_reason != "end_turn":
            raise failures.cut_short(self._name, message.stop_reason or "no reason given")
        return "".join(block.text for block in message.content if block.type == "text")


def _message(turn: Turn) -> "MessageParam":
    if turn.role == "assistant":
        return {"role": "assistant", "content": turn.text}
    return {"role": "user", "content": turn.text}


def make_provider(name: str, config: ProviderConfig) -> Provider:
    """Make the provider. Unsupported without a key."""
    return AnthropicProvider(name, config, read_key(name, config, "ANTHROPIC_API_KEY"))
