"""Looking after the database: what check finds, what a backup holds, what vacuum gives back."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
import trio

from flowd.domain.ports import Damage
from flowd.domain.retention import KEEP_ALL
from flowd.errors import Conflict, InvalidInput
from flowd.store import Log, backup, open_log, sealing
from support.histories import run_finished, started, step_finished, step_output, step_started


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened


async def _finished_run(log: Log, run: str, data: bytes = b"some output\n") -> None:
    await log.append(run, 0, [started(), step_started()])
    await log.append(run, 2, [step_output(data), step_finished(), run_finished()])


def _harm(log: Log, statement: str) -> None:
    """Change the file behind the daemon's back."""
    with apsw.Connection(log.keeper.path_of_database) as connection:
        connection.execute(statement)
    connection.close()


async def _damage(log: Log) -> list[Damage]:
    return (await log.keeper.check()).damage


# ------------------------------------------------------------------------------------------ check


async def test_nothing_is_wrong_with_a_sound_database(log: Log) -> None:
    for number in range(50):
        await _finished_run(log, f"run-{number:02}", bytes(3000))
    await log.append("live", 0, [started(), step_started()])
    found = await log.keeper.check()
    assert (found.runs, found.events, found.damage, found.mended) == (51, 252, [], 0)


async def test_an_event_that_does_not_decode_is_found_and_the_others_stay_usable(log: Log) -> None:
    for run in ("run-a", "run-b", "run-c"):
        await _finished_run(log, run)
    _harm(log, "UPDATE sealed_batches SET batches = x'00' WHERE position = 10")
    [damage] = await _damage(log)
    assert damage.what == "run-b"
    assert "cannot be read" in damage.problem
    assert "backup" in damage.cure
    assert len(await log.read("run-c")) == 5


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("DELETE FROM sealed_batches", "no events"),
        ("DELETE FROM outputs", "missing"),
        ("DELETE FROM documents", "missing"),
        ("UPDATE recent_batches SET version = version + 1", "out of order"),
    ],
)
async def test_what_is_missing_is_found(log: Log, harm: str, problem: str) -> None:
    await log.append("live", 0, [started()])
    await _finished_run(log, "run-a", os.urandom(5000))
    _harm(log, harm)
    assert problem in (await _damage(log))[0].problem


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        ("UPDATE runs SET steps_done = 3, version = 9", "wrong in: version, steps_done"),
        ("DELETE FROM runs", "no summary"),
        ("UPDATE runs SET pending = x'ff'", "cannot be read"),
    ],
)
async def test_a_summary_that_differs_from_its_events_is_found_and_mended(
    log: Log, harm: str, problem: str
) -> None:
    await _finished_run(log, "run-a")
    before = await log.summaries()
    _harm(log, harm)
    [damage] = await _damage(log)
    assert (damage.what, problem in damage.problem) == ("run-a", True)
    assert "--mend" in damage.cure
    mended = await log.keeper.check(mend=True)
    assert (mended.damage, mended.mended) == ([], 1)
    assert await log.summaries() == before
    assert await _damage(log) == []


async def test_a_page_that_is_overwritten_is_damage_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_log(path) as log:
        for number in range(50):
            await _finished_run(log, f"run-{number}", os.urandom(2000))
    with path.open("r+b") as file:
        file.seek(8 * 4096)
        file.write(os.urandom(20 * 4096))
    async with open_log(path) as log:
        found = await _damage(log)
    assert {"file"} <= {damage.what for damage in found}
    assert all(damage.cure for damage in found)


async def test_a_check_can_be_cancelled_and_holds_up_no_append(log: Log) -> None:
    for number in range(100):
        await _finished_run(log, f"run-{number}")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.keeper.check)
            await log.append("live", 0, [started()])
            scope.cancel()
    assert scope.cancelled_caught
    assert await log.append("live", 1, [step_started()])


# ----------------------------------------------------------------------------------------- backup


async def test_a_backup_is_of_one_moment_whatever_is_recorded_meanwhile(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
    for number in range(30):
        await _finished_run(log, f"run-{number:02}", os.urandom(5000))
    recorded = 0

    async def record_until(copied: trio.Event) -> None:
        nonlocal recorded
        while not copied.is_set():
            await _finished_run(log, f"more-{recorded}", os.urandom(3000))
            recorded += 1

    copied = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record_until, copied)
        made = await log.keeper.back_up(tmp_path / "copy.db")
        copied.set()
    assert recorded > 3
    assert made.bytes == (tmp_path / "copy.db").stat().st_size
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {
        "copy.db", "flow.db", "flow.db-wal", "flow.db-shm",
    }  # fmt: skip
    async with open_log(tmp_path / "copy.db") as copy:
        assert await _damage(copy) == []
        assert (await copy.stats()).last_position == made.position
        runs = [summary.id for summary in await copy.summaries(limit=10_000)]
        assert runs == [s.id for s in (await log.summaries(limit=10_000))[-len(runs) :]]
        assert await copy.read("run-07") == await log.read("run-07")
        assert await copy.append("new", 0, [started()])


async def test_a_folder_gets_a_database_of_the_usual_name(log: Log, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    made = await log.keeper.back_up(tmp_path / "home")
    assert made.path == str(tmp_path / "home" / "flow.db")


async def test_a_backup_overwrites_nothing(log: Log, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("taken", "dangling", "flow.db"):
        with pytest.raises(Conflict) as refused:
            await log.keeper.back_up(tmp_path / name)
        assert refused.value.cure
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("path", ["relative.db", "/no/such/folder/x.db", "/dev/null/x", "/a\0b"])
async def test_a_path_that_cannot_be_is_refused(log: Log, path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await log.keeper.back_up(Path(path))
    assert refused.value.cure


async def test_a_cancelled_backup_leaves_nothing(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
    for number in range(40):  # enough pages that none of it is over before it is called off
        await _finished_run(log, f"run-{number}", os.urandom(50_000))
    part = tmp_path / "copy.db.unfinished"
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.keeper.back_up, tmp_path / "copy.db")
            while not (part.exists() and part.stat().st_size > 8192):
                await trio.lowlevel.checkpoint()
            scope.cancel()
    assert scope.cancelled_caught
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy")]


# ----------------------------------------------------------------------------------------- vacuum


async def test_vacuum_packs_what_was_too_much_for_once_and_gives_room_back(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "MOST_PAGES", 0)  # nothing is given back on the way
    for run in ("run-a", "run-b"):
        await log.append(run, 0, [started()])
        for version in range(1, 60):
            await log.append(run, version, [step_output(b"x" * 1000)])
    with monkeypatch.context() as patch:
        patch.setattr("flowd.store.commit.MOST_BYTES", 1)
        await log.append("run-a", 60, [run_finished()])
    before = await log.read("run-a")
    done = await log.keeper.vacuum(KEEP_ALL)
    assert done.sealed_runs == 1
    assert done.database_after < done.wal_before + done.database_before
    assert done.wal_after == 0
    assert await log.read("run-a") == before
    assert (await log.find("run-b")).state == "running"
    assert await _damage(log) == []
    again = await log.keeper.vacuum(KEEP_ALL)
    assert (again.sealed_runs, again.database_before) == (0, done.database_after)


async def test_vacuum_goes_on_beside_appends(log: Log) -> None:
    for number in range(50):
        await _finished_run(log, f"run-{number}", os.urandom(2000))

    async def record() -> None:
        for number in range(20):
            await _finished_run(log, f"more-{number}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(record)
        nursery.start_soon(log.keeper.vacuum, KEEP_ALL)
    assert (await log.stats()).runs == 70
    assert await _damage(log) == []
