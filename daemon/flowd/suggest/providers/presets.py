"""Servers that speak OpenAI's chat completions, each with what it takes to ask it."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct


class Preset(Struct, frozen=True, kw_only=True):
    """Defaults for a kind of server. `key_variable` "" needs no key; `model` "" takes its first.

    An `address` of "" is the user's own and must be set, for example to `example`.
    """

    address: str = ""
    key_variable: str = ""
    model: str = ""
    example: str = ""
    bound: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    takes_schema: bool = True
    asks_usage: bool = True


PRESETS: Mapping[str, Preset] = {
    "openai_compatible": Preset(example="http://127.0.0.1:11434/v1 for Ollama"),
    "ollama": Preset(address="http://127.0.0.1:11434/v1"),
    "llama_cpp": Preset(address="http://127.0.0.1:8080/v1"),
    "vllm": Preset(address="http://127.0.0.1:8000/v1"),
    "lm_studio": Preset(address="http://127.0.0.1:1234/v1"),
    "gemini": Preset(
        address="https://generativelanguage.googleapis.com/v1beta/openai",
        key_variable="GEMINI_API_KEY",
        model="gemini-2.5-flash",
    ),
    "mistral": Preset(
        address="https://api.mistral.ai/v1",
        key_variable="MISTRAL_API_KEY",
        model="mistral-small-latest",
        asks_usage=False,  # tells it unasked, and refuses fields it does not know
    ),
    "openrouter": Preset(
        address="https://openrouter.ai/api/v1",
        key_variable="OPENROUTER_API_KEY",
        model="openai/gpt-5-mini",
    ),
    "groq": Preset(
        address="https://api.groq.com/openai/v1",
        key_variable="GROQ_API_KEY",
        model="llama-3.1-8b-instant",
        takes_schema=False,  # refuses it for most of its models
    ),
    "deepseek": Preset(
        address="https://api.deepseek.com",
        key_variable="DEEPSEEK_API_KEY",
        model="deepseek-chat",
        takes_schema=False,  # knows JSON objects, and no schema
    ),
    "azure": Preset(
        example="https://NAME.openai.azure.com/openai/v1, with the deployment as model",
        key_variable="AZURE_OPENAI_API_KEY",
        bound="max_completion_tokens",
    ),
}
"""By `kind`. Local servers come with the port they choose themselves."""
