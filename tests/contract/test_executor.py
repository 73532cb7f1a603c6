"""What every executor does: that of real processes, and the scripted one for the engine's tests."""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from flowd.domain.ports import (
    AttemptKey,
    Executor,
    Exited,
    Launch,
    NeverStarted,
    Vanished,
)
from flowd.errors import Bug, Conflict, SpawnFailed
from flowd.exec.process import open_executor
from support.attempts import key_of, launch_of, lines_of, written
from support.confined import IS_ROOT, cannot_confine
from support.scripted_executor import Behaviour, ScriptedExecutor

HANGS = Behaviour(seconds=3600)


class RealWorld:
    """Real scripts that behave as told, and a file that witnesses each start."""

    def __init__(self, executor: Executor, folder: Path):
        self.executor = executor
        self._witness = folder / "witness"

    def launch(self, behaviour: Behaviour, key: AttemptKey) -> Launch:
        lines = [f"echo {key.step}.{key.attempt} >> {self._witness}"]
        if behaviour.ignores_sigterm:
            lines.append("trap '' TERM")
        lines += [
            f"echo '{name}={value}' >> $FLOW_OUTPUT" for name, value in behaviour.outputs.items()
        ]
        for stream, data in (("1", behaviour.stdout), ("2", behaviour.stderr)):
            if data:
                lines.append(f"printf %s {shlex.quote(data.decode())} >&{stream}")
        if behaviour.ends_on:
            lines.append(f'until test "$line" = "{behaviour.ends_on}"; do read -r line; done')
        if behaviour.seconds and not behaviour.ends_on:
            lines.append(f"sleep {behaviour.seconds}")
        lines.append(f"exit {behaviour.exit_code}")
        folder = "/there is no such folder" if behaviour.refused else "/"
        terminal = bool(behaviour.ends_on)
        return launch_of("\n".join(lines), key, cwd=folder, terminal=terminal)

    def started(self) -> list[str]:
        return lines_of(self._witness)


class ScriptedWorld:
    """The same, told to the scripted executor."""

    def __init__(self) -> None:
        self.executor = ScriptedExecutor()

    def launch(self, behaviour: Behaviour, key: AttemptKey) -> Launch:
        self.executor.behaviours[key] = behaviour
        return launch_of("anything", key, terminal=bool(behaviour.ends_on))

    def started(self) -> list[str]:
        return [f"{key.step}.{key.attempt}" for key in self.executor.started]


World = RealWorld | ScriptedWorld


@pytest.fixture(params=["real", "scripted"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    if request.param == "scripted":
        yield ScriptedWorld()
        return
    async with open_executor(tmp_path / "steps") as executor:
        yield RealWorld(executor, tmp_path)
        for key in executor.leftovers():
            await executor.terminate(key, 0)


async def begin(world: World, launch: Launch) -> None:
    """Run an attempt and stop waiting for it once its script has begun."""
    world.executor.prepare(launch)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.executor.run, launch)
            while not world.started():
                await trio.sleep(0.005)
            nursery.cancel_scope.cancel()


async def test_an_attempt_ends_with_its_exit_code_and_outputs(world: World) -> None:
    behaviour = Behaviour(exit_code=3, outputs={"version": "1.2", "empty": ""})
    launch = world.launch(behaviour, key_of())
    world.executor.prepare(launch)
    ending = await world.executor.run(launch)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, ending.outputs) == (3, {"version": "1.2", "empty": ""})
    assert 0 <= ending.duration_ms < 5000
    assert world.started() == ["step.1"]


async def test_a_duration_is_that_of_the_script(world: World) -> None:
    launch = world.launch(Behaviour(seconds=0.15), key_of())
    world.executor.prepare(launch)
    ending = await world.executor.run(launch)
    assert isinstance(ending, Exited)
    assert 150 <= ending.duration_ms < 5000


async def test_streams_are_kept_apart_and_read_in_pieces(world: World) -> None:
    launch = world.launch(Behaviour(stdout=b"0123456789", stderr=b"oh"), key_of())
    world.executor.prepare(launch)
    await world.executor.run(launch)
    assert world.executor.output_size(launch.key, "stdout") == 10
    assert world.executor.read_output(launch.key, "stdout", 3, 4) == b"3456"
    assert world.executor.read_output(launch.key, "stdout", 8, 100) == b"89"
    assert world.executor.read_output(launch.key, "stdout", 10, 100) == b""
    assert written(world.executor, stream="stderr") == b"oh"


