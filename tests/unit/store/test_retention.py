"""What retention removes, what it leaves, and what is known of it afterwards."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
import trio

from flowd.domain import events as e
from flowd.domain.ports import Removed
from flowd.domain.retention import DAY_MS, KEEP_ALL, Retention
from flowd.errors import NotFound
from flowd.store import Log, keeper, open_log
from support.histories import named, run_finished, started, step_output, step_started

NOW = time.time_ns() // 1_000_000


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened


async def _run(
    log: Log,
    run: str,
    *,
    days_ago: float = 0,
    state: e.RunStatus = "succeeded",
    output: bytes = b"short",
    **fields: object,
) -> None:
    await log.append(run, 0, [started(**fields), step_started(), step_output(output)])  # type: ignore[arg-type]
    end = e.RunFinished(at=NOW - int(days_ago * DAY_MS), state=state)
    await log.append(run, 3, [end])


async def _left(log: Log) -> list[str]:
    return [summary.id for summary in await log.summaries()]


def _count(log: Log, table: str) -> int:
    with apsw.Connection(log.keeper.path_of_database) as connection:
        count: int = connection.execute(f"SELECT count(*) FROM {table}").get
    connection.close()
    return count


async def test_everything_is_kept_unless_settings_say_otherwise(log: Log) -> None:
    await _run(log, "run-a", days_ago=9999)
    assert await log.keeper.retain(KEEP_ALL) == Removed()
    assert await log.keeper.due(KEEP_ALL) == Removed()
    assert await _left(log) == ["run-a"]


async def test_runs_that_ended_long_ago_are_removed(log: Log) -> None:
    await _run(log, "old", days_ago=31, output=os.urandom(3000))
    await _run(log, "older", days_ago=300)
    await _run(log, "young", days_ago=29)
    keep = Retention(keep_days=30)
    due = await log.keeper.due(keep)
    assert (due.runs, due.bytes > 3000) == (2, True)
    assert await log.keeper.retain(keep) == due
    assert await _left(log) == ["young"]
    assert await log.keeper.retain(keep) == Removed()
    assert _count(log, "outputs") == 0
    assert (await log.keeper.check()).damage == []


async def test_the_newest_finished_runs_are_kept_by_number(log: Log) -> None:
    for number in range(50):
        await _run(log, f"run-{number:02}")
    await log.append("live", 0, [started()])
    assert (await log.keeper.retain(Retention(keep_runs=3))).runs == 47
    assert await _left(log) == ["live", "run-49", "run-48", "run-47"]


async def test_a_live_run_is_never_removed(log: Log) -> None:
    long_ago = NOW - 900 * DAY_MS
    await log.append("live", 0, [started(at=long_ago), e.StepStarted(long_ago, "build", 1)])
    question = e.QuestionAsked(at=long_ago, step="push", about="approval", question="Push?")
    await log.append("waiting", 0, [started(at=long_ago), question])
    await _run(log, "undone", days_ago=900)
    rollback = e.RollbackStarted(at=long_ago, cause="undo", steps=["build"])
    await log.append("undone", 4, [rollback])
    assert await log.keeper.retain(Retention(keep_days=1, keep_runs=1)) == Removed()
    assert len(await _left(log)) == 3


async def test_a_run_that_goes_on_after_it_was_found_due_stays(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _run(log, "run-a", days_ago=9)
    await _run(log, "run-b", days_ago=9)
    search = keeper.due_runs

    def found_and_then_undone(connection: apsw.Connection, *more: object) -> list[int]:
        due = search(connection, *more)  # type: ignore[arg-type]
        if due:
            trio.from_thread.run(log.append, "run-a", 4, [rollback], trio_token=token)
        return due

    token = trio.lowlevel.current_trio_token()
    rollback = e.RollbackStarted(at=NOW, cause="undo", steps=["build"])
    monkeypatch.setattr(keeper, "due_runs", found_and_then_undone)
    assert (await log.keeper.retain(Retention(keep_days=1))).runs == 1
    assert await _left(log) == ["run-a"]


async def test_a_removed_run_is_not_found_and_retention_is_named(log: Log) -> None:
    with pytest.raises(NotFound) as never:
        await log.find("run-a")
    assert "retention" not in never.value.message
    await _run(log, "run-a", days_ago=9)
    await log.keeper.retain(Retention(keep_days=1))
    with pytest.raises(NotFound, match="retention removed 1") as gone:
        await log.find("run-a")
    assert gone.value.cure
    assert await log.read("run-a") == []


async def test_a_token_is_forgotten_with_its_run(log: Log) -> None:
    await _run(log, "run-a", days_ago=9, client_token="t")
    await log.keeper.retain(Retention(keep_days=1))
    assert await log.run_with_token("t") is None
    await _run(log, "run-b", client_token="t")
    assert await log.run_with_token("t") == "run-b"


async def test_positions_never_come_back(log: Log, tmp_path: Path) -> None:
    await _run(log, "run-a", days_ago=9)
    last = (await log.stats()).last_position
    await log.keeper.retain(Retention(keep_days=1))
    async with open_log(tmp_path / "flow.db") as again:
        [first] = await again.append("run-b", 0, [started()])
    assert first.position == last + 1


async def test_what_nobody_uses_any_more_goes_and_what_is_shared_stays(log: Log) -> None:
    shared = {"SHARED": "x" * 1000}
    await _run(log, "run-a", days_ago=9, workflow=named("only a"), environment=shared)
    await _run(log, "run-b", workflow=named("only b"), environment=shared)
    assert (_count(log, "documents"), _count(log, "names")) == (3, 2)
    await log.keeper.retain(Retention(keep_days=1))
    assert (_count(log, "documents"), _count(log, "names"), _count(log, "folders")) == (2, 1, 1)
    assert (await log.read("run-b"))[0].event == started(named("only b"), environment=shared)


async def test_documents_stay_while_a_run_does_not_say_which_it_uses(log: Log) -> None:
    await _run(log, "run-a", days_ago=9, workflow=named("only a"))
    await _run(log, "of-an-old-release", workflow=named("only b"))
    with apsw.Connection(log.keeper.path_of_database) as connection:
        connection.execute("UPDATE streams SET workflow_key = NULL WHERE run > 1")
    connection.close()
    await log.keeper.retain(Retention(keep_days=1))
    assert _count(log, "documents") == 3
    assert len(await log.read("of-an-old-release")) == 4


async def test_long_outputs_can_go_before_their_runs(log: Log) -> None:
    data = os.urandom(5000)
    states: list[e.RunStatus] = ["succeeded", "compensated", "failed", "cancelled"]
    for state in states:
        await _run(log, f"run-{state}", days_ago=9, state=state, output=data)
    await _run(log, "run-young", output=data)
    keep = Retention(keep_output_days=2)
    due = await log.keeper.due(keep)
    assert (due.runs, due.outputs, due.bytes > 10_000) == (0, 2, True)
    assert await log.keeper.retain(keep) == due
    assert await log.keeper.retain(keep) == await log.keeper.due(keep) == Removed()
    for run in await _left(log):
        [_, _, recorded, _] = await log.read(run)
        assert isinstance(recorded.event, e.OutputAppended)
        gone = run in ("run-succeeded", "run-compensated")
        assert (recorded.event.data, recorded.event.skipped) == ((b"", 5000) if gone else (data, 0))
    assert (await log.keeper.check()).damage == []


async def test_a_damaged_run_can_be_removed(log: Log) -> None:
    await _run(log, "run-a", days_ago=9)
    with apsw.Connection(log.keeper.path_of_database) as connection:
        connection.execute("UPDATE sealed_batches SET batches = x'00'")
    connection.close()
    assert (await log.keeper.retain(Retention(keep_days=1))).runs == 1
    assert (await log.keeper.check()).damage == []


async def test_runs_go_on_meanwhile_and_vacuum_gives_the_room_back(log: Log) -> None:
    for number in range(60):
        await _run(log, f"run-{number}", days_ago=9, output=os.urandom(4000))
    await log.keeper.vacuum(KEEP_ALL)

    async def record() -> None:
        for number in range(10):
            await log.append(f"new-{number}", 0, [started(), run_finished()])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(record)
        done = await log.keeper.vacuum(Retention(keep_days=1, keep_runs=5))
    assert done.removed.runs >= 60
    assert done.database_after < done.database_before / 2
    assert (await log.keeper.check()).damage == []
