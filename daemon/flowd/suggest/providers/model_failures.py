"""What went wrong with a provider's server, in words that name the cure.

Errors are ProviderFailed; their `data` says for programs what the words say for people: `again`
whether the same request may succeed later, `retry_after` the seconds the server asks to wait,
`down` whether it is the server that does not work (rather than the request or the answer).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from flowd.errors import ProviderFailed
from flowd.suggest.reliability.pauses import retry_after_of

_CURES = {
    400: "check the model's name and the settings of this provider",
    401: "check the key: it is not accepted",
    402: "the account has no credit left",
    403: "the key may not use this model",
    404: "check base_url and the model's name",
    408: "try again",
    413: "ask about less text",
    422: "check the model's name and the settings of this provider",
    429: "wait a little: too many requests, or the quota is used up",
    529: "try again later: the server is overloaded",
}
_AGAIN = frozenset({408, 409, 429})


@contextmanager
def translated(sdk: ModuleType, provider: str, address: str, key: str = "") -> Iterator[None]:
    """Turn what an SDK raises (openai and anthropic name alike) into ProviderFailed.

    The key is taken out of whatever the server says.
    """
    import httpx2

    def clean(text: object) -> str:
        return str(text).replace(key, "…") if len(key) > 5 else str(text)

    try:
        yield
    except ProviderFailed as error:
        if clean(error.message) == error.message:
            raise
        raise ProviderFailed(clean(error.message), cure=error.cure, data=error.data) from None
    except sdk.APIStatusError as error:
        if error.status_code < 400:  # the stream began well, and said later what is the matter
            raise broken(provider, clean(error.message)) from error
        pause = retry_after_of(error.response.headers)
        raise refused(provider, error.status_code, clean(error.message), pause) from error
    except (sdk.APIConnectionError, httpx2.HTTPError) as error:
        raise unreachable(provider, address, clean(error.__cause__ or error)) from error
    except (sdk.APIError, json.JSONDecodeError) as error:
        raise nonsense(provider, clean(error)) from error


def refused(
    provider: str, status: int, detail: str, retry_after: float | None = None
) -> ProviderFailed:
    """The server answered with an error status."""
    cure = _CURES.get(status, "try again later" if status >= 500 else "check this provider")
    data: dict[str, Any] = {
        "status": status,
        "again": status in _AGAIN or status >= 500,
        "down": status >= 500,
    }
    if retry_after is not None:
        data["retry_after"] = retry_after
        if data["again"]:
            cure = f"wait {retry_after:.0f} s, as it asks" if retry_after >= 1 else cure
    return ProviderFailed(f"{provider} answered {status}: {_short(detail)}", cure=cure, data=data)


def unreachable(provider: str, address: str, detail: object) -> ProviderFailed:
    """No answer came, or it broke off."""
    why = str(detail) or type(detail).__name__
    return ProviderFailed(
        f"{provider} at {address} cannot be reached: {_short(why)}",
        cure="check that it runs and that base_url is right",
        data={"again": True, "down": True},
    )


def nonsense(provider: str, detail: str, *, again: bool = True) -> ProviderFailed:
    """An answer came that is not one of this protocol's."""
    return ProviderFailed(
        f"{provider} gave no usable answer: {_short(detail)}",
        cure="check that base_url is that of an API and not of a web page",
        data={"again": again},
    )


def broken(provider: str, detail: str) -> ProviderFailed:
    """The answer broke off."""
    return ProviderFailed(
        f"{provider} broke off in the middle of its answer: {_short(detail)}",
        cure="try again",
        data={"again": True, "down": True},
    )


def cut_short(provider: str, reason: str) -> ProviderFailed:
    """The model stopped before its answer was complete."""
    return ProviderFailed(
        f"{provider} stopped before the end of its answer ({reason})",
        cure="raise max_tokens for this provider, or ask for less",
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:200]
