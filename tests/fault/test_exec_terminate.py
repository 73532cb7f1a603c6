"""Ending an attempt ends all of its processes, and no other."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from flowd.domain.ports import Executor, Exited
from flowd.exec.process import open_executor
from support.attempts import (
    ENVIRONMENT,
    folder_of,
    key_of,
    launch_of,
    lives,
    run_script,
    state_of,
    until,
)
from support.doomed_daemon import WITH_TEST_SUPPORT, die_at


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    async with open_executor(tmp_path / "steps") as executor:
        yield executor
        for key in executor.leftovers():
            await executor.terminate(key, 0)


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    return tmp_path / "pids"


async def end(
    executor: Executor, script: str, pids: Path, *, processes: int, grace: float = 20
) -> tuple[int, float]:
    """Start a script, terminate it once its processes have said their names.

    Gives its exit code and the seconds the terminating took; none of the processes is left.
    """
    launch = launch_of(script, environment={**ENVIRONMENT, "PIDS": str(pids)})
    executor.prepare(launch)
    codes = []

    async def run() -> None:
        ending = await executor.run(launch)
        assert isinstance(ending, Exited)
        codes.append(ending.exit_code)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await until(lambda: pids.exists() and len(pids.read_text().split()) == processes)
            started = trio.current_time()
            await executor.terminate(launch.key, grace)
            took = trio.current_time() - started
            survivors = [pid for pid in map(int, pids.read_text().split()) if lives(pid)]
            assert survivors == []
    return codes[0], took


async def test_a_script_and_what_it_waits_for(executor, pids):
    script = "sh -c 'echo $$ >> $PIDS; sleep 3600; :' | cat & echo $$ >> $PIDS; wait"
    code, took = await end(executor, script, pids, processes=2)
    assert code == 143
    assert took < 10


async def test_a_child_in_a_session_of_its_own(executor, pids):
    script = "setsid sh -c 'echo $$ >> $PIDS; sleep 3600; :' & echo $$ >> $PIDS; wait"
    assert (await end(executor, script, pids, processes=2))[0] == 143


async def test_a_daemon_that_left_the_session_and_lost_its_parent(executor, pids):
    script = "(setsid sh -c 'echo $$ >> $PIDS; exec sleep 3600' &); echo $$ >> $PIDS; exec sleep 99"
    assert (await end(executor, script, pids, processes=2))[0] == 143


async def test_a_child_of_a_child_that_dropped_its_environment(executor, pids):
    script = """
        setsid env -i sh -c "echo \\$\\$ >> $PIDS; sh -c 'echo \\$\\$ >> $PIDS; sleep 3600; :'; :" &
        echo $$ >> $PIDS; wait
    """
    assert (await end(executor, script, pids, processes=3))[0] == 143


async def test_a_daemon_without_its_environment_that_still_writes_our_output(executor, pids):
    inner = f"setsid env -i sh -c 'echo $$ >> {pids}; exec sleep 3600'"
    script = f"({inner} 2>/dev/null &); ({inner} >/dev/null &); echo $$ >> $PIDS; exec sleep 99"
    assert (await end(executor, script, pids, processes=3))[0] == 143


async def test_who_reads_our_output_is_none_of_ours(executor, pids):
    """A person who looks at a step's file is not ended with it."""
    launch = launch_of(f"echo $$ > {pids}; exec sleep 99")
    executor.prepare(launch)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            await until(lambda: pids.exists() and pids.read_text())
            stdout = Path(f"/proc/{pids.read_text().strip()}/fd/1").readlink()
            with (
                stdout.open() as file,
                subprocess.Popen(["sleep", "99"], stdin=file, stdout=subprocess.DEVNULL) as reader,
            ):
                await executor.terminate(launch.key, 10)
                assert lives(reader.pid)
                reader.kill()


async def test_a_script_that_tidies_up_is_given_the_time(executor, pids, tmp_path):
    script = f"""
        trap 'sleep 0.3; echo tidy > {tmp_path}/tidied; exit 9' TERM
        echo $$ >> $PIDS
        while :; do sleep 0.05; done
    """
    code, took = await end(executor, script, pids, processes=1)
    assert code == 9
    assert 0.3 <= took < 10
    assert (tmp_path / "tidied").read_text() == "tidy\n"


async def test_whoever_ignores_sigterm_is_killed(executor, pids):
    script = "trap '' TERM; setsid sh -c 'echo $$ >> $PIDS; sleep 99; :' & echo $$ >> $PIDS; wait"
    code, took = await end(executor, script, pids, processes=2, grace=0.3)
    assert code == 137
    assert 0.3 <= took < 5


