"""Real attempts: launches for them, a witness of what ran, a look at this process's own traces."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from flowd.domain.ports import AttemptKey, Ending, Executor, Launch
from flowd.exec.folders import boot_id

ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": "/", "LANG": "C.UTF-8"}
PATIENCE_SECONDS = 30


def key_of(step: str = "step", attempt: int = 1, *, run: str = "run0000001") -> AttemptKey:
    """Name an attempt at a step's own script."""
    return AttemptKey(run, step, "run", attempt)


def launch_of(script: str, key: AttemptKey | None = None, **more: Any) -> Launch:
    """Describe a bash script, run in / with a small environment."""
    settings = {"shell": "bash", "cwd": "/", "environment": ENVIRONMENT, **more}
    return Launch(key or key_of(), script, **settings)


async def run_script(executor: Executor, script: str, **more: Any) -> Ending:
    """Prepare and run a script."""
    launch = launch_of(script, **more)
    executor.prepare(launch)
    with trio.fail_after(PATIENCE_SECONDS):
        return await executor.run(launch)


def written(executor: Executor, key: AttemptKey | None = None, stream: str = "stdout") -> bytes:
    """Everything an attempt wrote on a stream."""
    key = key or key_of()
    return executor.read_output(key, stream, 0, executor.output_size(key, stream))


def folder_of(steps: Path, key: AttemptKey | None = None, *, boot: str | None = None) -> Path:
    """Where an attempt's files are."""
    key = key or key_of()
    return steps / (boot or boot_id()) / f"{key.run}.{key.step}.{key.kind}.{key.attempt}"


async def until(what: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something in the world outside to become true."""
    with trio.fail_after(seconds):
        while not what():
            await trio.sleep(0.005)


def lines_of(path: Path) -> list[str]:
    """The lines of a file; none when there is no file."""
    return path.read_text().splitlines() if path.exists() else []


def children() -> set[int]:
    """Processes whose parent this one is, those too whose exit code nobody has read."""
    return set(map(int, Path("/proc/thread-self/children").read_text().split()))


def open_files() -> set[str]:
    """The numbers of this process's open files."""
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def state_of(pid: int) -> str:
    """R, S, T, Z and so on; empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def lives(pid: int) -> bool:
    """Say whether a process runs, sleeps or is stopped."""
    return state_of(pid) not in ("", "Z", "X")
