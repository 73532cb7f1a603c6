"""What the executor adds to a step: `python tests/perf/step_cost.py [STEPS] [FOLDER]`.

CPU time (user and system, of this process and all it made) per step whose script is `true`,
against a bare posix_spawn of the same bash. The executor's folder is made in FOLDER: file systems
differ. Interleaved; the best of several rounds counts, since other load only ever adds.
"""

import os
import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import trio
from figures import Figure, at_most, publish

from flowd.domain.ports import AttemptKey, Launch
from flowd.exec.process import open_executor

ROUNDS = 7
ENVIRONMENT = dict(os.environ)


def cpu_seconds() -> float:
    """CPU used so far by this process and by those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def bare(steps: int, folder: str) -> None:
    """The floor: nothing but the process."""
    script = Path(folder, "script")
    script.write_text("true\n")
    for _ in range(steps):
        pid = os.posix_spawn("/bin/bash", ["bash", "-e", str(script)], ENVIRONMENT)
        os.waitpid(pid, 0)


def through_executor(steps: int, folder: str, *, side_by_side: int) -> None:
    """The same steps, prepared, run, read and forgotten as the engine does."""

    async def main() -> None:
        async with open_executor(Path(folder)) as executor, trio.open_nursery() as nursery:
            numbers = iter(range(steps))

            async def work() -> None:
                for number in numbers:
                    key = AttemptKey("run0000001", "step", "run", number)
                    launch = Launch(key, "true\n", "bash", "/", ENVIRONMENT)
                    executor.prepare(launch)
                    await executor.run(launch)
                    executor.read_output(key, "stdout", 0, 65_536)
                    executor.read_output(key, "stderr", 0, 65_536)
                    executor.forget(key)

            for _ in range(side_by_side):
                nursery.start_soon(work)

    trio.run(main)


def main(steps: int = 300, folder: str | None = None) -> None:
    """Measure and print a table."""
    ways: dict[str, Callable[[int, str], None]] = {
        "bare posix_spawn": bare,
        "one after the other": lambda n, place: through_executor(n, place, side_by_side=1),
        "64 side by side": lambda n, place: through_executor(n, place, side_by_side=64),
    }
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, way in ways.items():
            with tempfile.TemporaryDirectory(dir=folder) as place:
                begun = cpu_seconds()
                way(steps, place)
                best[name] = min(best[name], (cpu_seconds() - begun) / steps * 1000)
    floor = best["bare posix_spawn"]
    rows = [Figure(name, cost, "ms") for name, cost in best.items()]
    rows += [
        Figure(f"added, {name}", cost - floor, "ms", target=at_most(1.0))
        for name, cost in best.items()
        if cost is not floor
    ]
    publish("step_cost", "What the executor alone adds to a step, in CPU", rows)


if __name__ == "__main__":
    main(*(int(sys.argv[1]),) if len(sys.argv) > 1 else (), *sys.argv[2:])
