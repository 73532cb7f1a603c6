"""Control groups (version 2) of attempts that have limits: made, looked at, ended, removed.

A group of ours must lie where the kernel lets us make one and hand controllers down. Two places do:

    a scope of systemd      `systemd-run --scope` gives a delegated subtree to anyone who has a
                            manager. A second holder lives in it, in a leaf of its own, since a
                            group that hands controllers down may hold no process itself.
    the root of all groups  for root on a machine or in a container without systemd

Below flowd.service, which is delegated as well, none is made: systemd could not start the daemon
again there while a step is left in a group with controllers.
"""
# Paths are strings here, as everywhere in this package.
# ruff: noqa: PTH102, PTH103, PTH106, PTH110, PTH123, PTH208

import contextlib
import logging
import os
import shutil
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

CONTROLLERS = ("memory", "pids")
LEAF = "flow-holder"
_MANAGER_OF_USER = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_MOUNTS = "/proc/self/mountinfo"

# Run as the first process of a scope: it makes room for groups beside its own, then becomes $2….
# A controller that is not to be had is looked for later, in what the group hands down.
_MAKE_ROOM = f"""
path=$(sed -n 's/^0:://p' /proc/self/cgroup)
cd "$1$path" && mkdir {LEAF} && echo $$ > {LEAF}/cgroup.procs || exit 1
for controller in {" ".join(CONTROLLERS)}; do
  echo "+$controller" > cgroup.subtree_control || :
done 2> /dev/null
cd / && shift && exec "$@"
"""

log = logging.getLogger(__name__)


class Room(NamedTuple):
    """A group in which those of attempts are made, and what it hands down to them."""

    base: str
    controllers: frozenset[str]


class Scope(NamedTuple):
    """How a process gets a scope of its own: words before its command, variables they need."""

    command: tuple[str, ...]
    environment: Mapping[str, str]


def mount_point() -> str | None:
    """Give where control groups version 2 are mounted; None when they are not."""
    with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            fields, _, after = line.partition(" - ")
            if after.startswith("cgroup2 "):
                return fields.split()[4]
    return None


def scope_here(root: str) -> Scope | None:
    """Say how to get a scope from this user's systemd, or, for root, from the system's."""
    program = shutil.which("systemd-run")
    if program is None or shutil.which("sed") is None:
        return None
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and os.path.exists(f"{runtime}/systemd/private"):
        manager: tuple[str, ...] = ("--user",)
    elif os.geteuid() == 0 and os.path.exists("/run/systemd/private"):
        manager = ()
    else:
        return None
    options = ("--scope", "--quiet", "--collect", "--property=Delegate=yes")
    environment = {name: os.environ[name] for name in _MANAGER_OF_USER if name in os.environ}
    command = (program, *manager, *options, "--", "/bin/sh", "-c", _MAKE_ROOM, "flow-room", root)
    return Scope(command, environment | {"PATH": os.environ.get("PATH", os.defpath)})


def room_at_root(root: str) -> Room | None:
    """Make room below the root of all groups; None unless it is that and we may."""
    # The root alone may hold processes and hand controllers down; it alone has no type.
    if os.path.exists(f"{root}/cgroup.type") or not os.access(root, os.W_OK):
        return None
    base = f"{root}/flow-{os.geteuid()}"
    try:
        os.makedirs(base, exist_ok=True)
    except OSError as error:
        log.debug("no control group can be made: %s", error)
        return None
    for group in (root, base):
        for controller in CONTROLLERS:
            with contextlib.suppress(OSError):  # not there, or version 1 has it
                _write(f"{group}/cgroup.subtree_control", f"+{controller}")
    return _room(base)


def room_of(root: str, pid: int) -> Room | None:
    """Give the room that a holder in a scope has made; None while it has not."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("0::") and line.endswith(f"/{LEAF}"):
            return _room(f"{root}{line[3:].removesuffix(f'/{LEAF}')}")
    return None


def _room(base: str) -> Room:
    handed_down = Path(f"{base}/cgroup.subtree_control").read_text(encoding="ascii").split()
    return Room(base, frozenset(handed_down) & frozenset(CONTROLLERS))


# -------------------------------------------------------------------------- the group of an attempt


def name_of(folder: str) -> str:
    """Give the name of the group of the attempt with that folder: no other home has it."""
    steps, _, name = folder.rpartition("/")
    return f"{name}.{_digest(steps)}"


def sweep(room: Room, steps: str) -> None:
    """Remove the groups of attempts whose folder in `steps` is gone.

    Processes on their way out may keep a group for a moment, a server that a step started for long.
    """
    suffix = f".{_digest(steps)}"
    for name in os.listdir(room.base):
        if name.endswith(suffix) and not os.path.exists(f"{steps}/{name.removesuffix(suffix)}"):
            remove_group(f"{room.base}/{name}")


def _digest(text: str) -> str:
    return blake2b(os.fsencode(text), digest_size=4).hexdigest()


def make_group(room: Room, name: str, *, memory: int | None, processes: int | None) -> str:
    """Make the group of an attempt, with its limits (bytes, processes). OSError when refused."""
    group = f"{room.base}/{name}"
    remove_group(group)  # of an attempt that was laid out before and never ran
    os.mkdir(group, 0o755)
    try:
        if memory is not None and "memory" in room.controllers:
            _write(f"{group}/memory.max", str(memory))
            _write(f"{group}/memory.oom.group", "1")  # half a script is worth nothing
            with contextlib.suppress(FileNotFoundError):  # a machine without swap accounting
                _write(f"{group}/memory.swap.max", "0")
        if processes is not None and "pids" in room.controllers:
            _write(f"{group}/pids.max", str(processes))
    except OSError:
        os.rmdir(group)
        raise
    return group


def pids_in(group: str) -> set[int]:
    """Give the processes in a group and in those below it; none when it is gone."""
    found: set[int] = set()
    for folder, _, _ in os.walk(group):
        with contextlib.suppress(OSError, ValueError):  # removed in the meantime
            found |= set(map(int, Path(f"{folder}/cgroup.procs").read_text().split()))
    return found


def kill_group(group: str) -> None:
    """SIGKILL every process of a group at once, so that none can fork its way out."""
    with contextlib.suppress(OSError):  # gone, or a kernel before 5.14
        _write(f"{group}/cgroup.kill", "1")


def was_out_of_memory(group: str) -> bool:
    """Whether the kernel killed the group because it was over its memory limit."""
    return _event(f"{group}/memory.events", "oom_kill") > 0


def was_out_of_processes(group: str) -> bool:
    """Whether the group was refused a process because it was at its limit."""
    return _event(f"{group}/pids.events", "max") > 0


def remove_group(group: str) -> None:
    """Remove a group and those a script made in it; one that still holds processes stays."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            log.info("%s stays: %s", folder, error.strerror)
            return


def _event(path: str, name: str) -> int:
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.split()[0] == name)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
