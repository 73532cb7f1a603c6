"""A SQLite connection, the thread that owns it, and how it is set up."""

import logging
import math
import os
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, Generic, ParamSpec, TypeVar, cast

import apsw
import apsw.aio
import trio

from flowd.errors import Bug, StoreUnavailable
from flowd.store.failures import meaning_of

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound="Database")

# FULL: a commit returns only when it is on the disk. Small caches: the working set is the newest
# few pages, and the daemon is to stay small.
WRITER_PRAGMAS = (
    "auto_vacuum=INCREMENTAL",  # counts for a new file only, and must come first
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=250",
    "cache_size=-2048",
    "mmap_size=0",
    "temp_store=MEMORY",
    "journal_size_limit=4194304",
)
READER_PRAGMAS = ("busy_timeout=250", "cache_size=-1024", "mmap_size=0", "temp_store=MEMORY")


class _Worker(apsw.aio.Trio):
    """apsw's controller for trio, with an end one can wait for."""

    thread: threading.Thread
    leaving = False

    def __init__(self, name: str):
        self.ended = trio.Event()
        super().__init__(thread_name=name)

    def worker_thread_run(self) -> None:
        """Serve calls until the connection is closed."""
        self.thread = threading.current_thread()
        try:
            super().worker_thread_run()  # type: ignore[no-untyped-call]  # apsw left it bare
        finally:
            self.token.run_sync_soon(self.ended.set)

    async def wait_ended(self) -> None:
        await self.ended.wait()
        self.thread.join()  # it has said its last word: microseconds


class Database:
    """One connection. Work goes to its thread as whole functions, one round trip each."""

    def __init__(self, path: Path, connection: "apsw.AsyncConnection", worker: _Worker):
        self._path = path
        self._connection = connection
        self._worker = worker

    async def run(
        self, work: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call `work` with the connection in its thread, and give what it gives.

        When the caller is cancelled a query under way is broken off. SQLite's errors come as
        StoreUnavailable or Bug.
        """
        # apsw would also enforce the caller's deadline itself, and on the real clock. Trio's
        # cancellation is enough, and right whatever clock trio goes by.
        before = apsw.aio.deadline.set(math.inf)
        try:
            result: T = await self._connection.async_run(work, self._connection, *args, **kwargs)
        except apsw.Error as error:
            raise meaning_of(error, str(self._path)) from error
        finally:
            apsw.aio.deadline.reset(before)
        return result


class Writer(Database):
    """A connection for work that writes: once begun it is carried out, whoever is cancelled."""

    async def run(
        self, work: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `Database.run`, but for cancellation: there is none, and no checkpoint for it."""
        if self._worker.leaving:  # nobody would answer
            raise Bug("the event store was closed while it was written to")
        connection = cast(apsw.Connection, self._connection)  # which it is in its own thread
        call: _Call[T] = _Call(partial(work, connection, *args, **kwargs))
        self._worker.queue.put(call)  # type: ignore[arg-type]  # it has all that apsw's has
        await trio.lowlevel.wait_task_rescheduled(too_late)
        try:
            return call.value()
        except apsw.Error as error:
            raise meaning_of(error, str(self._path)) from error


def too_late(_: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
    """For `wait_task_rescheduled`: what is waited for can no more be called off."""
    return trio.lowlevel.Abort.FAILED


class _Call(Generic[T]):
    """What apsw's thread carries out (its own `_CallTracker`), for a caller who stays to the end.

    apsw's costs an event, a context variable and a clock's time for each call.
    """

    is_cancelled = False  # asked while it runs, too
    is_exception = False
    result: object = None

    def __init__(self, call: Callable[[], T]):
        self.call = call
        self.completion = self
        self._task = trio.lowlevel.current_task()

    def monotonic_exceeded(self) -> bool:
        """Whether its time is over: never."""
        return False

    def set(self) -> None:
        """Let the caller go on; apsw sees to it that this happens in trio's thread."""
        trio.lowlevel.reschedule(self._task)

    def value(self) -> T:
        """What came of it."""
        if self.is_exception:
            assert isinstance(self.result, BaseException)
            raise self.result
        return cast(T, self.result)


@asynccontextmanager
async def open_writer(path: Path) -> AsyncIterator[Writer]:
    """Open the database for reading and writing; a new file is for its owner's eyes only.

    StoreUnavailable when that cannot be done.
    """
    _make_private(path)
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    async with _open(path, flags, "flow-store-writer", Writer) as database:
        await database.run(prepare_writer)
        yield database


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[Database]:
    """Open a database that a writer has open, for queries that must not hold up the writer."""
    async with _open(path, apsw.SQLITE_OPEN_READONLY, "flow-store-reader", Database) as database:
        await database.run(_prepare, READER_PRAGMAS)
        yield database


@asynccontextmanager
async def _open(path: Path, flags: int, name: str, kind: type[D]) -> AsyncIterator[D]:
    worker = _Worker(name)
    with trio.CancelScope(shield=True):  # half an opening would leave its thread behind
        # apsw's stub says controller where a maker of controllers is meant.
        before = apsw.async_controller.set(lambda: worker)  # type: ignore[arg-type]
        try:
            connection = await apsw.Connection.as_async(str(path), flags)
        except apsw.Error as error:
            await worker.wait_ended()
            raise meaning_of(error, str(path)) from error
        finally:
            apsw.async_controller.reset(before)
    try:
        yield kind(path, connection, worker)
    finally:
        worker.leaving = True
        with trio.CancelScope(shield=True):  # for as long as one commit or query takes
            try:
                await connection.aclose()
            except apsw.Error as error:
                # The disk refuses. What is promised stands in the -wal file all the same.
                log.warning("%s could not be tidied up at the end: %s", path, error)
            await worker.wait_ended()


def prepare_writer(connection: apsw.Connection) -> None:
    """Set a connection up for writing; StoreUnavailable when the file system cannot do WAL."""
    _prepare(connection, WRITER_PRAGMAS)
    if connection.pragma("journal_mode") != "wal":
        raise StoreUnavailable(
            f"the event store {connection.filename} is on a file system without shared memory",
            cure="set FLOW_HOME to a folder on a local disk",
        )
    connection.transaction_mode = "IMMEDIATE"


def _prepare(connection: apsw.Connection, pragmas: tuple[str, ...]) -> None:
    # Plans must not depend on bound values: SQLite would prepare such statements anew at every
    # execution, which costs ten times what they do.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _make_private(path: Path) -> None:
    # SQLite gives the -wal and -shm files the rights of the database itself.
    try:
        str(path).encode()
        if path.exists():
            path.chmod(0o600)
        else:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except UnicodeEncodeError as error:
        raise StoreUnavailable(
            f"the event store {str(path)!r} cannot be opened: its name is not valid Unicode",
            cure="set FLOW_HOME to a folder whose name is",
        ) from error
    except OSError as error:
        raise StoreUnavailable(
            f"the event store {path} cannot be opened: {error.strerror}",
            cure="see that its folder is there and that you may write in it",
            data={"path": str(path), "reason": error.strerror},
        ) from error
