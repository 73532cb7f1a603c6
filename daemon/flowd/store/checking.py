"""Look a whole database through: the file, every event, and every summary.

A connection of its own does it, a few runs at a time, so that nobody waits for it: neither the
writer nor who asks to stop.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import apsw

from flowd.domain.ports import Damage
from flowd.errors import FlowError
from flowd.store.attachments import DocumentCache
from flowd.store.failures import RESTORE
from flowd.store.projections import RunRow, summarise
from flowd.store.queries import read
from flowd.store.runs_table import add_row, find_row, remove_row

RUNS_AT_ONCE = 20
EVENTS_AT_ONCE = 500
UNREADABLE: Final = "other runs are not touched; to have this one back, restore a backup"
MENDABLE: Final = "flowctl db check --mend makes it anew from the run's events"


@dataclass(slots=True)
class Looked:
    """What looking at some runs gave. `last` is the key of the last one; None at the end."""

    last: int | None = None
    runs: int = 0
    events: int = 0
    damage: list[Damage] = field(default_factory=list)


def check_file(connection: apsw.Connection) -> list[Damage]:
    """Have SQLite look through every page of the file; empty when all is well."""
    try:
        found = [text for (text,) in connection.execute("PRAGMA quick_check") if text != "ok"]
    except (apsw.CorruptError, apsw.NotADBError) as error:
        found = [str(error)]
    return [Damage("file", text, RESTORE) for text in found]


def check_runs(connection: apsw.Connection, cache: DocumentCache, after: int) -> Looked:
    """Look at the next few runs whose key is greater than `after`, as they are at one moment."""
    looked = Looked()
    try:
        with connection:
            rows: list[tuple[int, str]] = connection.execute(
                "SELECT run, id FROM streams WHERE run > ? ORDER BY run LIMIT ?",
                (after, RUNS_AT_ONCE),
            ).fetchall()  # type: ignore[assignment]  # apsw cannot know the types of columns
            for run, run_id in rows:
                looked.last = run
                looked.runs += 1
                looked.damage += _damage_of(connection, cache, run_id, looked)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        looked.damage.append(Damage("file", f"runs after {after}: {error}", RESTORE))
        looked.last = None
    return looked


def mend_row(connection: apsw.Connection, run_id: str) -> None:
    """Make the summary of a run anew from its events. FlowError when they cannot be read."""
    with connection:
        run: int = connection.execute("SELECT run FROM streams WHERE id = ?", (run_id,)).get
        row = fold(connection, DocumentCache(), run_id)
        if row is not None:
            remove_row(connection, run)
            add_row(connection, run, row)


def fold(connection: apsw.Connection, cache: DocumentCache, run_id: str) -> RunRow | None:
    """Give the summary that the events of a run make; None when it has none. FlowError."""
    row: RunRow | None = None
    while page := read(connection, cache, run_id, row.position if row else 0, EVENTS_AT_ONCE):
        for item in page:
            row = summarise(row, item)
    return row


def _damage_of(
    connection: apsw.Connection, cache: DocumentCache, run_id: str, looked: Looked
) -> Iterator[Damage]:
    made: RunRow | None = None
    versions = count(1)
    try:
        while page := read(connection, cache, run_id, made.position if made else 0, EVENTS_AT_ONCE):
            for item in page:
                made = summarise(made, item)
                looked.events += 1
                if item.version != next(versions):
                    yield Damage(run_id, f"its event {item.version} is out of order", UNREADABLE)
                    return
    except FlowError as error:
        yield Damage(run_id, error.message, UNREADABLE)
        return
    if made is None:
        yield Damage(run_id, "it has no events", UNREADABLE)
        return
    try:
        found = find_row(connection, run_id)
    except FlowError as error:
        yield Damage(run_id, error.message, MENDABLE)
        return
    if found is None:
        yield Damage(run_id, "it has no summary: lists leave it out", MENDABLE)
    elif found[1] != made:
        kept, meant = found[1], made
        names = [name for name in RunRow.__struct_fields__ if _differ(kept, meant, name)]
        yield Damage(run_id, f"its summary is wrong in: {', '.join(names)}", MENDABLE)


def _differ(one: RunRow, other: RunRow, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))
