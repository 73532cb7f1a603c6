"""Whether a process is still the one that was meant. Process ids are used again; this is not.

A process is named by its id and a moment at which it was seen: whatever got the same id later was
started later. Moments are nanoseconds of CLOCK_BOOTTIME, as are the kernel's start times.
"""

import os
from typing import NamedTuple

import trio

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")  # how exactly the kernel tells start times
_DEAD = frozenset({"Z", "X", "x"})
_SHORT_OF_DESCRIPTORS_SECONDS = 0.1


class Process(NamedTuple):
    """A process that existed at the moment `seen_ns`."""

    pid: int
    seen_ns: int


class Status(NamedTuple):
    """What the kernel says of a living process."""

    pid: int
    parent: int
    group: int
    session: int
    started_ns: int


def read_proc(path: str) -> bytes:
    """Read a file under /proc; nothing when the process is gone or the file not for us.

    A tree is found by looking at every process there is, so this goes the shortest way.
    """
    try:
        descriptor = os.open(f"/proc/{path}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        content = b""
        while piece := os.read(descriptor, 65_536):
            content += piece
        return content
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def read_status(pid: int) -> Status | None:
    """Look at a process; None when there is none, or only its unread exit code is left."""
    text = read_proc(f"{pid}/stat").decode("ascii", "replace")
    if not text:
        return None
    # The name in parentheses may hold anything, spaces and parentheses too.
    state, parent, group, session, *rest = text[text.rindex(")") + 2 :].split()
    if state in _DEAD:
        return None
    return Status(pid, int(parent), int(group), int(session), int(rest[15]) * TICK_NS)


def is_alive(process: Process) -> bool:
    """Say whether this very process lives."""
    status = read_status(process.pid)
    return status is not None and status.started_ns <= process.seen_ns


def open_pidfd(process: Process) -> int | None:
    """Open a descriptor of this very process, readable once it has ended; None when it has."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if is_alive(process):  # asked after opening: from then on the descriptor means this one
        return pidfd
    os.close(pidfd)
    return None


async def wait_gone(process: Process) -> None:
    """Return once the process has ended; its parent may not have noticed yet."""
    while True:
        try:
            pidfd = open_pidfd(process)
        except OSError:  # too many files are open: it lives, and we look again
            await trio.sleep(_SHORT_OF_DESCRIPTORS_SECONDS)
            continue
        if pidfd is None:
            return
        try:
            await trio.lowlevel.wait_readable(pidfd)
        finally:
            os.close(pidfd)
        return
