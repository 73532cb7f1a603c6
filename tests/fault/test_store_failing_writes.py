"""Any write may be refused, once or for a while: nothing promised is lost, nothing is halved."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from flowd.domain.events import Event
from flowd.errors import StoreUnavailable
from flowd.store import Log, open_log
from support.failing_disk import FailingDisk, copy_of, failing_disk
from support.histories import run_finished, started, step_finished, step_output, step_started

APPENDS: list[list[Event]] = [
    [started(), step_started("build")],
    [step_output(b"some output\n" * 20), step_finished("build"), step_started("test")],
    [step_output(bytes(range(256)) * 16, "test"), step_finished("test")],
    [run_finished()],
]
HISTORY = [event for append in APPENDS for event in append]
RUNS = 2
PATIENCE = 30  # refusals of one append


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where that can be: hundreds of databases are synced, and no power is cut here."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


async def _append_in_the_end(log: Log, run: str, version: int, events: list[Event]) -> int:
    """Append as the engine does, again and again; give how often it was refused.

    A refused append must have left nothing: the next would find another version.
    """
    for refused in range(PATIENCE):
        try:
            await log.append(run, version, events)
        except StoreUnavailable as error:
            assert error.cure
            assert len(await log.read(run)) == version  # reading goes on
        else:
            return refused
    raise AssertionError(f"{run} cannot be written although the disk is well again")


async def _story(log: Log) -> int:
    refusals = 0
    for number in range(RUNS):
        version = 0
        for events in APPENDS:
            refusals += await _append_in_the_end(log, f"run-{number}", version, events)
            version += len(events)
    return refusals


async def _is_whole(log: Log) -> None:
    for number in range(RUNS):
        assert [item.event for item in await log.read(f"run-{number}")] == HISTORY
    stats = await log.stats()
    assert (stats.runs, stats.events) == (RUNS, RUNS * len(HISTORY))
    assert (await log.keeper.check()).damage == []


async def _count_operations(folder: Path, disk: FailingDisk) -> int:
    folder.mkdir()
    async with open_log(folder / "flow.db") as log:
        before = disk.count
        assert not await _story(log)
        return disk.count - before


def _never_checkpoint(connection: apsw.Connection) -> None:
    # SQLite passes over a checkpoint that fails after a commit. Of a disk in Python apsw tells.
    connection.wal_autocheckpoint(0)


@pytest.mark.parametrize(
    ("error", "times"), [(apsw.FullError, 9), (apsw.IOError, 1), (apsw.ReadOnlyError, 9)]
)
async def test_a_refusal_at_any_write(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: type[apsw.Error], times: int
) -> None:
    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, _never_checkpoint])
    refusals = 0
    with failing_disk() as disk:
        operations = await _count_operations(folder / "counted", disk)
        for first in range(1, operations + 1):
            here = folder / f"{first}"
            here.mkdir()
            async with open_log(here / "flow.db") as log:
                disk.fail(first, times, error)
                refusals += await _story(log)
                disk.recover()
                await _is_whole(log)
                copy_of(here, here / "killed")  # as kill -9 would leave it now
            async with open_log(here / "flow.db") as log:
                await _is_whole(log)
            async with open_log(here / "killed" / "flow.db") as log:
                await _is_whole(log)
    print(f"{operations} moments, {refusals} refusals")
    assert operations > 60
    assert refusals >= operations / 2


async def test_a_refusal_while_it_is_opened_says_the_cure(folder: Path) -> None:
    with failing_disk() as disk:
        async with open_log(folder / "flow.db"):
            operations = disk.count
        for first in range(1, operations + 1):
            here = folder / f"{first}"
            here.mkdir()
            disk.fail(first, 1000, apsw.FullError)
            try:
                async with open_log(here / "flow.db"):
                    pass  # what was refused did not matter to it
            except StoreUnavailable as error:
                assert "full" in error.message
                assert error.cure
            disk.recover()
            async with open_log(here / "flow.db") as log:  # with room it works
                assert not await _append_in_the_end(log, "run-0", 0, [started()])
