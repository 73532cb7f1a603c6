"""A daemon that kills itself, without a chance to tidy up, at the moment it is told.

    python -m support.doomed_daemon STEPS MOMENT SCRIPT

It prints the pid of its holder before it dies.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import trio
import trio.testing

from flowd.domain.ports import Executor
from flowd.exec.process import open_executor
from flowd.exec.records import Ended, Running, read_record
from support.attempts import children, folder_of, key_of, launch_of, run_script, until

TESTS = str(Path(__file__).parent.parent)
WITH_TEST_SUPPORT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), TESTS))),
}


def die_at(steps: Path, moment: str, script: str) -> int | None:
    """Let a daemon live up to that moment; give the pid of its holder, if it had one.

    Moments: prepared, ordered, ordered of a stopped holder, running, ended, adopting.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "support.doomed_daemon", str(steps), moment, script],
        stdout=subprocess.PIPE,
        env=WITH_TEST_SUPPORT,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended
    return int(ended.stdout) if ended.stdout.strip() else None


async def _live(steps: Path, moment: str, script: str) -> None:
    launch = launch_of(script)
    record = str(folder_of(steps))
    async with open_executor(steps) as executor, trio.open_nursery() as nursery:
        if moment == "load":
            await _run_many(executor, script)
        elif moment == "adopting":
            nursery.start_soon(executor.adopt, launch.key)
            await trio.testing.wait_all_tasks_blocked()
        else:
            executor.prepare(launch)
            if moment == "ordered of a stopped holder":
                await run_script(executor, "true", key=key_of("first"))
                executor.forget(key_of("first"))
                os.kill(*children(), signal.SIGSTOP)
            if moment != "prepared":
                nursery.start_soon(executor.run, launch)
                await trio.testing.wait_all_tasks_blocked()
            if moment == "running":
                await until(lambda: isinstance(read_record(record), Running))
            if moment == "ended":
                await until(lambda: isinstance(read_record(record), Ended))
        print(*children(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


async def _run_many(executor: Executor, script: str) -> None:
    """Run attempts, eight at a time, for ever; each is prepared shortly before it is run."""
    numbers = iter(range(1_000_000))
    print("began", flush=True)

    async def work() -> None:
        for number in numbers:
            await run_script(executor, script, key=key_of("load", number))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(work)


if __name__ == "__main__":
    trio.run(_live, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
