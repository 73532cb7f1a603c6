"""Opening and closing: who may read the file, how safe a commit is, and that no thread stays."""

import stat
import threading
import time
from pathlib import Path

import apsw
import apsw.aio
import pytest
import trio
import trio.testing

from flowd.errors import Bug, StoreUnavailable
from flowd.store import open_log
from flowd.store.connection import open_reader, open_writer
from support.histories import started


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("flow-")]


@pytest.fixture
def slow_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that take their time to end once they are told to."""
    work = apsw.aio.Trio.worker_thread_run

    def work_and_linger(worker: apsw.aio.Trio) -> None:
        work(worker)  # type: ignore[no-untyped-call]
        time.sleep(0.02)

    monkeypatch.setattr(apsw.aio.Trio, "worker_thread_run", work_and_linger)


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("slow_threads")
async def test_threads_end_with_the_block(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db"):
        assert sorted(_threads()) == ["flow-store-reader", "flow-store-writer"]
    assert _threads() == []


@pytest.mark.usefixtures("slow_threads")
async def test_threads_end_when_opening_fails(tmp_path: Path) -> None:
    (tmp_path / "flow.db").write_bytes(b"this is a letter, not a database" * 100)
    with pytest.raises(StoreUnavailable):
        async with open_log(tmp_path / "flow.db"):
            pass
    with pytest.raises(StoreUnavailable):
        async with open_log(tmp_path / "nowhere" / "flow.db"):
            pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailable):
        async with open_log(tmp_path / "folder"):
            pass
    with pytest.raises(StoreUnavailable, match="Unicode"):
        async with open_log(tmp_path / "caf\udce9.db"):
            pass
    assert _threads() == []


@pytest.mark.usefixtures("slow_threads")
async def test_threads_end_when_the_block_is_cancelled(tmp_path: Path) -> None:
    for steps in range(8):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_open_and_wait, tmp_path / "flow.db")
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        assert _threads() == []


async def _open_and_wait(path: Path) -> None:
    async with open_log(path):
        await trio.sleep_forever()


async def test_the_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_log(path) as log:
        await log.append("run-a", 0, [started()])
        files = sorted(tmp_path.iterdir())
        assert [file.name for file in files] == ["flow.db", "flow.db-shm", "flow.db-wal"]
        assert {_rights(file) for file in files} == {0o600}
    path.chmod(0o644)
    async with open_log(path):
        assert _rights(path) == 0o600


async def test_a_clean_end_leaves_one_file(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        await log.append("run-a", 0, [started()])
    assert [file.name for file in tmp_path.iterdir()] == ["flow.db"]


async def test_commits_are_durable_and_queries_cannot_write(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "flow.db") as writer:
        assert await writer.run(lambda c: c.pragma("synchronous")) == 2  # FULL
        assert await writer.run(lambda c: c.pragma("journal_mode")) == "wal"
        assert await writer.run(lambda c: c.pragma("foreign_keys")) == 1
        await writer.run(lambda c: c.execute("CREATE TABLE t (x)").fetchall())
        async with open_reader(tmp_path / "flow.db") as reader:
            with pytest.raises(StoreUnavailable, match="read-only"):
                await reader.run(lambda c: c.execute("INSERT INTO t VALUES (1)").fetchall())


async def test_a_senseless_statement_is_a_bug(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "flow.db") as writer:
        with pytest.raises(Bug, match="no such table"):
            await writer.run(lambda c: c.execute("SELECT * FROM absent").fetchall())


async def test_an_error_of_the_work_itself_comes_out_as_it_is(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "flow.db") as writer:
        with pytest.raises(ZeroDivisionError):
            await writer.run(lambda _: 1 / 0)


def _count(connection: apsw.Connection, limit: int) -> int:
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    count: int = connection.execute(f"SELECT count(*) FROM ({query} LIMIT ?)", (limit,)).get
    return count


async def test_a_deadline_breaks_a_query_off(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_writer(path), open_reader(path) as reader:
        with trio.move_on_after(0.02) as scope:
            await reader.run(_count, 10**12)
        assert scope.cancelled_caught
        assert await reader.run(_count, 5) == 5


async def test_what_writes_cannot_be_cancelled(tmp_path: Path) -> None:
    async with open_writer(tmp_path / "flow.db") as writer:
        with trio.CancelScope() as scope:
            scope.cancel()
            assert await writer.run(_count, 5) == 5
        with trio.move_on_after(0.001) as scope:
            assert await writer.run(_count, 3_000_000) == 3_000_000
        assert scope.cancel_called
        assert not scope.cancelled_caught


async def test_only_trios_clock_decides_when_time_is_up(
    tmp_path: Path, mock_clock: trio.testing.MockClock
) -> None:
    path = tmp_path / "flow.db"
    async with open_writer(path), open_reader(path) as reader:
        with trio.fail_after(0.001):  # which never pass on a clock that stands still
            assert await reader.run(_count, 1_000_000) == 1_000_000
