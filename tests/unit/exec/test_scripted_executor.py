"""The scripted executor lives in trio's time, so that engine tests need not wait."""

import trio
from trio.testing import MockClock

from flowd.domain.ports import Exited, Vanished
from support.attempts import key_of, launch_of
from support.scripted_executor import HANGS, Behaviour, ScriptedExecutor


async def test_hours_pass_at_once(autojump_clock: MockClock) -> None:
    executor = ScriptedExecutor({"slow": Behaviour(seconds=7200, exit_code=2)})
    launch = launch_of("", key_of("slow"))
    executor.prepare(launch)
    assert await executor.run(launch) == Exited(2, 7_200_000)
    assert trio.current_time() >= 7200


async def test_a_process_goes_on_while_nobody_waits(autojump_clock: MockClock) -> None:
    executor = ScriptedExecutor({"slow": Behaviour(seconds=100)})
    launch = launch_of("", key_of("slow"))
    executor.prepare(launch)
    with trio.move_on_after(30):
        await executor.run(launch)
    await trio.sleep(60)
    assert await executor.adopt(launch.key) == Exited(0, 100_000)


async def test_a_reboot_loses_what_runs(autojump_clock: MockClock) -> None:
    executor = ScriptedExecutor(otherwise=HANGS)
    launch = launch_of("")
    executor.prepare(launch)
    with trio.move_on_after(1):
        await executor.run(launch)
    executor.reboot()
    assert isinstance(await executor.adopt(launch.key), Vanished)
    assert executor.leftovers() == []


async def test_an_end_that_nobody_knows(autojump_clock: MockClock) -> None:
    executor = ScriptedExecutor({("step", "run"): Behaviour(seconds=5, vanishes="killed")})
    launch = launch_of("")
    executor.prepare(launch)
    assert await executor.run(launch) == Vanished("killed")
