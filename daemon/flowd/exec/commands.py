"""From a launch to what is executed: the command, its limits, its environment.

A script runs as in a file given to the user's own shell, with `-e`: it stops at the first failing
command, and in a pipe the last one counts (no `pipefail`). No profile or rc file is read, but for
what the shell always reads in a script (`$BASH_ENV`, `.zshenv`, `config.fish`). fish has no `-e`.
A script that is one plain command is executed without a shell (`plain.py`).
"""

import math
import os
import re
import shutil
from functools import lru_cache
from pathlib import Path

from flowd.domain.ports import Launch
from flowd.domain.workflow import Limits, Shell, seconds
from flowd.errors import SpawnFailed
from flowd.exec.holder import INSTEAD
from flowd.exec.plain import without_shell

_SHELLS: dict[Shell, tuple[str, ...]] = {
    "bash": ("bash", "-e"),
    "sh": ("sh", "-e"),
    "zsh": ("zsh", "-e"),
    "fish": ("fish",),
    "python": ("python3", "-u"),
}
USUAL_TERM = "xterm-256color"  # what a terminal is called when the run's client had none
_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def command_of(launch: Launch, script_path: str) -> tuple[str, ...]:
    """Give the command that runs the script. SpawnFailed when its shell is not installed.

    After `INSTEAD` stands what may be executed instead of the shell: see `plain.py`.
    """
    program, *options = _SHELLS[launch.shell]
    path = launch.environment.get("PATH") or os.defpath
    command = (_find(program, path), *options, script_path)
    if launch.limits is not None:
        return _limited(launch.limits, command)
    if launch.terminal:  # a shell is what puts up with whatever a terminal can send
        return command
    plain = without_shell(launch.shell, launch.script, launch.environment)
    return (*command, INSTEAD, *plain) if plain else command


def environment_of(launch: Launch, folder: str) -> dict[str, str]:
    """Give the whole environment: the launch's, and what a script may know of itself."""
    key = launch.key
    terminal = {"TERM": USUAL_TERM} if launch.terminal else {}
    return {
        **terminal,
        **launch.environment,
        "PWD": launch.cwd,
        "FLOW_RUN": key.run,
        "FLOW_STEP": key.step,
        "FLOW_ATTEMPT": str(key.attempt),
        "FLOW_ATTEMPT_ID": f"{key.run}/{key.step}/{key.kind}/{key.attempt}",
        "FLOW_OUTPUT": f"{folder}/output",
    }


def mark_of(folder: str) -> str:
    """Give the entry of the environment by which an attempt's processes are recognised.

    `FLOW_ATTEMPT_ID` would do but for two daemons with a copy of the same state; a path is unique.
    """
    return f"FLOW_OUTPUT={folder}/output"


def forget_programs() -> None:
    """Look for programs anew: one that was found may have been removed since."""
    _find.cache_clear()


@lru_cache(maxsize=64)
def _find(program: str, path: str) -> str:
    found = shutil.which(program, path=path)
    if found is None:
        raise SpawnFailed(
            f"{program} is not installed, or not on this run's PATH",
            cure=f"install {program}, or give the step another `shell`",
        )
    return str(os.path.abspath(found))  # noqa: PTH100  # Path.absolute keeps `..`


def _limited(limits: Limits, command: tuple[str, ...]) -> tuple[str, ...]:
    """Put resource limits before a command.

    What the kernel makes of them: `memory` bounds the address space of each process, not their
    sum; `cpu` bounds the processor seconds of each process (SIGXCPU, so exit code 152);
    `processes` bounds all processes of the user together, so those that run now are added, and
    root is not bound. `output` is the engine's business.
    """
    rules = []
    if limits.memory is not None:
        rules.append(f"ulimit -v {math.ceil(_bytes(limits.memory) / 1024)}")
    if limits.cpu is not None:
        most = max(1, math.ceil(seconds(limits.cpu)))
        rules += [f"ulimit -St {most}", f"ulimit -Ht {most + 5}"]
    if limits.processes is not None:
        most = _tasks_of_this_user() + limits.processes
        # bash and ksh call this limit -u, dash calls it -p
        rules.append(f"{{ ulimit -u {most} 2>/dev/null || ulimit -p {most}; }}")
    text = "".join(f"{rule} || exit 126\n" for rule in rules) + 'exec "$@"'
    return ("/bin/sh", "-c", text, "flow-limits", *command)


def _bytes(size: str | int) -> int:
    if isinstance(size, int):
        return size
    match = _SIZE.fullmatch(size.strip())
    if match is None:
        raise SpawnFailed(f"{size!r} is not a size", cure="write bytes, or 512K, 512M, 2G")
    return int(match[1]) * _UNITS[match[2].upper()]


def _tasks_of_this_user() -> int:
    """Count processes and threads as the kernel does for its limit."""
    tasks = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and entry.stat().st_uid == os.getuid():
                tasks += sum(1 for _ in (entry / "task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return tasks
