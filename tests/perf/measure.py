"""What the benches share: a daemon to measure, what processes used, and the floor.

Figures are CPU seconds and ratios where they can be: other work on the machine only ever adds to
wall clocks. Linux only, as /proc is read.
"""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `support`

from flowproto import methods
from flowproto.client import Client
from flowproto.daemon import Empty
from support.real_daemon import RealDaemon

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every start of a daemon would compile it

LIVE = ("pending", "running", "waiting", "compensating")
AT_ONCE = 64  # processes side by side: the daemon's own default
POOL_SECONDS = 12  # trio lets a thread go that had no work for ten
LOOK_SECONDS = 0.25
SHORTEST_LOOK_SECONDS = 0.01
MEGABYTE = 1024 * 1024


def workflow(steps: int, script: str = "true", first: str = "") -> str:
    """Text of a workflow of steps one after the other; `first` is added to the first of them."""
    lines = [f"  - {{id: s{number}, run: '{script}'}}\n" for number in range(steps)]
    if first:
        lines[0] = lines[0].replace("}", f", {first}}}")
    return "flow: 1\nname: bench\nsteps:\n" + "".join(lines)


@contextmanager
def fresh_daemon() -> Iterator[RealDaemon]:
    """A daemon on a scratch home; its steps must have ended before the block is left."""
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as home:
        daemon = RealDaemon(Path(home)).start()
        try:
            yield daemon
        finally:
            if daemon.process is not None and daemon.process.poll() is None:
                daemon.end()


def pid_of(daemon: RealDaemon) -> int:
    """The daemon's process id."""
    assert daemon.process is not None
    return daemon.process.pid


def submit(daemon: RealDaemon, text: str, runs: int, connections: int = 8) -> None:
    """Start so many runs of a workflow over so many connections at once."""

    params = {"text": text, "cwd": str(daemon.home)}

    def some(count: int) -> None:
        with daemon.client() as client:
            # None waits for the answer to the one before, as when a script starts them.
            for answer in client.requests("flow/run", [params] * count):
                if isinstance(answer, Exception):
                    raise answer

    shares = [runs // connections + (n < runs % connections) for n in range(connections)]
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(some, shares))


def in_state(client: Client, *states: str) -> int:
    """Count runs in these states."""
    by_state = client.call(methods.STATS, Empty()).runs_by_state
    return sum(count for state, count in by_state.items() if state in states)


def wait_until_done(client: Client) -> None:
    """Return once no run is live."""
    look_until_none(lambda: in_state(client, *LIVE))


def look_until_none(left: Callable[[], int]) -> None:
    """Return once nothing is left.

    Looks are rare, as being asked costs whoever works, and come closer as the end does: a pause
    after the end would count as work.
    """
    begun, pause = time.perf_counter(), SHORTEST_LOOK_SECONDS
    remaining = at_first = left()
    while remaining:
        done, taken = at_first - remaining, time.perf_counter() - begun
        pause = remaining * taken / done / 2 if done else 2 * pause
        time.sleep(min(LOOK_SECONDS, max(SHORTEST_LOOK_SECONDS, pause)))
        remaining = left()


# ------------------------------------------------------------------------------------- processes


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def children(pid: int) -> list[int]:
    """The processes whose parent this is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int(_stat(int(folder.name))[1]) == pid:
                found.append(int(folder.name))
    return found


def cpu_seconds(daemon: RealDaemon) -> float:
    """CPU of the daemon, of its holder, and of the steps that have ended."""
    return cpu_of([pid_of(daemon), *children(pid_of(daemon))])


def cpu_of(pids: Sequence[int]) -> float:
    """CPU seconds of processes, and of those of their children that have ended."""
    ticks = sum(int(value) for pid in pids for value in _stat(pid)[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Resident memory now, or at its highest (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(what)


def wakeups(pid: int, seconds: float) -> int:
    """How often threads of a process are woken in so many seconds; the end of one counts once.

    Wait for POOL_SECONDS before: until then threads that the daemon once needed wait for work.
    """
    before = _times_asleep(pid)
    time.sleep(seconds)
    after = _times_asleep(pid)
    return sum(
        after[thread] - before.get(thread, 0) if thread in after else 1
        for thread in before.keys() | after.keys()
    )


def _times_asleep(pid: int) -> dict[str, int]:
    """By thread, how often it has gone to sleep."""
    return {
        status.parent.name: int(line.split()[1])
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches")
    }


@contextmanager
def counted_fsyncs(pids: Sequence[int]) -> Iterator[list[int]]:
    """Count the fsyncs of processes during the block; the list stays empty where strace is not.

    They are slowed down by it, and so are the processes they make meanwhile, which are followed.
    """
    found: list[int] = []
    strace = shutil.which("strace")
    if strace is None:
        yield found
        return
    with tempfile.NamedTemporaryFile("r") as report:
        calls = ["-e", "trace=fsync,fdatasync", "-e", "signal=none"]
        whom = [part for pid in pids for part in ("-p", str(pid))]
        command = [strace, "-f", "-qq", "-o", report.name, *calls, *whom]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while any("TracerPid:\t0" in Path(f"/proc/{pid}/status").read_text() for pid in pids):
            if tracer.poll() is not None:  # not allowed here
                yield found
                return
            time.sleep(LOOK_SECONDS)
        try:
            yield found
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
        lines = report.read().splitlines()
        found.append(sum("sync(" in line for line in lines))


# ------------------------------------------------------------------------------------- the floor


SHELL_COMMAND = "/bin/bash -e script"  # with `true` in the file `script`
PROGRAM_COMMAND = shutil.which("true") or "true"  # what that comes to without a shell


def bare_spawns(count: int, at_once: int, command: str = SHELL_COMMAND) -> tuple[float, float]:
    """Nothing but the processes of `count` steps: the seconds, and the CPU seconds, they take."""
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        script = Path(folder, "script")
        script.write_text("true\n")
        words = [str(script) if word == "script" else word for word in command.split()]
        used, begun = own_cpu(), time.perf_counter()
        running = 0
        for _ in range(count):
            if running == at_once:
                os.wait()
                running -= 1
            os.posix_spawn(words[0], words, os.environ)
            running += 1
        for _ in range(running):
            os.wait()
        return time.perf_counter() - begun, own_cpu() - used


def own_cpu() -> float:
    """CPU used by this process and by those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)
