"""The log's writing: many appends, few transactions, and an end that loses nothing."""

from pathlib import Path

import apsw
import pytest
import trio
import trio.testing

from flowd.domain.events import Event
from flowd.errors import Bug, Conflict
from flowd.store import log as log_module
from flowd.store import open_log
from support.histories import run_finished, started, step_output, step_started
from support.lossy_disk import Sync, recording_disk


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for every transaction that is committed on any connection."""
    seen: list[int] = []

    def count() -> bool:
        seen.append(1)
        return False

    def watch(connection: apsw.Connection) -> None:
        connection.set_commit_hook(count, id="test")

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, watch])
    return seen


async def test_a_thousand_appends_at_once_take_few_transactions(
    tmp_path: Path, commits: list[int]
) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        commits.clear()
        events: list[Event] = [started(), step_started()]
        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(log.append, f"run-{number}", 0, events)
        assert 1 <= len(commits) <= 10
        stats = await log.stats()
    assert (stats.runs, stats.events, stats.last_position) == (1000, 2000, 2000)


async def test_appends_one_after_the_other_take_a_transaction_each(
    tmp_path: Path, commits: list[int]
) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        await log.append("run-a", 0, [started()])
        commits.clear()
        for version in range(1, 6):
            await log.append("run-a", version, [step_started(attempt=version)])
    assert len(commits) == 5


async def test_an_append_takes_one_sync_of_the_disk(tmp_path: Path) -> None:
    with recording_disk() as disk:
        async with open_log(tmp_path / "flow.db") as log:
            await log.append("run-a", 0, [started()])
            disk.notes.clear()
            for version in range(1, 501):
                await log.append("run-a", version, [step_started(attempt=version)])
            syncs = [note for note in disk.notes if isinstance(note, Sync)]
    assert 500 <= len(syncs) <= 550  # a few more are for checkpoints


async def test_more_than_a_group_holds_goes_into_the_next(
    tmp_path: Path, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "LARGEST_GROUP", 3)
    async with open_log(tmp_path / "flow.db") as log:
        commits.clear()
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(log.append, f"run-{number}", 0, [started()])
        assert (await log.stats()).runs == 20
    assert len(commits) >= 7


async def test_a_transaction_without_any_success_is_harmless(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        with pytest.raises(Bug):
            await log.append("run-a", 0, [run_finished()])
        assert (await log.append("run-a", 0, [started()]))[0].position == 1


async def test_a_daemon_being_cancelled_can_still_record_how_things_ended(tmp_path: Path) -> None:
    with trio.CancelScope() as scope:
        async with open_log(tmp_path / "flow.db") as log:
            try:
                await log.append("run-a", 0, [started()])
                scope.cancel()
                await trio.sleep_forever()
            finally:
                with trio.move_on_after(5, shield=True):
                    await log.append("run-a", 1, [run_finished("cancelled")])
    assert scope.cancelled_caught
    async with open_log(tmp_path / "flow.db") as log:
        assert (await log.find("run-a")).state == "cancelled"


async def test_what_waits_when_the_block_is_left_is_still_recorded(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery, open_log(tmp_path / "flow.db") as log:
        for number in range(50):
            nursery.start_soon(log.append, f"run-{number}", 0, [started()])
        await trio.testing.wait_all_tasks_blocked(0)
    async with open_log(tmp_path / "flow.db") as log:
        assert (await log.stats()).runs == 50


async def test_nothing_waits_for_a_log_that_is_closed(tmp_path: Path) -> None:
    async with open_log(tmp_path / "flow.db") as log:
        await log.append("run-a", 0, [started()])
    with trio.fail_after(5), pytest.raises(Bug, match="closed"):
        await log.append("run-a", 1, [run_finished()])


async def test_a_broken_writer_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    failed: list[str] = []

    async def append(run: str) -> None:
        with pytest.raises(Bug, match="broke down"):
            await log.append(run, 0, [started()])
        failed.append(run)

    async with open_log(tmp_path / "flow.db") as log:
        with monkeypatch.context() as patch, trio.fail_after(5):
            patch.setattr(log_module, "commit", broken)
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(append, f"run-{number}")
        assert len(failed) == 4
        await log.append("run-a", 0, [started()])  # and it can be written to again


async def test_the_pen_is_passed_on_whatever_becomes_of_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One group after the other fails and works; nobody is forgotten."""
    monkeypatch.setattr(log_module, "LARGEST_GROUP", 3)
    results: list[str] = []

    async def append(number: int) -> None:
        try:
            await log.append(f"run-{number}", number % 2, [started()])
        except Conflict:
            results.append("refused")
        else:
            results.append("recorded")

    async with open_log(tmp_path / "flow.db") as log:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                for number in range(50):
                    nursery.start_soon(append, number)
    assert sorted(results) == ["recorded"] * 25 + ["refused"] * 25


async def test_an_endless_query_holds_up_no_append_and_can_be_cancelled(tmp_path: Path) -> None:
    def count_for_ever(connection: apsw.Connection) -> None:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        ).fetchall()

    async with open_log(tmp_path / "flow.db") as log:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(log._reader.run, count_for_ever)
                await log.append("run-a", 0, [started(), step_output(b"x" * 5000)])
                nursery.cancel_scope.cancel()
            assert (await log.find("run-a")).version == 2
            assert len(await log.read("run-a")) == 2
