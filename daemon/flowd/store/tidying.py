"""Tidy a database up while runs go on, in short transactions that others can wait for."""

import apsw

from flowd.store.queries import size_of
from flowd.store.sealing import MOST_PAGES, seal

SEALED_AT_ONCE = 512 * 1024  # bytes

_UNPACKED = (
    "SELECT DISTINCT run FROM recent_batches JOIN runs USING (run)"
    " WHERE state NOT IN ('pending', 'running', 'waiting', 'compensating') LIMIT 100"
)


def sizes(connection: apsw.Connection) -> tuple[int, int]:
    """Give the bytes of the database and of its write-ahead log."""
    return size_of(connection.filename), size_of(connection.filename_wal)


def seal_finished(connection: apsw.Connection) -> set[int]:
    """Pack some of what finished runs have left unpacked; give their keys, none when all is."""
    with connection:
        unpacked: list[int] = [run for (run,) in connection.execute(_UNPACKED)]
        packed: set[int] = set()
        room = SEALED_AT_ONCE
        for run in unpacked:
            if room > 0:
                room -= seal(connection, run, room)
                packed.add(run)
    return packed


def give_back_all(connection: apsw.Connection) -> bool:
    """Give some of the empty pages back to the disk; False when there is nothing more to give."""
    empty: int = connection.pragma("freelist_count")
    if empty:
        connection.execute(f"PRAGMA incremental_vacuum({MOST_PAGES})").fetchall()
    left: int = connection.pragma("freelist_count")
    return 0 < left < empty  # a file that Flow did not make may not be able to shrink


def empty_wal(connection: apsw.Connection) -> None:
    """Bring everything into the database file; the log stays as it is while somebody reads it."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError:
        return
