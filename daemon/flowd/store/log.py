"""The event log: the `EventLog` port on SQLite.

Appends go to one writer task, which takes all that wait and records them in one transaction with
one fsync; the more wait, the cheaper each is. Queries have a connection of their own and hold
nobody up.
"""

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import apsw
import trio

from flowd.domain.events import Event, Recorded
from flowd.domain.ports import LogStats, RunSummary
from flowd.errors import Bug, FlowError
from flowd.store import queries
from flowd.store.attachments import DocumentCache
from flowd.store.codec import encode_event
from flowd.store.commit import Append, Outcome, Rows, commit
from flowd.store.connection import Database, open_reader, open_writer
from flowd.store.keeper import Keeper
from flowd.store.maintenance import rebuild_runs
from flowd.store.migrate import migrate

LARGEST_GROUP = 1000  # appends in one transaction


@dataclass(slots=True, eq=False)
class _Waiting:
    """An append on its way through the writer task, and the task that waits for it."""

    append: Append
    task: trio.lowlevel.Task
    stage: Literal["queued", "taken", "abandoned"] = "queued"
    outcome: Outcome | None = None

    def abandon(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        """The waiting task is cancelled: too late once the writer has taken the append."""
        if self.stage == "taken":
            return trio.lowlevel.Abort.FAILED
        self.stage = "abandoned"
        return trio.lowlevel.Abort.SUCCEEDED

    def settle(self, outcome: Outcome) -> None:
        """Let the task go on."""
        self.outcome = outcome
        trio.lowlevel.reschedule(self.task)


class Log:
    """An open event log (see `flowd.domain.ports.EventLog`). Made by `open_log`."""

    def __init__(
        self,
        path: Path,
        writer: Database,
        rows: Rows,
        reader: Database,
        queue: trio.MemorySendChannel[_Waiting],
    ):
        self.keeper = Keeper(path, writer, rows)
        self._writer = writer
        self._rows = rows
        self._reader = reader
        self._queue = queue
        self._documents = DocumentCache()

    async def append(
        self, run: str, expected_version: int, events: Sequence[Event]
    ) -> list[Recorded]:
        """Record events after version `expected_version` of the run, all or none.

        Raises Conflict when the run is at another version, TokenTaken when a RunStarted carries a
        client_token that belongs to another run, InvalidInput when an event holds what cannot be
        stored, StoreUnavailable when nothing can be written. Cancelled means that nothing was
        recorded: an append that has reached the disk is not cancelled any more.
        """
        if not events:
            await trio.lowlevel.checkpoint()
            return []
        encoded = [encode_event(event) for event in events]
        append = Append(run, expected_version, tuple(events), encoded)
        waiting = _Waiting(append, trio.lowlevel.current_task())
        self._queue.send_nowait(waiting)
        await trio.lowlevel.wait_task_rescheduled(waiting.abandon)
        if isinstance(waiting.outcome, FlowError):
            raise waiting.outcome
        assert waiting.outcome is not None
        return waiting.outcome

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[Recorded]:
        """Give up to `limit` events of the run whose position is greater than `after`, in order."""
        return await self._reader.run(queries.read, self._documents, run, after, limit)

    async def find(self, name: str) -> RunSummary:
        """Give the run with that id, or the only one whose id begins so (3 characters or more).

        NotFound when there is none, Conflict when there are several.
        """
        return await self._reader.run(queries.find, name)

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        """List runs newest first. `query` matches part of the name or id; no states means all."""
        return await self._reader.run(queries.summaries, query, states, limit)

    async def run_with_token(self, client_token: str) -> str | None:
        """Give the run that was started with this token, if any."""
        return await self._reader.run(queries.run_with_token, client_token)

    async def stats(self) -> LogStats:
        """Count and measure."""
        return await self._reader.run(queries.stats)

    async def rebuild_projections(self) -> None:
        """Make the summaries of all runs anew from their events. Appends wait meanwhile."""
        with trio.CancelScope(shield=True):
            await self._writer.run(self._rebuild)

    def _rebuild(self, connection: apsw.Connection) -> None:
        rebuild_runs(connection)
        self._rows.clear()


@asynccontextmanager
async def open_log(path: Path) -> AsyncIterator[Log]:
    """Open the log in that file, made if need be; its threads end with the block.

    StoreUnavailable when the file cannot be used, or was changed by a newer Flow.
    """
    async with open_writer(path) as writer:
        with trio.CancelScope(shield=True):
            await writer.run(migrate)
        async with open_reader(path) as reader:
            await reader.run(queries.add_functions)
            send, receive = trio.open_memory_channel[_Waiting](math.inf)
            async with trio.open_nursery() as nursery:
                rows: Rows = {}
                nursery.start_soon(_write, writer, rows, receive)
                with send:
                    yield Log(path, writer, rows, reader, send)


async def _write(writer: Database, rows: Rows, queue: trio.MemoryReceiveChannel[_Waiting]) -> None:
    """Commit what waits, group after group, until the queue is closed and empty.

    Shielded, so that a daemon being cancelled can still record how things ended; it ends with the
    block of `open_log`, which closes the queue.
    """
    with trio.CancelScope(shield=True):
        async for first in queue:
            if group := _take(first, queue):
                outcomes: list[Outcome] = []
                try:
                    outcomes = await _outcomes(writer, rows, [waiting.append for waiting in group])
                finally:  # whatever happens: those who wait cannot be cancelled
                    broken = [Bug("the log's writer broke down") for _ in group[len(outcomes) :]]
                    for waiting, outcome in zip(group, [*outcomes, *broken], strict=True):
                        waiting.settle(outcome)


async def _outcomes(writer: Database, rows: Rows, group: Sequence[Append]) -> list[Outcome]:
    try:
        return await writer.run(commit, rows, group)
    except FlowError as error:  # nothing was recorded; each caller gets an error of its own
        return [copy(error) for _ in group]


def _take(first: _Waiting, queue: trio.MemoryReceiveChannel[_Waiting]) -> list[_Waiting]:
    """Take the first append and those that wait behind it, without waiting for more."""
    group = [first]
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while len(group) < LARGEST_GROUP:
            group.append(queue.receive_nowait())
    group = [waiting for waiting in group if waiting.stage == "queued"]
    for waiting in group:
        waiting.stage = "taken"
    return group
