"""Questions to the database. Each is called with a connection in the thread that owns it."""

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import msgspec

from flowd.domain.events import Recorded
from flowd.domain.ports import LogStats, RunSummary
from flowd.errors import Conflict, NotFound
from flowd.store.attachments import DocumentCache, StoredAttachments
from flowd.store.codec import decode_event, split_batch
from flowd.store.failures import unreadable
from flowd.store.migrate import schema_version
from flowd.store.runs_table import select_rows
from flowd.store.sealing import Batch, unseal

SHORTEST_ABBREVIATION = 3
CANDIDATES_SHOWN = 10

# The index `runs_not_succeeded` serves a query that repeats its condition word for word.
_EVENT_BYTES = (
    "SELECT ifnull((SELECT sum(length(batches)) FROM sealed_batches), 0)"
    " + ifnull((SELECT sum(length(events)) FROM recent_batches), 0)"
)
_NOT_SUCCEEDED = "state <> 'succeeded'"


def add_functions(connection: apsw.Connection) -> None:
    """Give the connection what `summaries` compares names with: SQLite's own knows only ASCII."""
    connection.create_scalar_function("casefold", _casefold, 1, deterministic=True)


def read(
    connection: apsw.Connection, cache: DocumentCache, run_id: str, after: int, limit: int
) -> list[Recorded]:
    """Give up to `limit` events of the run whose position is greater than `after`, in order."""
    attachments = StoredAttachments(connection, cache)
    found: list[Recorded] = []
    try:
        for last_position, last_version, events in batches_of(connection, run_id, after):
            stored = split_batch(events)
            first_position = last_position - len(stored) + 1
            first_version = last_version - len(stored) + 1
            for n, values in enumerate(stored):
                if len(found) >= limit:
                    return found
                if (position := first_position + n) > after:
                    event = decode_event(values, position, attachments)
                    found.append(Recorded(position, run_id, first_version + n, event))
    except (msgspec.MsgspecError, zlib.error, UnicodeDecodeError) as error:
        raise unreadable(f"events of run {run_id}", connection.filename, error) from error
    return found


def find(connection: apsw.Connection, name: str) -> RunSummary:
    """Give the run with that id, or the only one whose id begins so."""
    abbreviated = len(name) >= SHORTEST_ABBREVIATION
    beyond = name + ("\U0010ffff" if abbreviated else "\0")  # what is below begins so, or is it
    condition = "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"
    rows = select_rows(connection, condition, (name, beyond, CANDIDATES_SHOWN + 1))
    summaries = [row.summary() for _, row in rows]
    if len(summaries) == 1 or (summaries and summaries[0].id == name):
        return summaries[0]
    if summaries:
        raise _ambiguous(name, summaries)
    if not abbreviated:
        raise NotFound(
            f"{name!r} is too short to name a run",
            cure=f"give at least {SHORTEST_ABBREVIATION} characters of its id",
        )
    removed: int = connection.execute("SELECT runs FROM removed").get
    perhaps = f"; retention removed {removed} finished ones, perhaps this too" if removed else ""
    raise NotFound(
        f"there is no run {name!r}{perhaps}", cure="`flowctl history` lists the runs there are"
    )


def summaries(
    connection: apsw.Connection, query: str, states: Sequence[str], limit: int
) -> list[RunSummary]:
    """List runs newest first. `query` matches part of the name or id; no states means all.

    Newest first is the order of keys, so a list without conditions reads as many rows as it gives.
    """
    conditions: list[str] = []
    bindings: list[str | int] = []
    if states:
        if "succeeded" not in states:
            conditions.append(_NOT_SUCCEEDED)
        conditions.append(f"state IN ({', '.join('?' * len(states))})")
        bindings += states
    if query:
        keys = _matching(connection, query.casefold(), conditions, bindings, limit)
        conditions, bindings = ["runs.run IN (SELECT value FROM json_each(?))"], [str(keys)]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = select_rows(connection, f"{where} ORDER BY runs.run DESC LIMIT ?", (*bindings, limit))
    return [row.summary() for _, row in rows]


