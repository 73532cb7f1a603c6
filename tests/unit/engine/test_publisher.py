"""The one task that looks at what all running scripts write, on trio's own clock."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing
from trio.testing import MockClock

from flowd.domain.commands import ReportOutput
from flowd.engine.live import LiveRun
from flowd.engine.output import OutputCursor
from flowd.engine.publisher import QUICKEST_LOOK, Publisher
from flowd.safety.masking import SecretMasker
from support.attempts import key_of, launch_of
from support.scripted_executor import HANGS, Behaviour, ScriptedExecutor
from support.stories import Story, workflow_of

LIVE = LiveRun(Story(workflow_of("step")).state)
WRITES = Behaviour(seconds=3600, stdout=b"hello\n")


class Reports:
    """What was reported; each report takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.done: list[ReportOutput] = []
        self._seconds = seconds

    async def take(self, _: LiveRun, report: ReportOutput) -> None:
        await trio.sleep(self._seconds)
        self.done.append(report)


@asynccontextmanager
async def publishing(behaviour: Behaviour, reports: Reports) -> AsyncIterator[Publisher]:
    """A publisher at work, beside an attempt that runs."""
    executor = ScriptedExecutor(otherwise=behaviour)
    publisher = Publisher(executor, reports.take)
    launch = launch_of("told beforehand")
    executor.prepare(launch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(executor.run, launch)
        nursery.start_soon(publisher.serve)
        yield publisher
        nursery.cancel_scope.cancel()


async def test_output_is_reported_once_and_soon(autojump_clock: MockClock) -> None:
    reports = Reports()
    async with publishing(WRITES, reports) as publisher:
        await trio.sleep(100)
        assert not reports.done
        publisher.watch(LIVE, OutputCursor(key_of(), 4096, SecretMasker))
        await trio.sleep(2 * QUICKEST_LOOK)
        [report] = reports.done
        assert [chunk.data for chunk in report.chunks] == [b"hello\n"]
        await trio.sleep(100)
        assert reports.done == [report]


async def test_an_attempt_is_left_once_its_report_is_through(autojump_clock: MockClock) -> None:
    reports = Reports(seconds=10)
    async with publishing(WRITES, reports) as publisher:
        publisher.watch(LIVE, OutputCursor(key_of(), 4096, SecretMasker))
        await trio.sleep(1)
        assert not reports.done
        await publisher.leave(key_of())
        assert len(reports.done) == 1


async def test_with_nothing_to_look_at_it_sleeps(autojump_clock: MockClock) -> None:
    async with publishing(HANGS, Reports()) as publisher:
        publisher.watch(LIVE, OutputCursor(key_of(), 4096, SecretMasker))
        await trio.sleep(100)
        await publisher.leave(key_of())
        await trio.sleep(10)
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
