"""What every event log must do, whether it keeps its events on disk or in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain import events as e
from flowd.domain.events import Recorded
from flowd.domain.ports import EventLog
from flowd.errors import Bug, Conflict, FlowError, InvalidInput, NotFound, TokenTaken
from flowd.store import open_log
from support.histories import (
    RELEASE,
    first_events,
    later_events,
    named,
    run_finished,
    started,
    step_finished,
    step_output,
    step_started,
)
from support.memory_log import MemoryLog


@pytest.fixture(params=["sqlite", "memory"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    async with _open(request.param, tmp_path) as opened:
        yield opened


@asynccontextmanager
async def _open(kind: str, folder: Path) -> AsyncIterator[EventLog]:
    if kind == "memory":
        yield MemoryLog()
    else:
        async with open_log(folder / "flow.db") as opened:
            yield opened


# ----------------------------------------------------------------------------- append and read


async def test_what_is_appended_is_read_back_in_order(log: EventLog) -> None:
    first = await log.append("run-a", 0, [started(), step_started()])
    other = await log.append("run-b", 0, [started()])
    second = await log.append("run-a", 2, [step_output(b"x" * 5000), step_finished()])

    assert await log.read("run-a") == first + second
    assert await log.read("run-b") == other
    assert [r.version for r in first + second] == [1, 2, 3, 4]
    positions = [r.position for r in first + other + second]
    assert positions == sorted(set(positions))
    assert first[0] == Recorded(first[0].position, "run-a", 1, started())


async def test_reading_goes_on_after_a_position_in_pages(log: EventLog) -> None:
    recorded = await log.append("run-a", 0, [started(), step_started()])
    for attempt in range(2, 12):
        recorded += await log.append("run-a", len(recorded), [step_started(attempt=attempt)] * 3)
    recorded += await log.append("run-a", len(recorded), [run_finished()])

    for size in (1, 2, 5, 100):
        pages: list[Recorded] = []
        while page := await log.read("run-a", pages[-1].position if pages else 0, size):
            assert len(page) <= size
            pages += page
        assert pages == recorded


async def test_a_finished_run_that_goes_on_keeps_its_whole_history(log: EventLog) -> None:
    recorded = await log.append("run-a", 0, [started(), step_started(), step_finished()])
    recorded += await log.append("run-a", 3, [run_finished()])
    recorded += await log.append("run-b", 0, [started()])
    undo = e.RollbackStarted(at=2000, cause="undo", steps=["build"])
    recorded += await log.append("run-a", 4, [undo])
    assert (await log.read("run-a"))[-1].event == undo
    recorded += await log.append("run-a", 5, [run_finished("compensated")])

    assert await log.read("run-a") == [r for r in recorded if r.run == "run-a"]
    assert (await log.find("run-a")).state == "compensated"


async def test_no_events_are_no_change(log: EventLog) -> None:
    assert await log.append("run-a", 0, []) == []
    assert (await log.stats()).runs == 0
    assert await log.read("run-a") == []


@given(first=first_events, later=st.lists(later_events, max_size=8))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_every_event_comes_back_as_it_was(
    kind: str, tmp_path_factory: pytest.TempPathFactory, first: e.Event, later: list[e.Event]
) -> None:
    async def append_and_read() -> None:
        async with _open(kind, tmp_path_factory.mktemp("log")) as log:
            await log.append("run-a", 0, [first, *later])
            assert [r.event for r in await log.read("run-a")] == [first, *later]

    trio.run(append_and_read)


async def test_environments_hold_bytes_that_are_no_text(log: EventLog) -> None:
    environment = {"NAME": b"caf\xe9".decode("utf-8", "surrogateescape"), "PATH": "/usr/bin"}
    await log.append("run-a", 0, [started(environment=environment)])
    [recorded] = await log.read("run-a")
    assert recorded.event == started(environment=environment)


@pytest.mark.parametrize("bad", [{"inputs": {"n": 2**70}}, {"cwd": "/caf\udce9"}])
async def test_what_cannot_be_stored_is_refused_whole(log: EventLog, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        await log.append("run-a", 0, [started(), step_started(), started(**bad)])
    assert refused.value.cure
    assert await log.read("run-a") == []
    assert await log.append("run-a", 0, [started()])


# --------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize("expected_version", [0, 1, 3])
async def test_an_append_to_another_version_changes_nothing(
    log: EventLog, expected_version: int
) -> None:
    recorded = await log.append("run-a", 0, [started(), step_started()])
    with pytest.raises(Conflict) as refused:
        await log.append("run-a", expected_version, [step_finished()])
    assert refused.value.data == {"run": "run-a", "version": 2}
    assert await log.read("run-a") == recorded
    assert (await log.find("run-a")).version == 2


async def test_a_run_that_is_not_there_is_at_version_zero(log: EventLog) -> None:
    with pytest.raises(Conflict):
        await log.append("run-a", 1, [step_started()])
    assert await log.read("run-a") == []


async def test_a_token_starts_one_run_only(log: EventLog) -> None:
    await log.append("run-a", 0, [started(client_token="t1")])
    with pytest.raises(TokenTaken) as refused:
        await log.append("run-b", 0, [started(client_token="t1")])
    assert refused.value.run == "run-a"
    assert await log.read("run-b") == []
    assert await log.run_with_token("t1") == "run-a"
    assert await log.run_with_token("t2") is None
    assert await log.append("run-b", 0, [started(client_token="t2")])


@pytest.mark.parametrize("history", [[step_started()], [started(), started()]])
async def test_a_run_begins_once_and_with_its_start(log: EventLog, history: list[e.Event]) -> None:
    with pytest.raises(Bug):
        await log.append("run-a", 0, history)
    assert await log.read("run-a") == []


# ------------------------------------------------------------------------------- side by side


async def test_of_many_appends_to_one_version_one_wins(log: EventLog) -> None:
    await log.append("run-a", 0, [started()])
    won: list[Recorded] = []
    lost: list[Conflict] = []

    async def try_to_append(attempt: int) -> None:
        try:
            won.extend(await log.append("run-a", 1, [step_started(attempt=attempt)]))
        except Conflict as conflict:
            lost.append(conflict)

    async with trio.open_nursery() as nursery:
        for attempt in range(1, 21):
            nursery.start_soon(try_to_append, attempt)
    assert (len(won), len(lost)) == (1, 19)
    assert (await log.read("run-a"))[1:] == won


async def test_of_many_runs_with_one_token_one_wins(log: EventLog) -> None:
    owners: list[str] = []

    async def try_to_start(run: str) -> None:
        try:
            await log.append(run, 0, [started(client_token="t")])
            owners.append(run)
        except TokenTaken as taken:
            owners.append(taken.run)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(try_to_start, f"run-{number}")
    assert len(owners) == 10
    assert set(owners) == {await log.run_with_token("t")}
    assert (await log.stats()).runs == 1


async def test_a_refused_append_does_not_touch_the_others(log: EventLog) -> None:
    await log.append("run-a", 0, [started()])
    refusals: list[str] = []

    async def append(run: str, version: int) -> None:
        try:
            await log.append(run, version, [started(), step_started()])
        except FlowError:
            refusals.append(run)

    async with trio.open_nursery() as nursery:
        for number in range(10):
            nursery.start_soon(append, f"run-{number}", 0)
            nursery.start_soon(append, "run-a", number)
    assert refusals == ["run-a"] * 10
    assert (await log.stats()).events == 21


async def test_an_append_cannot_be_cancelled(log: EventLog) -> None:
    recorded = await log.append("run-a", 0, [started()])
    for patience in range(-1, 12):  # how many steps of the scheduler before the cancellation
        before = len(recorded)
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                if patience < 0:
                    scope.cancel()
                nursery.start_soon(_cancel_after, patience, scope)
                events: list[e.Event] = [step_started(), step_finished()]
                recorded += await log.append("run-a", before, events)
        assert len(recorded) == before + 2
        assert await log.read("run-a") == recorded


async def _cancel_after(steps: int, scope: trio.CancelScope) -> None:
    for _ in range(steps):
        await trio.lowlevel.checkpoint()
    scope.cancel()


_Operation = tuple[str, int, list[e.Event]]
_operations = st.lists(
    st.tuples(
        st.sampled_from(["run-a", "run-b", "run-c"]),
        st.integers(-1, 1),  # how far the expected version is off
        st.one_of(
            st.builds(
                lambda first, token: [started(client_token=token), first],
                later_events,
                st.sampled_from([None, "t1", "t2"]),
            ),
            st.lists(later_events, max_size=3),
        ),
    ),
    max_size=15,
)


@given(operations=_operations)
@settings(max_examples=60, deadline=None)
def test_both_logs_do_the_same_with_anything(
    tmp_path_factory: pytest.TempPathFactory, operations: list[_Operation]
) -> None:
    async def results(log: EventLog) -> list[object]:
        seen: list[object] = []
        versions = dict.fromkeys(["run-a", "run-b", "run-c"], 0)
        for run, off, events in operations:
            try:
                recorded = await log.append(run, max(0, versions[run] + off), events)
                versions[run] += len(recorded)
                seen.append(recorded)
            except FlowError as error:
                seen.append((type(error), error.data))
        for run in versions:
            seen += [await log.read(run), await log.read(run, after=3, limit=2)]
        seen += [await log.summaries(), await log.summaries(states=["waiting", "running"])]
        seen += [await log.run_with_token("t1"), (await log.stats()).runs_by_state]
        return seen

    async def compare() -> None:
        async with _open("sqlite", tmp_path_factory.mktemp("log")) as log:
            assert await results(log) == await results(MemoryLog())

    trio.run(compare)


# ------------------------------------------------------------------------------------ finding


async def test_a_run_is_found_by_its_id_or_an_abbreviation(log: EventLog) -> None:
    for run in ("abcdefgh", "abcxyz", "abc", "zzzz"):
        await log.append(run, 0, [started()])

    assert (await log.find("abcd")).id == "abcdefgh"
    assert (await log.find("zzz")).id == "zzzz"
    assert (await log.find("abc")).id == "abc"  # a whole id is never ambiguous
    with pytest.raises(NotFound) as missing:
        await log.find("nothing")
    assert missing.value.cure
    with pytest.raises(NotFound) as short:
        await log.find("zz")
    assert "3" in short.value.cure


async def test_an_abbreviation_of_several_names_the_candidates(log: EventLog) -> None:
    for run in ("abcd2", "abcd1", "abce"):
        await log.append(run, 0, [started()])
    with pytest.raises(Conflict) as ambiguous:
        await log.find("abcd")
    assert ambiguous.value.data["candidates"] == ["abcd1", "abcd2"]
    for name in ("ab%", "abc_", "ABCD", ""):
        with pytest.raises(NotFound):
            await log.find(name)


async def test_summaries_come_newest_first(log: EventLog) -> None:
    for run in ("run-c", "run-a", "run-b"):
        await log.append(run, 0, [started()])
    await log.append("run-c", 1, [step_started()])  # being active does not make a run newer

    assert [s.id for s in await log.summaries()] == ["run-b", "run-a", "run-c"]
    assert [s.id for s in await log.summaries(limit=2)] == ["run-b", "run-a"]


async def test_summaries_can_be_chosen_by_state(log: EventLog) -> None:
    for run in ("run-a", "run-b", "run-c"):
        await log.append(run, 0, [started()])
    await log.append("run-a", 1, [run_finished("failed")])
    question = e.QuestionAsked(at=1, step="push", about="approval", question="Push?")
    await log.append("run-b", 1, [question])

    async def chosen(*states: str) -> list[str]:
        return [summary.id for summary in await log.summaries(states=states)]

    assert await chosen("failed") == ["run-a"]
    assert await chosen("running", "waiting") == ["run-c", "run-b"]
    assert await chosen("waiting", "failed") == ["run-b", "run-a"]
    assert await chosen("succeeded") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("release", ["run-a"]),
        ("LEAS", ["run-a"]),
        ("RUN-A", ["run-a"]),
        ("übung", ["run-b"]),
        ("0%", ["run-c"]),
        ("_", ["run-d"]),
        ("%", ["run-c"]),
        ("\\", []),
        ("", ["run-d", "run-c", "run-b", "run-a"]),
    ],
)
async def test_summaries_can_be_searched_by_name_and_id(
    log: EventLog, query: str, found: list[str]
) -> None:
    await log.append("run-a", 0, [started(RELEASE)])
    await log.append("run-b", 0, [started(named("Übung"))])
    await log.append("run-c", 0, [started(named("100% sure"))])
    await log.append("run-d", 0, [started(named("snake_case"))])
    assert [summary.id for summary in await log.summaries(query=query)] == found


async def test_a_search_can_be_narrowed_by_state_and_number(log: EventLog) -> None:
    for number in range(6):
        run = f"{'even' if number % 2 == 0 else 'odd'}-{number}"
        workflow = named("build" if number < 3 else "even build")
        await log.append(run, 0, [started(workflow)])
        if number != 4:
            await log.append(run, 1, [run_finished("failed" if number < 4 else "succeeded")])

    async def found(query: str, *states: str, limit: int = 100) -> list[str]:
        chosen = await log.summaries(query=query, states=states, limit=limit)
        return [summary.id for summary in chosen]

    assert await found("even") == ["odd-5", "even-4", "odd-3", "even-2", "even-0"]
    assert await found("even", limit=2) == ["odd-5", "even-4"]
    assert await found("even", "failed") == ["odd-3", "even-2", "even-0"]
    assert await found("even", "failed", "succeeded") == ["odd-5", "odd-3", "even-2", "even-0"]
    assert await found("even", "failed", "succeeded", limit=3) == ["odd-5", "odd-3", "even-2"]
    assert await found("build", "running", "succeeded") == ["odd-5", "even-4"]
    assert await found("odd", limit=1) == ["odd-5"]
    assert await found("even-0", "failed", limit=1) == ["even-0"]
    assert await found("nothing", "failed") == []


async def test_a_summary_tells_where_a_run_stands(log: EventLog) -> None:
    await log.append("run-a", 0, [started(), step_started(), step_finished()])
    asked = e.QuestionAsked(at=1500, step="push", about="approval", question="Push to origin?")
    recorded = await log.append("run-a", 3, [asked])

    summary = await log.find("run-a")
    assert summary == (await log.summaries())[0]
    assert (summary.name, summary.state, summary.cwd) == (
        "Release",
        "waiting",
        "/home/user/project",
    )
    assert (summary.created_at, summary.updated_at) == (1000, 1500)
    assert (summary.position, summary.version) == (recorded[0].position, 4)
    assert (summary.steps, summary.steps_done, summary.question) == (3, 1, "Push to origin?")


async def test_figures(log: EventLog) -> None:
    await log.append("run-a", 0, [started(), step_started()])
    last = await log.append("run-b", 0, [started(), run_finished("failed")])
    stats = await log.stats()
    assert (stats.runs, stats.events) == (2, 4)
    assert stats.runs_by_state == {"running": 1, "failed": 1}
    assert stats.last_position == last[-1].position
