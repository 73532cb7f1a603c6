"""Any one change of the disk fails: what was promised stays, the rest can be done again.

The errors are real ones, of a file system that refuses what it is told to refuse.
"""

import errno
import shutil
from pathlib import Path

import apsw
import pytest

from flowd.domain.events import Event
from flowd.errors import StoreUnavailable
from flowd.store import Log, open_log
from support.histories import run_finished, started, step_finished, step_output, step_started
from support.lossy_machine import LossyDisk, why_no_lossy_machine

RUNS = ("run-0", "run-1")
APPENDS: list[list[Event]] = [
    [started(), step_started("build")],
    [step_output(b"some output\n" * 20), step_finished("build"), step_started("test")],
    [step_output(bytes(range(256)) * 16, "test"), step_finished("test")],
    [run_finished()],
]
STORY = [(run, events) for events in APPENDS for run in RUNS]
MOST_REFUSALS = 8

Promised = dict[str, list[Event]]


@pytest.fixture
def _checkpoints_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database's own file be written in the middle of the story, too."""

    def often(connection: apsw.Connection) -> None:
        connection.wal_autocheckpoint(12)

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, often])


async def _is_there(log: Log, promised: Promised) -> None:
    for run, events in promised.items():
        recorded = await log.read(run)
        assert [one.event for one in recorded] == events, run


async def _is_found_after_a_kill(
    path: Path, aside: Path, promised: Promised, refused: tuple[str, list[Event]] | None = None
) -> None:
    """Look at what a kill -9 at this moment would leave: what was promised.

    A refused append may come back as a whole, where the disk took it, refused to sync it, and then
    refused every write: nobody can take it out of there.
    """
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    for name in ("flow.db", "flow.db-wal"):
        if (path.parent / name).exists():
            shutil.copy(path.parent / name, aside)
    async with open_log(aside / "flow.db") as log:
        if refused is not None and len(await log.read(refused[0])) > len(promised[refused[0]]):
            promised = {**promised, refused[0]: promised[refused[0]] + refused[1]}
        await _is_there(log, promised)
        assert (await log.keeper.check()).damage == []


async def _tell(
    path: Path, aside: Path, story: list[tuple[str, list[Event]]], *, once: bool
) -> list[str]:
    """The story, with whatever is refused done again until it is done. Gives the refusals.

    `once`: no more than one change of the disk fails.
    """
    promised: Promised = {run: [] for run in RUNS}
    todo = list(story)
    refusals: list[str] = []
    while todo:
        try:
            async with open_log(path) as log:
                while todo:
                    run, events = todo[0]
                    try:
                        await log.append(run, len(promised[run]), events)
                    except StoreUnavailable as refused:
                        _note(refused, refusals)
                        await _is_there(log, promised)
                        back = None if once else todo[0]
                        await _is_found_after_a_kill(path, aside, promised, back)
                        continue
                    promised[run] += events
                    todo.pop(0)
                await _is_there(log, promised)
        except StoreUnavailable as refused:
            _note(refused, refusals)
            assert len(todo) == len(story), "only an opening may fail here"
    await _is_found_after_a_kill(path, aside, promised)
    return refusals


def _note(refused: StoreUnavailable, refusals: list[str]) -> None:
    assert refused.cure
    refusals.append(refused.message)
    assert len(refusals) < MOST_REFUSALS, refusals


@pytest.mark.parametrize(
    ("name", "times", "new"),
    [
        ("ENOSPC", 3, True),
        ("ENOSPC", 3, False),
        ("EIO", 1, True),
        ("EIO", 1, False),
        ("EROFS", 3, False),
    ],
)
@pytest.mark.usefixtures("_checkpoints_often")
async def test_any_change_of_the_disk_may_fail(
    tmp_path: Path, name: str, times: int, new: bool
) -> None:
    """In the making of a new database, or in the life of one that is there."""
    if (reason := why_no_lossy_machine()) is not None:
        pytest.skip(reason)
    story = STORY[:1] if new else STORY
    if not new:
        async with open_log(tmp_path / "flow.db"):
            pass
    disk = LossyDisk(tmp_path, 0)
    disk.mount()
    refusals = 0
    fail_at = changes = 0
    try:
        while fail_at <= changes:  # the first time nothing fails, and changes are counted
            folder = disk.root / str(fail_at)
            folder.mkdir()
            if not new:
                shutil.copy(tmp_path / "flow.db", folder)
            disk.order(f"fail {fail_at} {times} {getattr(errno, name)}")
            told = ["?"]
            try:
                told = await _tell(folder / "flow.db", tmp_path / "aside", story, once=times == 1)
            finally:
                done = disk.order("tell")
                print(fail_at, done, *told, sep=" | ")
            changes = changes or int(done)
            refusals += len(told)
            disk.order("fail 0 0 0")
            shutil.rmtree(folder)
            fail_at += 1
    finally:
        disk.cut_power()
    assert changes > 50
    assert refusals > changes / 3
