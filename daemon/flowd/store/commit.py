"""One transaction for many appends: what the writer's thread does.

Every append of a group is judged before it writes anything, so one that is refused leaves no trace
and does not touch the others. An error of the disk undoes the whole group.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import apsw

from flowd import faultpoints
from flowd.domain.events import Event, QuestionAnswered, Recorded, RunFinished, RunStarted
from flowd.errors import Conflict, FlowError, TokenTaken
from flowd.store.attachments import keep_documents, keep_output
from flowd.store.codec import EncodedEvent, join_batch
from flowd.store.consents import keep_answer
from flowd.store.projections import RunRow, summarise_all
from flowd.store.queries import last_position, run_with_token
from flowd.store.runs_table import add_row, find_row, update_row
from flowd.store.sealing import MOST_BYTES, give_back_room, seal


@dataclass(frozen=True, slots=True)
class Append:
    """Events to record after a version of a run, at least one, and the same events encoded."""

    run: str
    expected_version: int
    events: Sequence[Event]
    encoded: Sequence[EncodedEvent]


Outcome = list[Recorded] | FlowError
"""What became of one append."""


MOST_ROWS = 1024

Rows = dict[str, tuple[int, RunRow]]
"""The rows of the runs written last, by id and with their keys, as they are in the database."""


def commit(connection: apsw.Connection, rows: Rows, group: Sequence[Append]) -> list[Outcome]:
    """Record a group durably, in one transaction, and give the outcome of each append.

    An apsw.Error means that nothing of the group was recorded. Whoever else writes to the table
    `runs` must clear `rows`.
    """
    try:
        return _commit(connection, rows, group)
    except BaseException:  # what they say was rolled back
        rows.clear()
        _overwrite_refused(connection)
        raise
    finally:
        while len(rows) > MOST_ROWS:
            del rows[next(iter(rows))]


def _overwrite_refused(connection: apsw.Connection) -> None:
    """Make sure that a transaction which failed does not come back after a kill.

    When only the last sync fails, all of it stands in the WAL, as valid as any other to whoever
    opens the database next, although its caller was told that it is not recorded. The next
    transaction takes its place there; so this is one, and it changes nothing. Where even that
    cannot be written, the next append is it.
    """
    with suppress(apsw.Error), connection:
        # Unlike an UPDATE that changes nothing, a pragma writes its page all the same.
        number: int = connection.pragma("application_id")
        connection.pragma("application_id", number)


def _commit(connection: apsw.Connection, rows: Rows, group: Sequence[Append]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    with connection:
        position = last_position(connection)
        finished: dict[int, None] = {}
        for append in group:
            try:
                run, recorded = _record(connection, rows, append, position)
            except FlowError as refusal:
                outcomes.append(refusal)
                continue
            outcomes.append(recorded)
            position = recorded[-1].position
            if isinstance(recorded[-1].event, RunFinished):
                finished[run] = None
        room = MOST_BYTES
        for run in finished:
            if room > 0:
                room -= seal(connection, run, room)
        if finished:
            give_back_room(connection)
        faultpoints.reach("append.written")
    faultpoints.reach("append.committed")
    return outcomes


def _record(
    connection: apsw.Connection, rows: Rows, append: Append, after: int
) -> tuple[int, list[Recorded]]:
    """Write one append at the positions from `after` + 1; give the run's key and what was written.

    Conflict, TokenTaken or Bug before anything is written.
    """
    found = rows.get(append.run) or find_row(connection, append.run)
    run, before = found or (after + 1, None)
    version = before.version if before else 0
    if version != append.expected_version:
        raise Conflict(
            f"run {append.run} is at version {version}, not {append.expected_version}",
            cure="read its newer events and decide again",
            data={"run": append.run, "version": version},
        )
    if before is None:
        _refuse_taken_token(connection, append.events[0])
    recorded = [
        Recorded(after + n, append.run, version + n, event)
        for n, event in enumerate(append.events, start=1)
    ]
    row = summarise_all(before, recorded)

    if before is None:
        _add_stream(connection, run, append)
        add_row(connection, run, row)
    else:
        update_row(connection, run, row, before)
    rows.pop(append.run, None)  # the newest stand last
    if not isinstance(recorded[-1].event, RunFinished):
        rows[append.run] = run, row
    for item, encoded in zip(recorded, append.encoded, strict=True):
        if isinstance(item.event, QuestionAnswered):
            keep_answer(connection, append.run, item.event)
        keep_output(connection, encoded, item.position)
    connection.execute(
        "INSERT INTO recent_batches (position, run, version, events) VALUES (?, ?, ?, ?)",
        (row.position, run, row.version, join_batch([e.body for e in append.encoded])),
    )
    return run, recorded


def _refuse_taken_token(connection: apsw.Connection, first: Event) -> None:
    if isinstance(first, RunStarted) and first.client_token is not None:
        owner = run_with_token(connection, first.client_token)
        if owner is not None:
            raise TokenTaken(owner)


def _add_stream(connection: apsw.Connection, run: int, append: Append) -> None:
    first = append.events[0]
    token = first.client_token if isinstance(first, RunStarted) else None
    workflow, environment = keep_documents(connection, append.encoded[0])
    connection.execute(
        "INSERT INTO streams (run, id, client_token, workflow_key, environment_key)"
        " VALUES (?, ?, ?, ?, ?)",
        (run, append.run, token, workflow, environment),
    )
