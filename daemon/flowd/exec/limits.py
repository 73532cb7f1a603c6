"""Who sees to the limits of steps on this machine: found out when the first such step comes."""

import logging

import trio

from flowd.domain.ports import Launch
from flowd.domain.workflow import Limits, size_bytes
from flowd.errors import SpawnFailed
from flowd.exec import groups
from flowd.exec.groups import Room
from flowd.exec.held import Held, note_held, words_of
from flowd.exec.link import HolderLink, start_holder

ROOM_SECONDS = 5.0  # how long systemd may take to give a scope
LOOK_SECONDS = 0.005

log = logging.getLogger(__name__)


class Limiter:
    """Finds out, when the first attempt with limits comes, what holds them on this machine."""

    def __init__(self, this_boot: str, nursery: trio.Nursery):
        self._this_boot = this_boot
        self._nursery = nursery
        self._lock = trio.Lock()
        self._room: Room | None = None
        self._looked = False
        self.holder: HolderLink | None = None
        """Makes the processes of attempts with limits, when the usual holder cannot."""

    async def hold(self, launch: Launch, folder: str) -> Held | None:
        """Prepare the limits of an attempt; None when it has none but that of its output.

        SpawnFailed when the kernel takes a limit neither way.
        """
        limits = launch.limits
        if limits is None or (limits.memory, limits.processes, limits.cpu) == (None, None, None):
            return None
        room = await self.room()
        group = ""
        if room is not None:
            try:
                groups.sweep(room, self._this_boot)
                group = groups.make_group(
                    room,
                    groups.name_of(folder),
                    memory=None if limits.memory is None else size_bytes(limits.memory),
                    processes=limits.processes,
                )
            except OSError as error:
                log.warning("no control group for %s: %s", folder, error)
        controllers = sorted(room.controllers) if room is not None and group else []
        held = Held(words_of(limits, controllers), limits, group, controllers)
        try:
            note_held(folder, held)
        except OSError as error:
            groups.remove_group(group)
            raise SpawnFailed(
                f"the step's limits cannot be noted: {error.strerror}", cure="make room on the disk"
            ) from error
        return held

    async def room(self) -> Room | None:
        """Give where groups can be made, or None; found out once, and anew when it is gone."""
        async with self._lock:
            if self._looked and (self.holder is None or not self.holder.broken):
                return self._room
            self._looked, self._room, self.holder = True, None, None
            root = groups.mount_point()
            scope = None if root is None else groups.scope_here(root)
            if root is not None and scope is not None:
                await self._open_scope(root, scope)
            if root is not None and self._room is None:
                self._room = groups.room_at_root(root)
            return self._room

    async def _open_scope(self, root: str, scope: groups.Scope) -> None:
        try:
            holder = start_holder(self._this_boot, scope.command, scope.environment)
        except OSError as error:
            log.warning("systemd-run cannot be started: %s", error)
            return
        self._nursery.start_soon(holder.serve)
        with trio.move_on_after(ROOM_SECONDS):
            while not holder.broken:
                self._room = groups.room_of(root, holder.pid)
                if self._room is not None:
                    self.holder = holder
                    return
                await trio.sleep(LOOK_SECONDS)
        log.warning("systemd gave no scope for steps with limits; rlimits hold them")
        holder.abandon()

    async def words(self) -> str:
        """Say what holds limits on this machine, for `flowctl doctor`. It makes no process."""
        root = groups.mount_point()
        if not self._looked and root is not None and groups.scope_here(root) is not None:
            return "control groups, if systemd gives a scope; it is asked when a step needs one"
        room = await self.room()
        every = Limits(memory=1, processes=1, cpu=1)
        return words_of(every, () if room is None else room.controllers, values=False)
