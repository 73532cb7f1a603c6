"""The real daemon tells the desktop what waits for a person, and a later one does not again."""

from pathlib import Path

import pytest
import trio

from flowproto import methods
from flowproto.runs import AnswerParams, RunParams
from support.attempts import until
from support.desktop import desktop_on, session_bus
from support.real_daemon import RealDaemon

GATHERED_SECONDS = 4.0  # flowd.desktop.GATHER_SECONDS, and a little
WORKFLOW = "flow: 1\nname: release\nsteps:\n  - {id: push, confirm: Push?, run: 'true'}\n"


@pytest.fixture
def bus(tmp_path: Path):
    with session_bus(tmp_path) as address:
        yield address


def start(daemon: RealDaemon) -> str:
    with daemon.client() as client:
        return client.call(methods.RUN, RunParams(text=WORKFLOW, cwd=str(daemon.home))).run


def answer(daemon: RealDaemon, run: str) -> None:
    with daemon.client() as client:
        client.call(methods.ANSWER, AnswerParams(run=run, answer="yes"))


async def test_a_question_is_told_by_one_daemon_and_taken_away(tmp_path: Path, bus: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    daemon = RealDaemon(home)
    daemon.environment["DBUS_SESSION_BUS_ADDRESS"] = bus
    async with desktop_on(bus) as desktop:
        await trio.to_thread.run_sync(daemon.start)
        try:
            run = await trio.to_thread.run_sync(start, daemon)
            await until(lambda: desktop.shown)
            expected = f"push: Push?\nflowctl answer {run} push yes|no|skip"
            assert desktop.shown == [("Flow: release needs you", expected)]
            await trio.to_thread.run_sync(daemon.kill)
            await trio.to_thread.run_sync(daemon.start)
            await trio.sleep(GATHERED_SECONDS)
            assert len(desktop.shown) == 1
            other = await trio.to_thread.run_sync(start, daemon)
            await until(lambda: len(desktop.shown) == 2)
            assert other in desktop.shown[1][1]
            await trio.to_thread.run_sync(answer, daemon, other)
            await until(lambda: desktop.closed == [2])
        finally:
            await trio.to_thread.run_sync(daemon.end)