async def test_a_script_that_keeps_making_processes(executor, pids):
    script = """
        trap '' TERM; echo $$ >> $PIDS
        spin() { while :; do sleep 0.01; (sleep 0.02) & done; }
        spin & spin & setsid bash -c "trap '' TERM; $(declare -f spin); spin" & spin
    """
    assert (await end(executor, script, pids, processes=1, grace=0.1))[0] == 137
    await until(lambda: not [pid for pid in _processes() if _is_marked(pid)], seconds=1)


async def test_a_stopped_script_is_ended_too(executor, pids):
    script = "echo $$ >> $PIDS; kill -STOP $$; sleep 3600"
    launch = launch_of(script, environment={**ENVIRONMENT, "PIDS": str(pids)})
    executor.prepare(launch)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            await until(lambda: pids.exists() and state_of(int(pids.read_text() or 0)) == "T")
            with trio.fail_after(10):
                await executor.terminate(launch.key, 60)


async def test_no_grace_means_at_once(executor, pids):
    code, took = await end(
        executor, "trap '' TERM; echo $$ >> $PIDS; sleep 99; :", pids, processes=1, grace=0
    )
    assert code == 137
    assert took < 5


async def test_what_a_script_left_running_ends_when_asked(executor, pids):
    script = f"(setsid sleep 3600 & echo $! > {pids})"
    ending = await run_script(executor, script)
    assert isinstance(ending, Exited)
    pid = int(pids.read_text())
    assert lives(pid)  # a script may start a server: nothing ends it by itself
    await executor.terminate(key_of(), 10)
    assert not lives(pid)


async def test_other_attempts_are_left_alone(executor, tmp_path):
    launches = [
        launch_of(f"setsid sleep 3600 & echo $$ > {tmp_path}/{step}; wait", key_of(step))
        for step in ("first", "second")
    ]
    async with trio.open_nursery() as nursery:
        for launch in launches:
            executor.prepare(launch)
            nursery.start_soon(executor.run, launch)
        await until(lambda: all((tmp_path / step).exists() for step in ("first", "second")))
        await until(lambda: (tmp_path / "second").read_text())
        await executor.terminate(key_of("first"), 10)
        assert lives(int((tmp_path / "second").read_text()))
        await executor.terminate(key_of("second"), 10)


async def test_terminating_twice_at_once(executor, pids):
    launch = launch_of(f"trap '' TERM; echo $$ > {pids}; sleep 3600")
    executor.prepare(launch)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            await until(lambda: pids.exists() and pids.read_text())
            nursery.start_soon(executor.terminate, launch.key, 0.2)
            nursery.start_soon(executor.terminate, launch.key, 0.3)


async def test_terminating_while_the_order_is_on_its_way(executor, tmp_path):
    """Whoever is first, the holder or we, the attempt ends and the script is not left running."""
    witness = tmp_path / "witness"
    for number in range(20):
        launch = launch_of(f"echo {number} >> {witness}; sleep 3600", key_of("step", number))
        executor.prepare(launch)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:

                async def run(launch=launch) -> None:
                    ending = await executor.run(launch)
                    assert isinstance(ending, Exited)
                    assert ending.exit_code == 143

                nursery.start_soon(run)
                for _ in range(number % 5):
                    await trio.lowlevel.checkpoint()
                await executor.terminate(launch.key, 10)
    assert not [pid for pid in _processes() if _is_marked(pid)]


def test_a_daemon_that_a_step_started_spares_itself(tmp_path):
    """It carries the mark of the very attempt that it ends."""
    steps = tmp_path / "steps"
    die_at(steps, "running", "sleep 3600")
    ended = subprocess.run(
        [sys.executable, "-c", TERMINATE, steps],
        env={**WITH_TEST_SUPPORT, "FLOW_OUTPUT": f"{folder_of(steps)}/output"},
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert (ended.returncode, ended.stdout) == (0, b"143"), ended.stderr


TERMINATE = """
import sys
from pathlib import Path
import trio
from flowd.exec.process import open_executor
from support.attempts import key_of

async def main():
    async with open_executor(Path(sys.argv[1])) as executor:
        await executor.terminate(key_of(), 10)
        print((await executor.adopt(key_of())).exit_code, end="")

trio.run(main)
"""


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _is_marked(pid: int) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return b"FLOW_RUN=run0000001" in environment and lives(pid)