async def test_nothing_is_written_by_an_attempt_that_nobody_knows(world: World) -> None:
    assert world.executor.output_size(key_of("unknown"), "stdout") == 0
    assert world.executor.read_output(key_of("unknown"), "stderr", 0, 10) == b""


async def test_a_process_that_cannot_be_made_is_an_error_with_its_reason(world: World) -> None:
    launch = world.launch(Behaviour(refused="no such folder"), key_of())
    world.executor.prepare(launch)
    with pytest.raises(SpawnFailed, match="no such folder"):
        await world.executor.run(launch)
    assert world.started() == []


async def test_what_was_prepared_and_not_run_never_starts(world: World) -> None:
    launch = world.launch(Behaviour(), key_of())
    world.executor.prepare(launch)
    assert await world.executor.adopt(launch.key) == NeverStarted()
    assert await world.executor.adopt(launch.key) == NeverStarted()
    assert await world.executor.run(launch) == NeverStarted()
    assert world.started() == []


async def test_an_attempt_that_never_started_can_be_prepared_anew(world: World) -> None:
    launch = world.launch(Behaviour(exit_code=4), key_of())
    world.executor.prepare(launch)
    assert await world.executor.adopt(launch.key) == NeverStarted()
    world.executor.prepare(launch)
    ending = await world.executor.run(launch)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 4
    assert world.started() == ["step.1"]


async def test_preparing_what_has_run_is_a_mistake_of_ours(world: World) -> None:
    launch = world.launch(Behaviour(), key_of())
    world.executor.prepare(launch)
    await world.executor.run(launch)
    with pytest.raises(Bug, match="has run already"):
        world.executor.prepare(launch)


async def test_of_an_attempt_without_traces_nobody_can_tell_the_end(world: World) -> None:
    assert isinstance(await world.executor.adopt(key_of("unknown")), Vanished)


async def test_cancelling_stops_the_waiting_and_not_the_process(world: World) -> None:
    launch = world.launch(Behaviour(seconds=0.3, exit_code=5, outputs={"a": "b"}), key_of())
    await begin(world, launch)
    ending = await world.executor.adopt(launch.key)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, ending.outputs) == (5, {"a": "b"})
    assert ending.duration_ms >= 300
    assert world.started() == ["step.1"]


async def test_a_run_that_is_cancelled_beforehand_starts_nothing(world: World) -> None:
    launch = world.launch(Behaviour(), key_of())
    world.executor.prepare(launch)
    with trio.CancelScope() as scope:
        scope.cancel()
        await world.executor.run(launch)
    assert scope.cancelled_caught
    assert await world.executor.adopt(launch.key) == NeverStarted()
    assert world.started() == []


async def test_an_end_is_told_to_everybody_who_waits_and_again_later(world: World) -> None:
    launch = world.launch(Behaviour(seconds=0.2, exit_code=6), key_of())
    await begin(world, launch)
    codes: list[int] = []

    async def wait() -> None:
        ending = await world.executor.adopt(launch.key)
        assert isinstance(ending, Exited)
        codes.append(ending.exit_code)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
    await wait()
    assert codes == [6] * 4


async def test_a_terminated_attempt_ended_by_sigterm(world: World) -> None:
    launch = world.launch(HANGS, key_of())
    await begin(world, launch)
    with trio.fail_after(5):
        await world.executor.terminate(launch.key, 30)
        ending = await world.executor.adopt(launch.key)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 143


async def test_an_attempt_that_ignores_sigterm_is_killed_after_the_grace(world: World) -> None:
    launch = world.launch(Behaviour(seconds=3600, ignores_sigterm=True), key_of())
    await begin(world, launch)
    before = trio.current_time()
    with trio.fail_after(10):
        await world.executor.terminate(launch.key, 0.2)
        ending = await world.executor.adopt(launch.key)
    assert trio.current_time() - before >= 0.2
    assert isinstance(ending, Exited)
    assert ending.exit_code == 137


async def test_who_runs_an_attempt_learns_that_it_was_terminated(world: World) -> None:
    launch = world.launch(HANGS, key_of())
    world.executor.prepare(launch)
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                ending = await world.executor.run(launch)
                assert isinstance(ending, Exited)
                assert ending.exit_code == 143

            nursery.start_soon(run)
            while not world.started():
                await trio.sleep(0.005)
            await world.executor.terminate(launch.key, 30)


