"""The other end of one connection, as handlers and editor features see it."""

import itertools
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import trio
from msgspec import Raw

from flowd.domain.ports import Engine, EventLog
from flowd.server.limits import Limits
from flowd.server.subscriptions import Attachments
from flowproto.framing import encode_frame
from flowproto.jsonrpc import ErrorObject, ErrorResponse, Notification, Request, Response, encode

log = logging.getLogger("flowd.server")


class RefusedByPeer(Exception):
    """The peer answered a request of ours with an error."""

    def __init__(self, error: ErrorObject):
        super().__init__(error.message)
        self.error = error


@dataclass(slots=True)
class _Awaited:
    """A request we made, until its answer comes."""

    settled: trio.Event = field(default_factory=trio.Event)
    answer: Response | ErrorResponse | None = None


class Peer:
    """Sends whole messages to one client, in turn, and knows what it follows.

    `name` is what the client calls itself, `process` the pid it gives. Everything started through
    a peer ends with its connection.
    """

    def __init__(
        self,
        stream: trio.abc.SendStream,
        nursery: trio.Nursery,
        limits: Limits,
        *,
        log: EventLog,
        engine: Engine,
    ) -> None:
        self.name = ""
        self.process: int | None = None
        self.attachments = Attachments(self.send_encoded, self.start_soon, log, engine)
        self._stream = stream
        self._nursery = nursery
        self._limits = limits
        self._turn = trio.Lock()
        self._awaited: dict[str, _Awaited] = {}
        self._numbers = itertools.count(1)

    @property
    def title(self) -> str:
        """The client as other clients may tell it from others of its name."""
        return self.name if self.process is None else f"{self.name} (process {self.process})"

    def start_soon(self, work: Callable[..., Awaitable[object]], *args: object) -> None:
        """Run `work(*args)` until it ends or the connection does. It must not raise."""
        self._nursery.start_soon(work, *args)

    def drop(self) -> None:
        """End the connection now."""
        self._nursery.cancel_scope.cancel()

    async def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        await self.send_encoded(encode(Notification(method=method, params=params)))

    async def request(self, method: str, params: object) -> Raw | None:
        """Send a request to the client and wait for its result; RefusedByPeer when it says no."""
        number = f"flowd-{next(self._numbers)}"
        awaited = self._awaited[number] = _Awaited()
        try:
            await self.send_encoded(encode(Request(id=number, method=method, params=params)))
            await awaited.settled.wait()
        finally:
            del self._awaited[number]
        if isinstance(awaited.answer, ErrorResponse):
            raise RefusedByPeer(awaited.answer.error)
        assert awaited.answer is not None
        result: Raw | None = awaited.answer.result
        return result

    def settle(self, answer: Response | ErrorResponse) -> None:
        """Hand an answer to whoever asked; nobody waits for it any more: drop it."""
        awaited = self._awaited.get(str(answer.id))
        if awaited is not None:
            awaited.answer = answer
            awaited.settled.set()

    async def send_encoded(self, *bodies: bytes) -> None:
        """Send encoded messages, each whole: a cancelled caller never leaves half a frame behind.

        A client that does not read in time, or is gone, loses the connection; nothing is raised
        but trio.Cancelled.
        """
        frames = b"".join(map(encode_frame, bodies))
        async with self._turn:
            # Who was cancelled while waiting must not write: the reply to its detach is out.
            await trio.lowlevel.checkpoint_if_cancelled()
            with trio.move_on_after(self._limits.write_seconds, shield=True) as patience:
                try:
                    await self._stream.send_all(frames)
                except (trio.BrokenResourceError, trio.ClosedResourceError):
                    self.drop()
            if patience.cancelled_caught:
                seconds = self._limits.write_seconds
                log.warning("%s did not read for %g s: dropped", self.name, seconds)
                self.drop()
