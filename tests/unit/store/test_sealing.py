"""What a run costs on disk, and that packing it loses nothing."""

import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from flowd.domain.events import Event, Recorded
from flowd.domain.workflow import Step, Workflow
from flowd.store import queries, sealing
from flowd.store.attachments import DocumentCache
from flowd.store.checking import check_file
from flowd.store.codec import encode_event
from flowd.store.commit import Append, commit
from flowd.store.connection import prepare_writer
from flowd.store.migrate import migrate
from flowd.store.sealing import seal
from support.histories import run_finished, started, step_finished, step_output, step_started

FIVE_STEPS = Workflow(
    flow=1, name="five steps", steps=[Step(id=f"step{n}", run=f"echo {n}") for n in range(1, 6)]
)
WORDS = ["compiling", "linking", "test", "passed", "failed", "warning", "in", "module", "line"]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(tmp_path / "flow.db"))
    prepare_writer(connection)
    migrate(connection)
    yield connection
    connection.close()


def _append(database: apsw.Connection, run: str, version: int, *events: Event) -> list[Recorded]:
    encoded = [encode_event(event) for event in events]
    [outcome] = commit(database, {}, [Append(run, version, events, encoded)])
    assert isinstance(outcome, list)
    return outcome


def _read(database: apsw.Connection, run: str, after: int = 0) -> list[Recorded]:
    return queries.read(database, DocumentCache(), run, after, 100_000)


def _count(database: apsw.Connection, table: str) -> int:
    count: int = database.execute(f"SELECT count(*) FROM {table}").get
    return count


def test_a_finished_run_becomes_one_row(database: apsw.Connection) -> None:
    recorded = _append(database, "run-a", 0, started(), step_started())
    for version in range(2, 20):
        recorded += _append(database, "run-a", version, step_started(attempt=version))
    assert _count(database, "recent_batches") == 19
    recorded += _append(database, "run-a", 20, run_finished())

    assert (_count(database, "recent_batches"), _count(database, "sealed_batches")) == (0, 1)
    assert _read(database, "run-a") == recorded
    for position in range(22):
        assert _read(database, "run-a", position) == recorded[position:]


def test_a_long_run_is_packed_in_rows_of_bounded_size(
    database: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "ROW_BYTES", 2000)
    recorded = _append(database, "run-a", 0, started())
    for version in range(1, 50):
        recorded += _append(database, "run-a", version, step_output(bytes([version]) * 200))
    recorded += _append(database, "run-a", 50, run_finished())
    assert 5 <= _count(database, "sealed_batches") <= 8
    assert _count(database, "recent_batches") == 0
    assert _read(database, "run-a") == recorded


def test_what_is_too_much_for_once_stays_readable_as_it_was(database: apsw.Connection) -> None:
    recorded = _append(database, "run-a", 0, started())
    for version in range(1, 20):
        recorded += _append(database, "run-a", version, step_output(bytes([version]) * 200))
    run: int = database.execute("SELECT run FROM streams").get
    with database:
        assert 1000 <= seal(database, run, 1000) < 1500
    assert _count(database, "recent_batches") > 10
    assert _read(database, "run-a") == recorded
    assert _append(database, "run-a", 20, step_started())[0].position == 21


def test_positions_never_come_back_after_sealing(database: apsw.Connection) -> None:
    last = _append(database, "run-a", 0, started(), run_finished())[-1].position
    assert _count(database, "recent_batches") == 0
    assert _append(database, "run-b", 0, started())[0].position == last + 1


def test_workflow_and_environment_are_stored_once(database: apsw.Connection) -> None:
    environment = {f"VARIABLE_{n}": "value" * 20 for n in range(100)}
    for number in range(50):
        _append(database, f"run-{number}", 0, started(environment=environment))
    assert _count(database, "documents") == 2
    assert _read(database, "run-7")[0].event == started(environment=environment)


def test_a_reader_shares_documents_in_memory(database: apsw.Connection) -> None:
    _append(database, "run-a", 0, started())
    _append(database, "run-b", 0, started())
    cache = DocumentCache()
    first = queries.read(database, cache, "run-a", 0, 1)[0].event
    second = queries.read(database, cache, "run-b", 0, 1)[0].event
    assert first.workflow is second.workflow  # type: ignore[union-attr]


def test_long_outputs_have_a_table_of_their_own(database: apsw.Connection) -> None:
    data = random.Random(1).randbytes(300_000)
    recorded = _append(
        database, "run-a", 0, started(), step_output(data), step_output(b"short"), step_output(data)
    )
    recorded += _append(database, "run-a", 4, run_finished())
    assert _count(database, "outputs") == 2
    assert _read(database, "run-a") == recorded


def _five_steps(database: apsw.Connection, names: list[str], chance: random.Random) -> None:
    """Carry runs out side by side, as the engine records them: one append a step."""

    def together(version: int, *events: Event) -> None:
        encoded = [encode_event(event) for event in events]
        outcomes = commit(database, {}, [Append(name, version, events, encoded) for name in names])
        assert all(isinstance(outcome, list) for outcome in outcomes)

    together(0, started(FIVE_STEPS, inputs={}), step_started("step1"))
    for n in range(1, 6):
        text = " ".join(chance.choices(WORDS, k=60))[:199] + "\n"
        following = step_started(f"step{n + 1}") if n < 5 else run_finished()
        finished = step_finished(f"step{n}")
        together(3 * n - 1, step_output(text.encode(), f"step{n}"), finished, following)


@pytest.mark.parametrize("side_by_side", [1, 20])
def test_a_run_of_five_steps_takes_at_most_1300_bytes(
    database: apsw.Connection, side_by_side: int
) -> None:
    chance = random.Random(side_by_side)
    database.pragma("synchronous", "OFF")  # only the size matters here
    runs = 1000
    for first in range(0, runs, side_by_side):
        _five_steps(database, [f"run-{first + n:07}" for n in range(side_by_side)], chance)
    database.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    assert Path(database.filename).stat().st_size / runs <= 1300
    assert check_file(database) == []


def test_room_left_by_many_live_runs_is_given_back(database: apsw.Connection) -> None:
    chance = random.Random(3)
    _five_steps(database, [f"run-{n:07}" for n in range(600)], chance)
    for number in range(20):  # a little with every run that finishes
        _five_steps(database, [f"more-{number:05}"], chance)
    empty: int = database.pragma("freelist_count")
    assert empty <= database.pragma("page_count") // sealing.EMPTY_SHARE
    assert check_file(database) == []
