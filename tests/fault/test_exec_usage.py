"""What an attempt used, as its holder measured it; holders and daemons of other releases."""

import marshal
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from flowd.domain.ports import NOT_MEASURED, Exited, NeverStarted, Usage, Vanished
from flowd.exec import holder as holder_module
from flowd.exec import link
from flowd.exec.folders import Folders
from flowd.exec.holder import pack
from flowd.exec.process import open_executor
from flowd.exec.records import Ended, read_record
from support.attempts import ENVIRONMENT, folder_of, key_of, launch_of, run_script
from support.doomed_daemon import die_at

OLD_HOLDER = Path(__file__).parents[1] / "golden" / "holders" / "v1_holder.py"
BUSY = "for ((i = 0; i < 200000; i++)); do :; done"
BIG = f"{sys.executable} -c 'import os; x = os.urandom(60_000_000); print(len(x))'"


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return tmp_path / "steps"


def _usage(ending: object) -> Usage:
    assert isinstance(ending, Exited), ending
    return ending.usage


async def test_cpu_time_of_a_script_and_of_what_it_ran_is_measured(steps):
    async with open_executor(steps) as executor:
        idle = _usage(await run_script(executor, "sleep 0.2", key=key_of("idle")))
        busy = _usage(await run_script(executor, f"bash -c '{BUSY}'", key=key_of("busy")))
    assert idle.cpu_ms is not None
    assert busy.cpu_ms is not None
    assert busy.cpu_ms > idle.cpu_ms >= 0


async def test_memory_is_that_of_the_largest_process(steps):
    async with open_executor(steps) as executor:
        usage = _usage(await run_script(executor, BIG))
        small = _usage(await run_script(executor, "true", key=key_of("small")))
    assert usage.max_rss_bytes is not None
    assert 60_000_000 < usage.max_rss_bytes < 200_000_000
    assert small.max_rss_bytes is None or small.max_rss_bytes < 30_000_000


async def test_a_script_that_a_signal_ended_is_measured_too(steps):
    async with open_executor(steps) as executor:
        ending = await run_script(executor, f"{BUSY}; kill -KILL $$")
    assert isinstance(ending, Exited)
    assert ending.exit_code == 128 + signal.SIGKILL
    assert _usage(ending).cpu_ms


async def test_the_record_tells_the_next_daemon(steps):
    die_at(steps, "ended", BUSY)
    async with open_executor(steps) as executor:
        assert _usage(await executor.adopt(key_of())).cpu_ms


# ------------------------------------------------------------------------------ other releases


async def test_a_holder_of_the_first_release_serves_this_daemon(steps, monkeypatch):
    monkeypatch.setattr(link, "_HOLDER", OLD_HOLDER)
    async with open_executor(steps) as executor:
        ending = await run_script(executor, "echo out; exit 3")
    assert isinstance(ending, Exited)
    assert (ending.exit_code, ending.usage) == (3, NOT_MEASURED)


async def test_what_a_holder_of_the_first_release_recorded_is_adopted(steps, monkeypatch):
    launch = launch_of("sleep 0.3; exit 3")
    Folders(steps).make(launch.key, script=launch.script, stdin=None)
    ours, theirs = socket.socketpair()
    holder = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", str(OLD_HOLDER)],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
    )
    theirs.close()
    folder = str(folder_of(steps))
    command = ("/bin/bash", f"{folder}/script")
    ours.sendall(pack((1, folder, "/", command, ENVIRONMENT, os.devnull)))
    ours.shutdown(socket.SHUT_WR)  # the daemon of that time is gone; its holder goes on
    os.waitpid(holder, 0)
    ours.close()
    async with open_executor(steps) as executor:
        ending = await executor.adopt(launch.key)
    assert not isinstance(ending, NeverStarted | Vanished)
    assert (ending.exit_code, ending.usage) == (3, NOT_MEASURED)


async def test_a_daemon_of_the_first_release_understands_this_holder(steps):
    """It reads replies of exactly five parts, and the first three numbers of the record's end."""
    launch = launch_of(f"{BUSY}; exit 3")
    Folders(steps).make(launch.key, script=launch.script, stdin=None)
    ours, theirs = socket.socketpair()
    holder = os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", holder_module.__file__],
        {},
        file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
    )
    theirs.close()
    folder = str(folder_of(steps))
    command = ("/bin/bash", f"{folder}/script")
    ours.sendall(pack((7, folder, "/", command, ENVIRONMENT, os.devnull)))
    ours.shutdown(socket.SHUT_WR)
    os.waitpid(holder, 0)
    number, what, code, duration, words = marshal.loads(ours.recv(65_536)[4:])
    ours.close()
    assert (number, what, code, type(duration), type(words)) == (7, "ended", 3, int, str)
    [end] = [line for line in Path(folder, "record").read_text().splitlines() if "end" in line]
    assert end.split()[:2] == ["end", "3"]
    record = read_record(folder)
    assert isinstance(record, Ended)
    assert record.usage.cpu_ms
