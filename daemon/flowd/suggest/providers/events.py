"""Server-sent events of a response, read so that nothing is left open however reading ends.

The SDKs' own streams stop at `[DONE]` and at errors with three generators half-way through, which
trio has to clean up later, and they hand on whatever a broken event holds.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct

from flowd.suggest.providers import model_failures as failures

if TYPE_CHECKING:
    from httpx2 import Response

E = TypeVar("E", bound=Struct)

LONGEST_EVENT = 4_000_000  # characters; none is ever near


@asynccontextmanager
async def events_of(
    response: "Response", provider: str, kind: type[E]
) -> AsyncIterator[AsyncIterator[E]]:
    """Give the events of a stream, each read as `kind`, up to its end.

    ProviderFailed when the response is no stream at all, or an event is not one of the protocol.
    The connection is closed at the end, also when the reader leaves early.
    """
    import httpx2

    await _refuse_page(provider, response)
    # Declared as an iterator, but it is a generator, and must be closed as one.
    lines: AsyncGenerator[str, None] = response.aiter_lines()  # type: ignore[assignment]
    try:
        yield _Reading(lines, provider, kind)
    finally:
        await response.aclose()
        # Its generators hold each other: only the outermost is ours to end, and it ends with them
        # when it finds the connection closed.
        with suppress(httpx2.HTTPError, httpx2.StreamError):
            async for _ in lines:
                continue


class _Reading(AsyncIterator[E]):
    """Not a generator, for those would be left half-way through."""

    def __init__(self, lines: AsyncIterator[str], provider: str, kind: type[E]):
        self._lines = lines
        self._provider = provider
        self._decoder = msgspec.json.Decoder(kind)

    def __aiter__(self) -> "AsyncIterator[E]":
        return self

    async def __anext__(self) -> E:
        """Give the next event; lines that are no data say nothing that is not in the data."""
        data = ""
        async for line in self._lines:
            if line.startswith("data:"):
                data += line[5:].strip()
                if len(data) > LONGEST_EVENT:
                    raise failures.nonsense(self._provider, "an endless event")
            elif not line and data:
                if data != "[DONE]":
                    return self._decoded(data)
                data = ""
        if data and data != "[DONE]":
            return self._decoded(data)
        raise StopAsyncIteration

    def _decoded(self, data: str) -> E:
        try:
            return self._decoder.decode(data)
        except (msgspec.DecodeError, RecursionError) as error:
            raise failures.nonsense(self._provider, f"{error} in {data[:80]}") from error


async def _refuse_page(provider: str, response: "Response") -> None:
    """Raise when what should be a stream is none: read as one, it would just be empty."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        body = await response.aread()
        raise failures.nonsense(provider, body[:400].decode(errors="replace"))
