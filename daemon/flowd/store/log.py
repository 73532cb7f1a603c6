"""The event log: the `EventLog` port on SQLite.

Whoever appends while nobody writes takes the pen: it records its own events and those of all who
wait, in one transaction with one fsync, and passes the pen to the first who came meanwhile. The
more wait, the cheaper each is, and a lone one wakes no task in between. Queries have a connection
of their own and hold nobody up.
"""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import apsw
import trio

from flowd.clocks import wall_clock_ms
from flowd.domain.events import Event, Recorded
from flowd.domain.ports import LogStats, RunSummary
from flowd.errors import Bug, FlowError
from flowd.store import queries
from flowd.store.attachments import DocumentCache
from flowd.store.codec import encode_event
from flowd.store.commit import Append, Outcome, Rows, commit
from flowd.store.connection import Database, Writer, open_reader, open_writer, too_late
from flowd.store.consents import StoredConsents
from flowd.store.keeper import Keeper
from flowd.store.knowledge import StoredKnowledge, StoredMeanings
from flowd.store.maintenance import rebuild_runs
from flowd.store.migrate import migrate

_complaints = logging.getLogger(__name__)

LARGEST_GROUP = 1000  # appends in one transaction


@dataclass(slots=True, eq=False)
class _Waiting:
    """An append, the task that waits for it, and in the end what became of it."""

    append: Append
    task: trio.lowlevel.Task
    outcome: Outcome | None = None


class Log:
    """An open event log (see `flowd.domain.ports.EventLog`). Made by `open_log`."""

    def __init__(
        self,
        path: Path,
        writer: Writer,
        rows: Rows,
        reader: Database,
        now_ms: Callable[[], int],
    ):
        self.keeper = Keeper(path, writer, rows, now_ms)
        self.consents = StoredConsents(writer, reader)
        self.knowledge = StoredKnowledge(writer, reader)
        self.meanings = StoredMeanings(writer, reader)
        self._writer = writer
        self._rows = rows
        self._reader = reader
        self._documents = DocumentCache()
        self._waiting: list[_Waiting] = []
        self._writing = False
        self._idle = trio.lowlevel.ParkingLot()

    async def append(
        self, run: str, expected_version: int, events: Sequence[Event]
    ) -> list[Recorded]:
        """Record events after version `expected_version` of the run, all or none.

        Raises Conflict when the run is at another version, TokenTaken when a RunStarted carries a
        client_token that belongs to another run, InvalidInput when an event holds what cannot be
        stored, StoreUnavailable when nothing can be written. It cannot be cancelled: the caller
        always learns what became of the events.
        """
        if not events:
            await trio.lowlevel.checkpoint()
            return []
        encoded = [encode_event(event) for event in events]
        append = Append(run, expected_version, tuple(events), encoded)
        waiting = _Waiting(append, trio.lowlevel.current_task())
        self._waiting.append(waiting)
        if self._writing:
            await trio.lowlevel.wait_task_rescheduled(too_late)
        if waiting.outcome is None:  # nobody writes, or whoever did has passed the pen on
            self._writing = True
            await self._write(waiting)
        if isinstance(waiting.outcome, FlowError):
            raise waiting.outcome
        assert waiting.outcome is not None
        return waiting.outcome

    async def _write(self, own: _Waiting) -> None:
        """Commit what waits, this task's own append first, and pass the pen on."""
        group, self._waiting = self._waiting[:LARGEST_GROUP], self._waiting[LARGEST_GROUP:]
        outcomes: list[Outcome] = []
        try:
            outcomes = await self._writer.run(commit, self._rows, [each.append for each in group])
        except FlowError as error:  # nothing was recorded; each caller gets an error of its own
            outcomes = [copy(error) for _ in group]
        except Exception:  # noqa: BLE001  # a mistake of ours must leave nobody waiting
            _complaints.exception("the log's writer broke down")  # and each caller gets a Bug
        finally:  # whatever happens: those who wait cannot be cancelled
            broken = [Bug("the log's writer broke down") for _ in group[len(outcomes) :]]
            for waiting, outcome in zip(group, [*outcomes, *broken], strict=True):
                waiting.outcome = outcome
                if waiting is not own:
                    trio.lowlevel.reschedule(waiting.task)
            if self._waiting:
                trio.lowlevel.reschedule(self._waiting[0].task)
            else:
                self._writing = False
                self._idle.unpark_all()

    async def settle(self) -> None:
        """Wait until everything that was to be appended is recorded."""
        while self._writing:
            await self._idle.park()

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
        await self._writer.run(self._rebuild)

    def _rebuild(self, connection: apsw.Connection) -> None:
        rebuild_runs(connection)
        self._rows.clear()


@asynccontextmanager
async def open_log(path: Path, now_ms: Callable[[], int] = wall_clock_ms) -> AsyncIterator[Log]:
    """Open the log in that file, made if need be; its threads end with the block.

    `now_ms` is the time by which retention counts days, in milliseconds since the epoch.
    StoreUnavailable when the file cannot be used, or was changed by a newer Flow.
    """
    async with open_writer(path) as writer:
        await writer.run(migrate)
        async with open_reader(path) as reader:
            await reader.run(queries.add_functions)
            log = Log(path, writer, {}, reader, now_ms)
            try:
                yield log
            finally:
                with trio.CancelScope(shield=True):  # for as long as a commit takes
                    await log.settle()
