"""Every row of what a daemon may find of an attempt that an earlier one, now dead, had begun."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from flowd.domain.ports import Executor, Exited, NeverStarted, Vanished
from flowd.exec.folders import Folders, boot_id
from flowd.exec.process import open_executor
from flowd.exec.records import Claimed, read_record
from support.attempts import (
    folder_of,
    key_of,
    launch_of,
    lines_of,
    lives,
    run_script,
    until,
    written,
)
from support.doomed_daemon import WITH_TEST_SUPPORT, die_at

ROUNDS = 6


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return tmp_path / "steps"


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    return tmp_path / "witness"


@pytest.fixture
async def executor_after(steps: Path) -> AsyncIterator[None]:
    """Leave no process behind, whatever the test did."""
    yield
    async with open_executor(steps) as executor:
        for key in executor.leftovers():
            await executor.terminate(key, 0)


pytestmark = pytest.mark.usefixtures("executor_after")


def script_for(witness: Path) -> str:
    return f"echo ran >> {witness}; echo out; sleep 0.3; echo v=1 >> $FLOW_OUTPUT; exit 7"


async def adopt(executor: Executor) -> object:
    with trio.fail_after(20):
        return await executor.adopt(key_of())


async def test_killed_between_prepare_and_the_order(steps, witness):
    assert die_at(steps, "prepared", script_for(witness)) is None
    async with open_executor(steps) as executor:
        assert executor.leftovers() == [key_of()]
        assert await adopt(executor) == NeverStarted()
    assert lines_of(witness) == []


async def test_killed_right_after_the_order(steps, witness):
    holder = die_at(steps, "ordered", script_for(witness))
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
    await until(lambda: not lives(holder))
    if isinstance(ending, NeverStarted):
        assert lines_of(witness) == []
    else:
        assert isinstance(ending, Exited)
        assert (ending.exit_code, lines_of(witness)) == (7, ["ran"])


async def test_killed_while_the_script_runs(steps, witness):
    die_at(steps, "running", script_for(witness))
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
        assert isinstance(ending, Exited)
        assert (ending.exit_code, ending.outputs) == (7, {"v": "1"})
        assert 300 <= ending.duration_ms < 20_000
        assert written(executor) == b"out\n"
    assert lines_of(witness) == ["ran"]


async def test_killed_after_the_script_ended(steps, witness):
    holder = die_at(steps, "ended", script_for(witness))
    await until(lambda: not lives(holder))  # nothing keeps it: everything is recorded
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, ending.outputs) == (7, {"v": "1"})
    assert lines_of(witness) == ["ran"]


async def test_killed_between_the_end_of_a_script_and_that_of_its_output(steps, tmp_path):
    go = tmp_path / "go"
    die_at(steps, "ended", f"(while ! test -e {go}; do sleep 0.01; done; echo late) &")
    async with open_executor(steps) as executor:

        async def let_go() -> None:
            await trio.testing.wait_all_tasks_blocked()
            go.touch()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(let_go)
            assert isinstance(await adopt(executor), Exited)
            assert written(executor) == b"late\n"


async def test_two_daemons_are_killed_in_turn(steps, witness):
    die_at(steps, "running", script_for(witness).replace("0.3", "2"))
    die_at(steps, "adopting", "")
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, lines_of(witness)) == (7, ["ran"])
    assert ending.duration_ms >= 2000


async def test_an_order_that_is_read_too_late_is_not_carried_out(steps, witness):
    """The holder gets to it when the attempt was given up and its folder used for another."""
    holder = die_at(steps, "ordered of a stopped holder", script_for(witness))
    assert lives(holder)
    async with open_executor(steps) as executor:
        assert await adopt(executor) == NeverStarted()
        executor.forget(key_of())
        ending = await run_script(executor, f"echo other >> {witness}", key=key_of("other"))
        os.kill(holder, signal.SIGCONT)
        await until(lambda: not lives(holder))
        assert isinstance(ending, Exited)
        assert lines_of(witness) == ["other"]


async def test_an_order_that_is_read_late_and_an_attempt_prepared_anew_make_one_process(
    steps, witness
):
    holder = die_at(steps, "ordered of a stopped holder", script_for(witness))
    async with open_executor(steps) as executor:
        assert await adopt(executor) == NeverStarted()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_script, executor, script_for(witness))
            os.kill(holder, signal.SIGCONT)
        ending = await adopt(executor)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, lines_of(witness)) == (7, ["ran"])


async def test_an_order_that_is_read_while_we_look(steps, witness):
    """No claim yet, and a holder that is about to make one: exactly one of the two gets it."""
    holder = die_at(steps, "ordered of a stopped holder", script_for(witness))
    os.kill(holder, signal.SIGCONT)
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
    await until(lambda: not lives(holder))
    match ending:
        case NeverStarted():
            assert lines_of(witness) == []
        case Exited(code, _, _):
            assert (code, lines_of(witness)) == (7, ["ran"])
        case _:
            pytest.fail(repr(ending))


async def test_daemon_and_holder_killed_while_the_script_runs(steps, witness):
    holder = die_at(steps, "running", script_for(witness))
    os.kill(holder, signal.SIGKILL)
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
        assert isinstance(ending, Vanished)
        assert "exit codes" in ending.reason
        assert written(executor) == b"out\n"
    assert lines_of(witness) == ["ran"]
    assert (folder_of(steps) / "output").read_text() == "v=1\n"  # we waited for the script's end


async def test_the_holder_was_killed_between_its_claim_and_the_process(steps, witness):
    """Whether there is a process cannot be known from the record; if there is, we wait for it."""
    holder = die_at(steps, "running", script_for(witness))
    os.kill(holder, signal.SIGKILL)
    record = folder_of(steps) / "record"
    record.write_text(record.read_text().split("pid")[0])
    assert isinstance(read_record(str(folder_of(steps))), Claimed)
    async with open_executor(steps) as executor:
        assert isinstance(await adopt(executor), Vanished)
    assert (folder_of(steps) / "output").read_text() == "v=1\n"


async def test_the_holder_recorded_the_end_and_was_gone_before_we_looked(steps, witness):
    Folders(steps).make(key_of(), script=script_for(witness), stdin=None)
    record = folder_of(steps) / "record"
    script = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    record.write_text(f"\nclaim {script} 0\npid {script} {now}\n")  # a holder that is long dead
    endings = []

    async def wait() -> None:
        endings.append(await adopt(executor))

    async with open_executor(steps) as executor, trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        with record.open("a") as file:
            file.write("end 6 500 0\n")
        os.kill(script, signal.SIGKILL)
        os.waitpid(script, 0)
    assert endings == [Exited(6, 500)]


async def test_another_process_has_the_number_of_the_script(steps, witness):
    holder = die_at(steps, "ended", script_for(witness))
    await until(lambda: not lives(holder))
    record = folder_of(steps) / "record"
    claim, pid, *_ = record.read_text().split("\n")[1:]
    words = [f"{claim.split()[0]} {os.getpid()} 1000", f"{pid.split()[0]} {os.getpid()} 2000"]
    record.write_text("\n" + "\n".join(words) + "\n")
    async with open_executor(steps) as executor:
        await executor.terminate(key_of(), 0)  # must not end the one that has it now: us
        assert isinstance(await adopt(executor), Vanished)


async def test_the_folder_is_gone(steps, witness):
    holder = die_at(steps, "ended", script_for(witness))
    await until(lambda: not lives(holder))
    folder_of(steps).rename(steps / "elsewhere")
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
        assert isinstance(ending, Vanished)
        assert "restarted" in ending.reason


async def test_an_end_of_an_earlier_boot_is_still_an_end(steps, witness):
    holder = die_at(steps, "ended", script_for(witness))
    await until(lambda: not lives(holder))
    (steps / boot_id()).rename(steps / "an-earlier-boot")
    async with open_executor(steps) as executor:
        assert executor.leftovers() == [key_of()]
        ending = await adopt(executor)
        assert isinstance(ending, Exited)
        assert (ending.exit_code, ending.outputs) == (7, {"v": "1"})
        assert written(executor) == b"out\n"
        executor.forget(key_of())
        assert executor.leftovers() == []
        assert [path.name for path in steps.iterdir()] == [boot_id()]


@pytest.mark.parametrize("name", ["stdout", "output"])
async def test_an_end_whose_output_a_power_cut_took_is_none(steps, witness, name):
    holder = die_at(steps, "ended", script_for(witness))
    await until(lambda: not lives(holder))
    os.truncate(folder_of(steps) / name, 1)
    (steps / boot_id()).rename(steps / "an-earlier-boot")
    async with open_executor(steps) as executor:
        ending = await adopt(executor)
        assert isinstance(ending, Vanished)
        assert "power cut" in ending.reason


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ("\n", Vanished),
        ("", Vanished),
        ("\nclaim 1 2\n", Vanished),
        ("\nclaim 1 2\npid 1 3\n", Vanished),  # and process 1 is alive in this boot too
        ("\nclaim 1 2\npid 1 3\nend 143 5 0\n", Vanished),  # systemd ended it, and then the rest
        ("\nclaim 1 2\npid 1 3\nend 137 5 0 7 0\n", Vanished),
        ("\nclaim 1 2\npid 1 3\nend 139 5 0\n", Exited),  # it crashed by itself
        ("\nrefused\n", NeverStarted),
    ],
)
async def test_what_an_earlier_boot_left_unfinished(steps, witness, record, kind):
    Folders(steps).make(key_of(), script=script_for(witness), stdin=None)
    (folder_of(steps) / "record").write_text(record)
    (steps / boot_id()).rename(steps / "an-earlier-boot")
    async with open_executor(steps) as executor:
        assert isinstance(await adopt(executor), kind)


async def test_what_an_earlier_boot_promised_is_lost_and_leaves_nothing(steps, witness):
    assert die_at(steps, "prepared", script_for(witness)) is None
    (steps / boot_id()).rename(steps / "an-earlier-boot")
    async with open_executor(steps) as executor:
        assert isinstance(await adopt(executor), Vanished)
        assert executor.leftovers() == []
    assert [path.name for path in steps.iterdir()] == [boot_id()]


async def test_what_was_promised_and_terminated_never_starts(steps, witness):
    assert die_at(steps, "prepared", script_for(witness)) is None
    async with open_executor(steps) as executor:
        await executor.terminate(key_of(), 20)
        ending = await executor.run(launch_of(script_for(witness)))
        assert isinstance(ending, Exited)
        assert ending.exit_code == 143
    assert lines_of(witness) == []


async def test_terminating_what_an_earlier_daemon_started(steps, witness):
    die_at(steps, "running", f"echo ran >> {witness}; setsid sleep 3600 & sleep 3600")
    async with open_executor(steps) as executor:
        with trio.fail_after(10):
            await executor.terminate(key_of(), 20)
            ending = await adopt(executor)
    assert isinstance(ending, Exited)
    assert ending.exit_code == 143


async def test_kill_9_at_random_moments_of_a_load(steps, witness):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    endings: Counter[str] = Counter()
    for _ in range(ROUNDS):
        daemon = subprocess.Popen(
            [sys.executable, "-m", "support.doomed_daemon", steps, "load", LOADED.format(witness)],
            stdout=subprocess.PIPE,
            env=WITH_TEST_SUPPORT,
        )
        assert daemon.stdout is not None
        with daemon, daemon.stdout:
            daemon.stdout.readline()
            await trio.sleep(chance.uniform(0.02, 0.2))
            daemon.kill()
        async with open_executor(steps) as executor:
            for key in executor.leftovers():
                with trio.fail_after(20):
                    ending = await executor.adopt(key)
                endings[type(ending).__name__] += 1
                ran = Counter(lines_of(witness))[str(key.attempt)]
                assert ran == (1 if isinstance(ending, Exited) else 0), (key, ending)
                executor.forget(key)
        assert not [line for line, times in Counter(lines_of(witness)).items() if times > 1]
        witness.unlink(missing_ok=True)
    print(dict(endings))
    assert endings["Exited"] > ROUNDS
    assert not endings["Vanished"]


LOADED = "echo $FLOW_ATTEMPT >> {}; sleep 0.0$((RANDOM % 5))"
