"""The processes of an attempt: finding all of them, ending all of them.

They are the group that the script leads, whatever carries the attempt's mark in its environment
(children inherit it, also those that left the group with setsid), whatever still writes to the
attempt's output, all in its control group if it has one, and the children of these. Not found
without a control group: a process that left the group, dropped its environment, lost its parent
and closed its output. Processes of another user (`sudo`) are not ours to end.
"""

import logging
import os
import signal
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import trio

from flowd.exec.groups import kill_group, pids_in
from flowd.exec.liveness import (
    TICK_NS,
    Process,
    Status,
    open_pidfd,
    read_proc,
    read_status,
    wait_gone,
)

KILL_SECONDS = 5.0  # how long a process may take to die of SIGKILL before we give up on it
SHARING_SECONDS = 0.01

log = logging.getLogger(__name__)


class Tree(NamedTuple):
    """How to recognise the processes of an attempt.

    `mark` is an entry of their environment (NAME=VALUE); `leader` leads their group, if it lives;
    none of them was started before `since_ns`; `spared` are never among them: the daemon's own,
    whose children are not known by the output they write: who keeps a terminal writes it, too.
    `folder` is where their output goes, `group` their control group, when they have one.
    """

    mark: str
    leader: Process | None
    since_ns: int
    spared: frozenset[int]
    folder: str = ""
    group: str = ""


class Census:
    """Every living process of this user at one moment."""

    def __init__(self) -> None:
        self.statuses = list(_own_processes())
        self._environments: dict[int, frozenset[bytes]] = {}

    def environment(self, pid: int) -> frozenset[bytes]:
        """Give the entries a process was started with; none when they may not be read."""
        if pid not in self._environments:
            self._environments[pid] = frozenset(read_proc(f"{pid}/environ").split(b"\0"))
        return self._environments[pid]

    def writes_in(self, pid: int, folder: str) -> bool:
        """Whether one of the process's usual outputs is a file in that folder."""
        for number in (1, 2):
            try:
                path = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115
            except OSError:
                continue
            if path.startswith(f"{folder}/"):
                return True
        return False


class CensusTaker:
    """Takes a census for all who want one at about the same time: it is a lot of reading."""

    def __init__(self) -> None:
        self._census: Census | None = None
        self._taken: trio.Event | None = None

    async def take(self) -> Census:
        """Give a census that was taken after this call."""
        if self._taken is not None:
            await self._taken.wait()
        else:
            taken = self._taken = trio.Event()
            with trio.CancelScope(shield=True):
                await trio.sleep(SHARING_SECONDS)
            self._census = Census()
            self._taken = None
            taken.set()
        assert self._census is not None
        return self._census


def find_members(tree: Tree, census: Census) -> list[Status]:
    """Give the processes of an attempt."""
    candidates = {
        status.pid: status
        for status in census.statuses
        if status.started_ns >= tree.since_ns - TICK_NS and status.pid not in tree.spared
    }
    group = _own_group(tree, candidates)
    held = pids_in(tree.group) if tree.group else frozenset()
    mark = os.fsencode(tree.mark)
    children = defaultdict(list)
    for status in candidates.values():
        children[status.parent].append(status.pid)
    ahead = [
        pid
        for pid, status in candidates.items()
        if group in (status.group, status.session)
        or pid in held
        or mark in census.environment(pid)
        or (tree.folder and status.parent not in tree.spared and census.writes_in(pid, tree.folder))
    ]
    found: dict[int, Status] = {}
    while ahead:
        pid = ahead.pop()
        if pid not in found:
            found[pid] = candidates[pid]
            ahead += children[pid]
    return list(found.values())


async def end_tree(tree: Tree, grace_seconds: float, taker: CensusTaker) -> None:
    """Send SIGTERM to every process of an attempt, and SIGKILL to those that outlast the grace.

    Returns once all are gone; after five seconds of SIGKILL it gives up, with a warning.
    """
    members = find_members(tree, await taker.take())
    _signal(tree, members, signal.SIGTERM)
    _signal(tree, members, signal.SIGCONT)  # a stopped process hears nothing before this
    with trio.move_on_after(grace_seconds):
        while members:
            await _wait_each(members)
            members = find_members(tree, await taker.take())
        return
    with trio.move_on_after(KILL_SECONDS):
        while members := find_members(tree, await taker.take()):
            if tree.group:
                kill_group(tree.group)
            _signal(tree, members, signal.SIGKILL)
            await _wait_each(members)
        return
    pids = ", ".join(str(member.pid) for member in members)
    log.warning("processes %s of %s outlive SIGKILL", pids, tree.mark)


async def wait_tree_gone(tree: Tree, taker: CensusTaker) -> None:
    """Return once no process of the attempt is left."""
    while members := find_members(tree, await taker.take()):
        await _wait_each(members)


async def _wait_each(members: list[Status]) -> None:
    for member in members:
        await wait_gone(Process(member.pid, member.started_ns))


def _signal(tree: Tree, members: list[Status], number: signal.Signals) -> None:
    """Signal the group as one, so that a fork at this moment escapes nothing, then the others."""
    group = None
    if tree.leader is not None and any(member.group == tree.leader.pid for member in members):
        group = tree.leader.pid
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            group = None
    for member in members:
        if member.group != group:
            _signal_one(member, number)


def _signal_one(member: Status, number: signal.Signals) -> None:
    pidfd = open_pidfd(Process(member.pid, member.started_ns))
    if pidfd is None:
        return
    try:
        signal.pidfd_send_signal(pidfd, number)
    except (ProcessLookupError, PermissionError):
        log.debug("process %d cannot be signalled", member.pid)
    finally:
        os.close(pidfd)


def _own_group(tree: Tree, candidates: dict[int, Status]) -> int | None:
    """Give the group's number while it is surely the attempt's.

    The kernel gives a number out again only when no process and no group has it. So it is ours
    unless a process bears it that was started after the leader was seen.
    """
    if tree.leader is None:
        return None
    bearer = candidates.get(tree.leader.pid)
    if bearer is not None and bearer.started_ns > tree.leader.seen_ns:
        return None
    return tree.leader.pid


def _own_processes() -> Iterable[Status]:
    uid = os.getuid()
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdecimal():
                try:
                    owner = entry.stat().st_uid
                except (FileNotFoundError, ProcessLookupError):
                    continue
                status = read_status(int(entry.name)) if owner == uid else None
                if status is not None:
                    yield status
