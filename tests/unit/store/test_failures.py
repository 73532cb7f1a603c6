"""What a person is told when the store cannot work, and that it works on where it can."""

from pathlib import Path

import apsw
import pytest
import trio

from flowd.domain.events import Event
from flowd.errors import Bug, StoreUnavailable
from flowd.store import open_log
from flowd.store.failures import meaning_of
from support.histories import run_finished, started, step_output, step_started


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (apsw.FullError, "full"),
        (apsw.IOError, "disk refused"),
        (apsw.ReadOnlyError, "read-only"),
        (apsw.CorruptError, "damaged"),
        (apsw.NotADBError, "not a database"),
        (apsw.BusyError, "locked"),
        (apsw.CantOpenError, "cannot be opened"),
        (apsw.NoMemError, "memory"),
    ],
)
def test_what_the_world_refuses_comes_with_reason_and_cure(
    error: type[apsw.Error], reason: str
) -> None:
    told = meaning_of(error("in SQLite's words"), "/home/user/flow.db")
    assert isinstance(told, StoreUnavailable)
    assert reason in told.message
    assert "/home/user/flow.db" in told.message
    assert "in SQLite's words" in told.message
    assert told.cure


@pytest.mark.parametrize("error", [apsw.SQLError, apsw.ConstraintError, apsw.MisuseError])
def test_what_we_asked_wrongly_is_our_bug(error: type[apsw.Error]) -> None:
    assert isinstance(meaning_of(error("no such column"), "/x"), Bug)


async def test_a_lock_of_somebody_else_refuses_writes_only_while_it_lasts(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        recorded = await log.append("run-a", 0, [started()])
        other = apsw.Connection(str(tmp_path / "flow.db"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await log.append("run-a", 1, [step_started()])
        assert await log.read("run-a") == recorded
        other.execute("ROLLBACK")
        other.close()
        assert await log.append("run-a", 1, [step_started()])


async def test_everybody_in_a_group_gets_an_error_of_their_own(tmp_path: Path) -> None:
    errors: list[StoreUnavailable] = []

    async def append(run: str) -> None:
        with pytest.raises(StoreUnavailable) as refused:
            await log.append(run, 0, [started()])
        errors.append(refused.value)

    async with open_log(tmp_path / "flow.db") as log:
        other = apsw.Connection(str(tmp_path / "flow.db"))
        other.execute("BEGIN IMMEDIATE")
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(append, f"run-{number}")
        other.close()
    assert len({id(error) for error in errors}) == 5
    assert {error.cure for error in errors} == {errors[0].cure}
    assert errors[0].data["reason"] in errors[4].message


async def test_a_damaged_file_is_told_and_the_rest_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_log(path) as log:
        for number in range(40):
            output = step_output(bytes(range(256)) * 40)
            await log.append(f"run-{number}", 0, [started(), output])
        assert (await log.keeper.check()).damage == []
    _overwrite_outputs(path)

    async with open_log(path) as log:
        assert (await log.keeper.check()).damage
        assert len(await log.summaries()) == 40
        with pytest.raises(StoreUnavailable) as damaged:
            for number in range(40):
                await log.read(f"run-{number}")
        assert "damaged" in str(damaged.value.data["reason"])
        assert "backup" in damaged.value.cure
        assert await log.append("run-new", 0, [started(), run_finished()])


def _overwrite_outputs(path: Path) -> None:
    """Write nonsense over the pages of the table `outputs`, as a failing disk may."""
    connection = apsw.Connection(str(path))
    root: int = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name='outputs'").get
    size: int = connection.pragma("page_size")
    connection.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)


async def test_a_damaged_summary_is_told_and_harms_no_other_run(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_log(path) as log:
        await log.append("run-a", 0, [started()])
        await log.append("run-b", 0, [started()])
    with apsw.Connection(str(path)) as connection:
        connection.execute("UPDATE runs SET pending = x'c1' WHERE run = 1")
    async with open_log(path) as log:
        for question in (log.summaries, lambda: log.find("run-a")):
            with pytest.raises(StoreUnavailable, match="cannot be read"):
                await question()
        with pytest.raises(StoreUnavailable):
            await log.append("run-a", 1, [step_started()])
        assert await log.append("run-b", 1, [step_started()])
        await log.rebuild_projections()  # the events are whole, so the summary can be made anew
        assert len(await log.summaries()) == 2
        assert await log.append("run-a", 1, [step_started()])


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE recent_batches SET events = x'c1'",
        "UPDATE recent_batches SET events = x'91920102'",
        "UPDATE recent_batches SET events = x'9190'",
        "DELETE FROM documents",
        "UPDATE documents SET body = x'00'",
        "UPDATE outputs SET data = x'00'",
        "UPDATE sealed_batches SET batches = x'00'",
    ],
)
async def test_bytes_that_are_no_events_are_told_as_damage(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "flow.db"
    history: list[Event] = [started(), step_output(b"x" * 5000)]
    async with open_log(path) as log:
        await log.append("run-a", 0, history)
        await log.append("run-b", 0, [*history, run_finished()])
    with apsw.Connection(str(path)) as connection:
        connection.execute(damage)
    async with open_log(path) as log:
        with pytest.raises(StoreUnavailable, match="cannot be read") as refused:
            for run in ("run-a", "run-b"):
                await log.read(run)
        assert "backup" in refused.value.cure
        assert len(await log.summaries()) == 2