def _matching(
    connection: apsw.Connection,
    sought: str,
    conditions: Sequence[str],
    bindings: Sequence[str | int],
    limit: int,
) -> list[int]:
    """Give the keys of the newest runs whose name or id holds the text, newest first.

    There are few names, whatever number of runs, and an index from them to runs. Ids have to be
    looked through, but only those of runs newer than what the names have given.
    """
    where = "".join(f" AND {condition}" for condition in conditions)
    by_name: list[int] = [
        run
        for (run,) in connection.execute(
            "SELECT run FROM runs WHERE name_key IN (SELECT name_key FROM names"  # noqa: S608
            f" WHERE instr(casefold(name), ?)){where} ORDER BY run DESC LIMIT ?",
            (sought, *bindings, limit),
        )
    ]
    oldest = by_name[-1] if len(by_name) == limit else 0
    # Ids are of lower case, so SQLite's own comparison will do; ours would take ten times as long.
    rare = bool(conditions) and conditions[0] == _NOT_SUCCEEDED
    tables = "runs CROSS JOIN streams" if rare else "streams CROSS JOIN runs"
    by_id = connection.execute(
        f"SELECT run FROM {tables if conditions else 'streams'}"  # noqa: S608  # texts of ours
        f"{' USING (run)' if conditions else ''}"
        f" WHERE instr(id, ?) AND run >= ?{where} ORDER BY run DESC LIMIT ?",
        (sought, oldest, *bindings, limit),
    )
    return sorted({*by_name, *(run for (run,) in by_id)}, reverse=True)[:limit]


def run_with_token(connection: apsw.Connection, client_token: str) -> str | None:
    """Give the id of the run that was started with this token."""
    run_id: str | None = connection.execute(
        "SELECT id FROM streams WHERE client_token = ?", (client_token,)
    ).get
    return run_id


def last_position(connection: apsw.Connection) -> int:
    """Give the position of the newest event; 0 when there is none."""
    position: int = connection.execute(
        "SELECT max(ifnull((SELECT max(position) FROM recent_batches), 0),"
        " ifnull((SELECT max(position) FROM sealed_batches), 0),"
        " (SELECT last_position FROM removed))"
    ).get
    return position


def stats(connection: apsw.Connection) -> LogStats:
    """Count and measure."""
    by_state = dict(connection.execute("SELECT state, count(*) FROM runs GROUP BY state"))
    return LogStats(
        runs=sum(by_state.values()),
        runs_by_state=by_state,
        events=connection.execute("SELECT ifnull(sum(version), 0) FROM runs").get,
        last_position=last_position(connection),
        database_bytes=size_of(connection.filename),
        wal_bytes=size_of(connection.filename_wal),
        schema_version=schema_version(connection),
        event_bytes=connection.execute(_EVENT_BYTES).get,
        output_bytes=connection.execute("SELECT ifnull(sum(length(data)), 0) FROM outputs").get,
    )


def batches_of(connection: apsw.Connection, run_id: str, after: int) -> Iterator[Batch]:
    """Give the batches of a run, in order, that have an event after that position."""
    run = connection.execute("SELECT run FROM streams WHERE id = ?", (run_id,)).get
    rows = connection.execute(
        "SELECT position, version, events FROM recent_batches WHERE run = ?1 AND position > ?2"
        " UNION ALL"
        " SELECT position, NULL, batches FROM sealed_batches WHERE run = ?1 AND position > ?2"
        " ORDER BY position",
        (run, after),
    )
    for position, version, blob in rows:
        if version is None:
            yield from (batch for batch in unseal(blob) if batch[0] > after)
        else:
            yield position, version, msgspec.Raw(blob)


def _ambiguous(name: str, candidates: Sequence[RunSummary]) -> Conflict:
    ids = [candidate.id for candidate in candidates[:CANDIDATES_SHOWN]]
    more = "" if len(candidates) <= CANDIDATES_SHOWN else " and more"
    return Conflict(
        f"{name!r} can mean several runs: {', '.join(ids)}{more}",
        cure="give more characters of the id",
        data={"candidates": ids},
    )


def _casefold(*text: object) -> str:
    return str(text[0]).casefold()


def size_of(path: str) -> int:
    """Give the bytes of a file; 0 when there is none."""
    try:
        return Path(path).stat().st_size
    except FileNotFoundError:
        return 0
