"""From a method's name to its handler: decode the params, call, give the result.

A handler is a plain async function `handle_x(params, context) -> result`, registered in
`routes.py` with its row of `flowproto.methods`; the type checker sees that all four fit.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from flowd.server.errors import ProtocolError
from flowd.server.peer import Peer
from flowd.server.services import Services
from flowproto import codes
from flowproto.methods import Method

P = TypeVar("P", bound=Struct)
R_co = TypeVar("R_co", covariant=True)
C = TypeVar("C")
S = TypeVar("S", bound=Struct)


@dataclass(frozen=True, slots=True)
class Reply(Generic[R_co]):
    """A result, and what to do once it is written: `then` must neither wait nor raise."""

    result: R_co
    then: Callable[[], object] | None = None


Answer = Callable[[Raw | None, Services, Peer], Awaitable[Reply[Struct]]]


@dataclass(frozen=True, slots=True)
class Route:
    """One method of ours and what answers it."""

    name: str
    answer: Answer


def route(
    method: Method[P, S],
    handle: Callable[[P, C], Awaitable[S | Reply[S]]],
    context: Callable[[Services, Peer], C],
) -> Route:
    """Join a method, its handler, and the context the handler gets."""
    decoder = msgspec.json.Decoder(method.params)

    async def answer(raw: Raw | None, services: Services, peer: Peer) -> Reply[Struct]:
        outcome = await handle(decode_params(decoder, raw), context(services, peer))
        if isinstance(outcome, Reply):
            return Reply(outcome.result, outcome.then)
        return Reply(outcome)

    return Route(method.name, answer)


def decode_params(decoder: msgspec.json.Decoder[P], raw: Raw | None) -> P:
    """Read params strictly; left out, they are an empty object. The error names the field."""
    try:
        return decoder.decode(b"{}" if raw is None else raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(
            codes.INVALID_PARAMS, f"params: {error}", cure="PROTOCOL.md lists every parameter"
        ) from None
