"""Remove what is not to be kept: finished runs, and long outputs of runs that stay.

What is due is looked for without holding anybody up; it is removed in short transactions, each of
which looks again, so a run that goes on meanwhile (`flowctl undo`) stays.
"""
# ruff: noqa: S608  # what is put into statements are the two constants below

import zlib
from collections.abc import Iterator, Sequence

import apsw
import msgspec

from flowd.domain.ports import Removed
from flowd.domain.retention import DAY_MS, Retention
from flowd.store.attachments import REMOVED_BYTES, remove_output
from flowd.store.codec import is_output_apart, split_batch
from flowd.store.queries import batches_of
from flowd.store.runs_table import remove_row

AT_ONCE = 20  # runs in one transaction
_FINISHED = "state NOT IN ('pending', 'running', 'waiting', 'compensating')"
# Only undone from here on: nothing that ran will be looked at by a condition again.
_OVER = "state IN ('succeeded', 'compensated', 'compensation_failed')"
_LONG_AGO = -1


def due_runs(connection: apsw.Connection, keep: Retention, now: int, after: int) -> list[int]:
    """Give some keys, above `after`, of finished runs that are to be removed; oldest first."""
    newest_of_many = 0
    if keep.keep_runs is not None:
        found: int | None = connection.execute(
            f"SELECT run FROM runs WHERE {_FINISHED} ORDER BY run DESC LIMIT 1 OFFSET ?",
            (keep.keep_runs,),
        ).get
        newest_of_many = found or 0
    rows = connection.execute(
        f"SELECT run FROM runs WHERE run > ? AND {_FINISHED} AND (run <= ? OR updated_at < ?)"
        " ORDER BY run LIMIT ?",
        (after, newest_of_many, _before(keep.keep_days, now), AT_ONCE),
    )
    return [run for (run,) in rows]


def due_outputs(connection: apsw.Connection, keep: Retention, now: int, after: int) -> list[int]:
    """Give some keys, above `after`, of runs that stay and whose outputs are to be removed."""
    rows = connection.execute(
        f"SELECT run FROM runs WHERE run > ? AND {_OVER} AND updated_at < ? ORDER BY run LIMIT ?",
        (after, _before(keep.keep_output_days, now), AT_ONCE),
    )
    return [run for (run,) in rows]


def measure(connection: apsw.Connection, runs: Sequence[int], *, whole: bool) -> Removed:
    """Tell how much these runs take: all of it, or their long outputs alone."""
    total = outputs = 0
    for run in runs:
        for position in _outputs_of(connection, run):
            size: int = connection.execute(
                "SELECT ifnull(max(length(data)), 0) FROM outputs WHERE position = ?", (position,)
            ).get
            outputs += size > REMOVED_BYTES
            total += size if whole or size > REMOVED_BYTES else 0
        if whole:
            total += connection.execute(
                "SELECT ifnull(sum(length(batches)), 0) FROM sealed_batches WHERE run = ?", (run,)
            ).get
    return Removed(len(runs) if whole else 0, 0 if whole else outputs, total)


def remove_runs(connection: apsw.Connection, runs: Sequence[int]) -> Removed:
    """Remove those of the runs that are finished, with everything that is theirs alone."""
    with connection:
        still = [run for run in runs if _is(connection, _FINISHED, run)]
        gone = measure(connection, still, whole=True)
        for run in still:
            _remove_run(connection, run)
    return gone


def remove_outputs(connection: apsw.Connection, runs: Sequence[int]) -> Removed:
    """Remove the long outputs of those of the runs that can only be undone from here on."""
    count = freed = 0
    with connection:
        for run in runs:
            if _is(connection, _OVER, run):
                for position in _outputs_of(connection, run):
                    size = remove_output(connection, position)
                    count, freed = count + (size > 0), freed + size
    return Removed(0, count, freed)


def remove_unused(connection: apsw.Connection) -> None:
    """Remove what runs shared and none uses any more.

    A run recorded before streams named their documents has NULL there; NOT IN is then never true.
    """
    with connection:
        connection.execute(
            "DELETE FROM documents WHERE document_key NOT IN (SELECT workflow_key FROM streams"
            " UNION SELECT environment_key FROM streams)"
        )
        connection.execute("DELETE FROM names WHERE name_key NOT IN (SELECT name_key FROM runs)")
        connection.execute(
            "DELETE FROM folders WHERE folder_key NOT IN (SELECT folder_key FROM runs)"
        )


def _before(days: float | None, now: int) -> int:
    return _LONG_AGO if days is None else now - int(days * DAY_MS)


def _is(connection: apsw.Connection, condition: str, run: int) -> bool:
    found = connection.execute(f"SELECT 1 FROM runs WHERE run = ? AND {condition}", (run,)).get
    return found is not None


def _remove_run(connection: apsw.Connection, run: int) -> None:
    last: int = connection.execute("SELECT position FROM runs WHERE run = ?", (run,)).get
    for position in _outputs_of(connection, run):
        connection.execute("DELETE FROM outputs WHERE position = ?", (position,))
    connection.execute("DELETE FROM recent_batches WHERE run = ?", (run,))
    connection.execute("DELETE FROM sealed_batches WHERE run = ?", (run,))
    remove_row(connection, run)
    connection.execute("DELETE FROM streams WHERE run = ?", (run,))
    connection.execute(
        "UPDATE removed SET runs = runs + 1, last_position = max(last_position, ?)", (last,)
    )


def _outputs_of(connection: apsw.Connection, run: int) -> Iterator[int]:
    """Give the positions of long outputs; of what is damaged, none."""
    run_id: str = connection.execute("SELECT id FROM streams WHERE run = ?", (run,)).get
    positions: list[int] = []
    try:
        for last, _, events in batches_of(connection, run_id, 0):
            stored = split_batch(events)
            first = last - len(stored) + 1
            positions += [first + n for n, event in enumerate(stored) if is_output_apart(event)]
    except (msgspec.MsgspecError, zlib.error):
        pass
    yield from positions
