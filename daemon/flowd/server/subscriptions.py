"""Following runs: every attachment pulls from the log at its own pace.

There is no queue between the engine and a client. An attachment remembers the last position it
sent and reads on from there, so nothing can be lost or sent twice, and a client that reads slowly
makes nobody wait but itself.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from flowd.domain.ports import Engine, EventLog
from flowd.server.convert_events import EventConverter
from flowd.server.errors import error_object
from flowproto.events import Detached
from flowproto.jsonrpc import Notification, encode
from flowproto.methods import DETACHED, EVENT

READ_AT_ONCE = 100
SEND_AT_ONCE = 65_536  # bytes of messages written with one call

Send = Callable[..., Awaitable[None]]


async def follow_run(run: str, after: int, *, log: EventLog, engine: Engine, send: Send) -> None:
    """Send the run's events after position `after` as `flow/event`: past ones, then live, for ever.

    `send` takes encoded messages and returns once they are written.
    """
    to_wire = EventConverter()
    while True:
        events = await log.read(run, after=after, limit=READ_AT_ONCE)
        if not events:
            await engine.wait_beyond(run, after)
            continue
        waiting: list[bytes] = []
        size = 0
        for event in events:
            body = encode(Notification(method=EVENT, params=to_wire(event)))
            waiting.append(body)
            size += len(body)
            if size > SEND_AT_ONCE:
                await send(*waiting)
                waiting, size = [], 0
        await send(*waiting)
        after = events[-1].position


class Attachments:
    """The runs one peer follows, at most once each."""

    def __init__(
        self, send: Send, start_soon: Callable[..., None], log: EventLog, engine: Engine
    ) -> None:
        self._send = send
        self._start_soon = start_soon
        self._follow = partial(follow_run, log=log, engine=engine, send=send)
        self._scopes: dict[str, trio.CancelScope] = {}

    def begin(self, run: str, after: int) -> None:
        """Follow a run from a position, instead of from wherever it was followed before."""
        self.end(run)
        scope = self._scopes[run] = trio.CancelScope()
        self._start_soon(self._keep_following, run, after, scope)

    def end(self, run: str) -> bool:
        """Follow a run no more: no event of it is sent from now on. False when it was not."""
        scope = self._scopes.pop(run, None)
        if scope is not None:
            scope.cancel()
        return scope is not None

    async def _keep_following(self, run: str, after: int, scope: trio.CancelScope) -> None:
        with scope:
            try:
                await self._follow(run, after)
            except Exception as error:  # noqa: BLE001  # told to the client, logged when a bug
                lost = Detached(run=run, error=error_object(error))
                await self._send(encode(Notification(method=DETACHED, params=lost)))
                self._scopes.pop(run, None)
