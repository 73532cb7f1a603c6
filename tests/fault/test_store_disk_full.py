"""A full disk refuses writes, never loses or half-writes any, and is over when there is room."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowd.errors import StoreUnavailable, WorldError
from flowd.store import Log, open_log
from support.histories import run_finished, started, step_output


async def _fill(log: Log) -> list[object]:
    """Append until the store refuses; give what was recorded."""
    recorded: list[object] = list(await log.append("run-a", 0, [started()]))
    with pytest.raises(StoreUnavailable) as refused:
        for _ in range(1000):
            output = step_output(os.urandom(20_000))
            recorded += await log.append("run-a", len(recorded), [output])
    assert refused.value.cure
    return recorded


async def _reads_go_on_and_writes_do_not(log: Log, recorded: list[object]) -> None:
    assert await log.read("run-a", limit=10_000) == recorded
    assert (await log.find("run-a")).version == len(recorded)
    assert (await log.stats()).events == len(recorded)
    with pytest.raises(StoreUnavailable):
        await log.append("run-b", 0, [started(), step_output(os.urandom(100_000))])


@contextmanager
def _no_file_beyond(size: int) -> Iterator[None]:
    """Let the kernel refuse to make any file longer than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_size_limit_refuses_writes_until_it_is_lifted(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        with _no_file_beyond(500_000):
            recorded = await _fill(log)
            await _reads_go_on_and_writes_do_not(log, recorded)
        recorded += await log.append("run-a", len(recorded), [run_finished()])
        assert await log.read("run-a", limit=10_000) == recorded
    async with open_log(tmp_path / "flow.db") as log:
        assert await log.read("run-a", limit=10_000) == recorded
        assert (await log.keeper.check()).damage == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"needs the right to mount: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_refuses_writes_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    async with open_log(small_disk / "flow.db") as log:
        recorded = await _fill(log)
        await _reads_go_on_and_writes_do_not(log, recorded)
        ballast.unlink()
        recorded += await log.append("run-a", len(recorded), [run_finished()])
        assert await log.read("run-a", limit=10_000) == recorded
        assert (await log.keeper.check()).damage == []


async def test_a_full_disk_at_start_is_told(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1024 * 1024))
    with pytest.raises(StoreUnavailable, match="full") as refused:
        async with open_log(small_disk / "flow.db"):
            pass
    assert "space" in refused.value.cure


async def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    async with open_log(small_disk / "flow.db") as log:
        await log.append("run-a", 0, [started()])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreUnavailable) as refused:
        async with open_log(small_disk / "flow.db"):
            pass
    assert "writ" in refused.value.cure


async def test_a_backup_that_does_not_fit_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        recorded = list(await log.append("run-a", 0, [started()]))
        for _ in range(30):
            output = step_output(os.urandom(20_000))
            recorded += await log.append("run-a", len(recorded), [output])
        with _no_file_beyond(300_000), pytest.raises(WorldError, match="backup") as refused:
            await log.keeper.back_up(tmp_path / "copy.db")
        assert "room" in refused.value.cure
        assert not [path for path in tmp_path.iterdir() if path.name.startswith("copy")]
        assert await log.read("run-a", limit=10_000) == recorded
