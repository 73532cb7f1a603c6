"""The table `runs` in SQL: rows in, rows out."""

import apsw
import msgspec

from flowd.store.projections import NOTHING_PENDING, Pending, RunRow

SELECT_ROW = (
    "SELECT run, id, name, state, cwd, created_at, updated_at, position, version, steps,"
    " steps_done, pending FROM runs JOIN streams USING (run)"
)

_encoder = msgspec.msgpack.Encoder()
_pending_decoder = msgspec.msgpack.Decoder(Pending)


def row_of(values: tuple[object, ...]) -> tuple[int, RunRow]:
    """Give the key and the row of a result of `SELECT_ROW`."""
    run, *columns, pending = values
    decoded = _pending_decoder.decode(pending) if isinstance(pending, bytes) else NOTHING_PENDING
    return msgspec.convert(run, int), msgspec.convert([*columns, decoded], RunRow)


def find_row(connection: apsw.Connection, run_id: str) -> tuple[int, RunRow] | None:
    """Give the key and the row of the run with that id, or None when there is none."""
    values = connection.execute(f"{SELECT_ROW} WHERE id = ?", (run_id,)).fetchone()
    return None if values is None else row_of(values)


def add_row(connection: apsw.Connection, run: int, row: RunRow) -> None:
    """Write the first row of the run with that key."""
    connection.execute(
        "INSERT INTO runs (run, name, state, cwd, created_at, updated_at, position, version,"
        " steps, steps_done, pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            row.name,
            row.state,
            row.cwd,
            row.created_at,
            row.updated_at,
            row.position,
            row.version,
            row.steps,
            row.steps_done,
            _encode_pending(row),
        ),
    )


def update_row(connection: apsw.Connection, run: int, row: RunRow, before: RunRow) -> None:
    """Write what has changed since `before`. The state only if it has: it is in an index."""
    connection.execute(
        "UPDATE runs SET updated_at = ?, position = ?, version = ?, steps_done = ? WHERE run = ?",
        (row.updated_at, row.position, row.version, row.steps_done, run),
    )
    if (row.state, row.pending) != (before.state, before.pending):
        connection.execute(
            "UPDATE runs SET state = ?, pending = ? WHERE run = ?",
            (row.state, _encode_pending(row), run),
        )


def _encode_pending(row: RunRow) -> bytes | None:
    return None if row.pending == NOTHING_PENDING else _encoder.encode(row.pending)
