"""From a launch to what is executed: the command and its environment.

A script runs as in a file given to the user's own shell, with `-e`: it stops at the first failing
command, and in a pipe the last one counts (no `pipefail`). No profile or rc file is read, but for
what the shell always reads in a script (`$BASH_ENV`, `.zshenv`, `config.fish`). fish has no `-e`.
A script that is one plain command is executed without a shell (`plain.py`).
"""

import os
import shutil
from functools import lru_cache

from flowd.domain.ports import Launch
from flowd.domain.workflow import Shell
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


def command_of(launch: Launch, script_path: str) -> tuple[str, ...]:
    """Give the command that runs the script. SpawnFailed when its shell is not installed.

    After `INSTEAD` stands what may be executed instead of the shell: see `plain.py`.
    """
    program, *options = _SHELLS[launch.shell]
    path = launch.environment.get("PATH") or os.defpath
    command = (_find(program, path), *options, script_path)
    # Limits are set by a shell, and a shell is what puts up with whatever a terminal can send. A
    # confined step may not see the program.
    if launch.limits is not None or launch.terminal or launch.confinement is not None:
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