async def test_terminating_before_the_beginning_prevents_it(world: World) -> None:
    launch = world.launch(Behaviour(), key_of())
    world.executor.prepare(launch)
    await world.executor.terminate(launch.key, 30)
    ending = await world.executor.run(launch)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 143
    assert world.started() == []


async def test_terminating_what_is_gone_does_nothing(world: World) -> None:
    launch = world.launch(Behaviour(exit_code=1), key_of())
    world.executor.prepare(launch)
    ending = await world.executor.run(launch)
    with trio.fail_after(5):
        await world.executor.terminate(launch.key, 30)
        await world.executor.terminate(launch.key, 30)
        await world.executor.terminate(key_of("unknown"), 30)
    assert await world.executor.adopt(launch.key) == ending


async def test_what_is_kept_is_listed_until_it_is_forgotten(world: World) -> None:
    keys = [key_of("b", 2), key_of("a"), key_of("b", 1), AttemptKey("run0000001", "a", "undo", 1)]
    for key in keys:
        world.executor.prepare(world.launch(Behaviour(stdout=b"x"), key))
    assert world.executor.leftovers() == sorted(keys)
    await world.executor.run(world.launch(Behaviour(stdout=b"x"), keys[0]))
    world.executor.forget(keys[0])
    world.executor.forget(keys[0])
    world.executor.forget(key_of("unknown"))
    assert world.executor.leftovers() == sorted(keys[1:])
    assert world.executor.output_size(keys[0], "stdout") == 0
    assert isinstance(await world.executor.adopt(keys[0]), Vanished)


async def test_many_attempts_run_side_by_side(world: World) -> None:
    launches = [
        world.launch(Behaviour(exit_code=n % 7, seconds=0.1), key_of("many", n)) for n in range(20)
    ]
    codes: dict[int, int] = {}

    async def run(launch: Launch) -> None:
        world.executor.prepare(launch)
        ending = await world.executor.run(launch)
        assert isinstance(ending, Exited)
        codes[launch.key.attempt] = ending.exit_code

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for launch in launches:
                nursery.start_soon(run, launch)
    assert codes == {n: n % 7 for n in range(20)}
    assert sorted(world.started()) == sorted(f"many.{n}" for n in range(20))


async def test_what_is_typed_reaches_an_attempt_on_a_terminal(world: World) -> None:
    launch = world.launch(Behaviour(seconds=3600, exit_code=4, ends_on="go"), key_of())
    await begin(world, launch)
    world.executor.type_nowait(launch.key, b"wa", None)
    world.executor.type_nowait(launch.key, b"it\ng", (100, 30))
    world.executor.type_nowait(launch.key, b"o\n", None)
    with trio.fail_after(10):
        ending = await world.executor.adopt(launch.key)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 4


async def test_nobody_types_where_no_terminal_is_open(world: World) -> None:
    plain = world.launch(HANGS, key_of("plain"))
    await begin(world, plain)
    ended = world.launch(Behaviour(seconds=3600, ends_on="go"), key_of("ended"))
    world.executor.prepare(ended)
    refused = [plain.key, ended.key, key_of("unknown")]
    for key in refused:
        with pytest.raises(Conflict) as caught:
            world.executor.type_nowait(key, b"go\n", None)
        assert caught.value.data == {"again": True}
    await world.executor.terminate(ended.key, 0)
    with pytest.raises(Conflict):
        world.executor.type_nowait(ended.key, b"go\n", None)


async def test_an_attempt_on_a_terminal_is_terminated_as_others_are(world: World) -> None:
    launch = world.launch(Behaviour(seconds=3600, ends_on="go"), key_of())
    await begin(world, launch)
    with trio.fail_after(5):
        await world.executor.terminate(launch.key, 30)
        ending = await world.executor.adopt(launch.key)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 143
    with pytest.raises(Conflict):
        world.executor.type_nowait(launch.key, b"go\n", None)


async def test_what_confines_steps_is_told_before_there_is_one(
    world: World, tmp_path: Path
) -> None:
    why = cannot_confine(in_user_namespace=not IS_ROOT)
    if why and isinstance(world, RealWorld):
        pytest.skip(why)
    (tmp_path / "project").mkdir()
    project = str(tmp_path / "project")
    confined = await world.executor.confine(["project"], project)
    assert (confined.project, confined.rehearsal) == (project, "")
    assert confined.words
    assert await world.executor.sandbox_here()
    rehearsed = await world.executor.confine(["strict"], project, rehearsal="r1")
    assert rehearsed.project == project
    assert rehearsed.rehearsal in ("overlay", "copy")
