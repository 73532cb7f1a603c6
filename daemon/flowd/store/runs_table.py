"""The table `runs` in SQL: rows in, rows out."""

from collections.abc import Iterator, Sequence

import apsw
import msgspec

from flowd.store.failures import unreadable
from flowd.store.projections import NOTHING_PENDING, Pending, RunRow

_SELECT = (
    "SELECT run, id, name, state, cwd, created_at, updated_at, position, version, steps,"
    " steps_done, pending FROM runs JOIN streams USING (run) JOIN names USING (name_key)"
    " JOIN folders USING (folder_key)"
)

_NAMES = (
    "SELECT name_key FROM names WHERE name = ?",
    "INSERT INTO names (name) VALUES (?) RETURNING name_key",
)
_FOLDERS = (
    "SELECT folder_key FROM folders WHERE cwd = ?",
    "INSERT INTO folders (cwd) VALUES (?) RETURNING folder_key",
)

_encoder = msgspec.msgpack.Encoder()
_pending_decoder = msgspec.msgpack.Decoder(Pending)


def select_rows(
    connection: apsw.Connection, condition: str, bindings: Sequence[str | int]
) -> Iterator[tuple[int, RunRow]]:
    """Give the keys and rows that fit; StoreUnavailable when one of them is damaged."""
    for run, *columns, pending in connection.execute(f"{_SELECT} {condition}", bindings):
        try:
            why = NOTHING_PENDING if pending is None else _pending_decoder.decode(pending)
            yield run, msgspec.convert([*columns, why], RunRow)
        except msgspec.MsgspecError as error:
            raise unreadable(
                f"a summary of run {columns[0]}", connection.filename, error
            ) from error


def find_row(connection: apsw.Connection, run_id: str) -> tuple[int, RunRow] | None:
    """Give the key and the row of the run with that id, or None when there is none."""
    return next(select_rows(connection, "WHERE id = ?", (run_id,)), None)


def add_row(connection: apsw.Connection, run: int, row: RunRow) -> None:
    """Write the first row of the run with that key."""
    connection.execute(
        "INSERT INTO runs (run, name_key, state, folder_key, created_at, updated_at, position,"
        " version, steps, steps_done, pending) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run,
            _key_of(connection, _NAMES, row.name),
            row.state,
            _key_of(connection, _FOLDERS, row.cwd),
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


def remove_row(connection: apsw.Connection, run: int) -> None:
    """Remove the row of the run with that key, if there is one."""
    connection.execute("DELETE FROM runs WHERE run = ?", (run,))


def _key_of(connection: apsw.Connection, table: tuple[str, str], text: str) -> int:
    """Give the key of a name or folder, which is written when it is new."""
    find, add = table
    key: int | None = connection.execute(find, (text,)).get
    if key is None:
        key = connection.execute(add, (text,)).get
        assert key is not None
    return key


def _encode_pending(row: RunRow) -> bytes | None:
    return None if row.pending == NOTHING_PENDING else _encoder.encode(row.pending)
