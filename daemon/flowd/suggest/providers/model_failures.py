"""What went wrong with a provider's server, in words that name the cure."""

from flowd.errors import ProviderFailed

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


def refused(provider: str, status: int, detail: str) -> ProviderFailed:
    """The server answered with an error status."""
    cure = _CURES.get(status, "try again later" if status >= 500 else "check this provider")
    return ProviderFailed(f"{provider} answered {status}: {_short(detail)}", cure=cure)


def unreachable(provider: str, address: str, detail: object) -> ProviderFailed:
    """No answer came, or it broke off."""
    why = str(detail) or type(detail).__name__
    return ProviderFailed(
        f"{provider} at {address} cannot be reached: {_short(why)}",
        cure="check that it runs and that base_url is right",
    )


def nonsense(provider: str, detail: str) -> ProviderFailed:
    """An answer came that is not one of this protocol's."""
    return ProviderFailed(
        f"{provider} gave no usable answer: {_short(detail)}",
        cure="check that base_url is that of an API and not of a web page",
    )


def refuse_page(provider: str, answer: object) -> None:
    """Raise when the answer is text: what the SDKs give, unasked, for a page that is not JSON."""
    if isinstance(answer, str):
        raise nonsense(provider, answer)


def cut_short(provider: str, reason: str) -> ProviderFailed:
    """The model stopped before its answer was complete."""
    return ProviderFailed(
        f"{provider} stopped before the end of its answer ({reason})",
        cure="raise max_tokens for this provider, or ask for less",
    )


def _short(text: str) -> str:
    return " ".join(text.split())[:200]
