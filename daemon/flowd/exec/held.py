"""How the limits of an attempt are held: the command that keeps them, the words that tell of them.

A control group counts the attempt's processes together. An rlimit is weaker, and which one it was
is said with every attempt: `memory` then bounds the address space of each process, not their sum;
`processes` bounds all processes of the user together, so those that run now are added, and root is
not bound. `cpu` is an rlimit in any case (SIGXCPU), of each process: no control group bounds the
sum of CPU time. `output` is the engine's business.
"""

import math
import os
import shlex
from collections.abc import Collection
from pathlib import Path

import msgspec
from msgspec import Struct, field

from flowd.domain.ports import Exited
from flowd.domain.workflow import Duration, Limits, seconds, size_bytes
from flowd.exec import groups
from flowd.exec.regular import read_regular

HELD = "limits"
"""The file, in an attempt's folder, that tells how its limits are held."""

_MOST_BYTES = 16_384
_XCPU, _KILLED = 128 + 24, 128 + 9


class Held(Struct, frozen=True):
    """How the limits of an attempt are held: for people, and its control group, if it has one."""

    words: str
    limits: Limits
    group: str = ""
    controllers: list[str] = field(default_factory=list)


def command_within(held: Held, command: tuple[str, ...]) -> tuple[str, ...]:
    """Put before a command what brings it within its limits: a shell that then becomes it."""
    limits, rules = held.limits, []
    if held.group:
        rules.append(f"echo $$ > {shlex.quote(held.group)}/cgroup.procs")
    if limits.memory is not None and "memory" not in held.controllers:
        rules.append(f"ulimit -v {math.ceil(size_bytes(limits.memory) / 1024)}")
    if limits.cpu is not None:
        most = max(1, math.ceil(seconds(limits.cpu)))
        rules += [f"ulimit -St {most}", f"ulimit -Ht {most + 5}"]
    if limits.processes is not None and "pids" not in held.controllers:
        most = _tasks_of_this_user() + limits.processes
        # bash and ksh call this limit -u, dash calls it -p
        rules.append(f"{{ ulimit -u {most} 2>/dev/null || ulimit -p {most}; }}")
    text = "".join(f"{rule} || exit 126\n" for rule in rules) + 'exec "$@"'
    return ("/bin/sh", "-c", text, "flow-limits", *command)


def note_held(folder: str, held: Held) -> None:
    """Note in an attempt's folder how its limits are held: for later daemons, and `terminate`."""
    Path(folder, HELD).write_bytes(msgspec.json.encode(held))


def held_in(folder: str, name: str) -> Held | None:
    """Read how the limits of an attempt are held; None when it has none.

    A script can write anything there, so a group is believed only when it has the name it should.
    """
    content = read_regular(f"{folder}/{HELD}", _MOST_BYTES)
    if content is None:
        return None
    try:
        held = msgspec.json.decode(content, type=Held)
    except (msgspec.DecodeError, RecursionError):
        return None
    root = groups.mount_point()
    ours = root is not None and held.group.startswith(f"{root}/") and "/../" not in held.group
    return held if not held.group or (ours and held.group.endswith(f"/{name}")) else None


def with_limits_told(ending: Exited, held: Held) -> Exited:
    """Add to the end of an attempt how its limits were held, and which of them ended it."""
    reason = _over_limit(ending, held) if ending.exit_code else ""
    return msgspec.structs.replace(ending, limits=held.words, reason=reason)


def _over_limit(ending: Exited, held: Held) -> str:
    limits = held.limits
    if limits.memory is not None and held.group and groups.was_out_of_memory(held.group):
        return f"killed: over its memory limit of {limits.memory}"
    if limits.cpu is not None:
        used = (ending.usage.cpu_ms or 0) >= 1000 * seconds(limits.cpu)
        if ending.exit_code == _XCPU or (ending.exit_code == _KILLED and used):
            return f"killed: over its limit of {_time(limits.cpu)} of CPU time"
    if limits.processes is not None and held.group and groups.was_out_of_processes(held.group):
        return f"could not make a process: over its limit of {limits.processes}"
    return ""


def words_of(limits: Limits, controllers: Collection[str], *, values: bool = True) -> str:
    """Say which limits there are and what holds each."""
    together = "control group"
    by = {
        "memory": together
        if "memory" in controllers
        else "rlimit, counts the address space of each process",
        "processes": together
        if "pids" in controllers
        else "rlimit, counts all processes of this user and does not bind root",
        "cpu": "rlimit, counts each process",
    }
    cpu = None if limits.cpu is None else _time(limits.cpu)
    given = {"memory": limits.memory, "processes": limits.processes, "cpu": cpu}
    return "; ".join(
        f"{name} {value} ({by[name]})" if values else f"{name}: {by[name]}"
        for name, value in given.items()
        if value is not None
    )


def _time(duration: Duration) -> str:
    return duration if isinstance(duration, str) else f"{duration} s"


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
