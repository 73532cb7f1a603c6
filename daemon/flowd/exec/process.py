"""The Executor of real processes: `open_executor` is the door to this package.

The daemon never makes a step's process itself: a holder does (`holder.py` says why), and keeps in
the attempt's record what became of it (`records.py`). Whatever waits here waits for a holder's
reply, or, after a crash, follows the record.
"""

import contextlib
import errno
import logging
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from pathlib import Path

import trio

from flowd import faultpoints
from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.events import Confined, Stream
from flowd.domain.ports import (
    AttemptKey,
    Ending,
    Executor,
    Exited,
    Launch,
    NeverStarted,
    Vanished,
    WindowSize,
)
from flowd.domain.workflow import Sandbox
from flowd.errors import Bug, SpawnFailed
from flowd.exec.commands import command_of, environment_of, forget_programs, mark_of
from flowd.exec.folders import Folders
from flowd.exec.groups import name_of
from flowd.exec.held import Held, command_within, held_in, with_limits_told
from flowd.exec.holder import (
    COPIED_BY,
    LONGEST_PAUSE_SECONDS,
    OPEN,
    PATIENCE_SECONDS,
    bytes_written,
    size_at_rest,
)
from flowd.exec.keyboard import send_keys
from flowd.exec.limits import Limiter
from flowd.exec.link import Answer, HolderLink, Reply, start_holder
from flowd.exec.liveness import Process, is_alive, read_proc, wait_gone
from flowd.exec.outputs import complain, read_outputs
from flowd.exec.records import (
    Claimed,
    Ended,
    Refused,
    Running,
    read_record,
    refuse,
    refuse_as_terminated,
)
from flowd.exec.rehearsal import Rehearsals
from flowd.exec.removal import remove_tree
from flowd.exec.reopening import any_opens_anew, opens_anew, texts_named
from flowd.exec.sandbox import Confiner, with_sandbox_told
from flowd.exec.tree import CensusTaker, Tree, end_tree, wait_tree_gone

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.001
LONGEST_PAUSE = 0.2
# With these systemd ends what is left when a machine shuts down: no failure of the script's own,
# and nobody can tell how far it had come.
_OF_SHUTTING_DOWN = frozenset(
    128 + number for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL)
)

_STAYS_OPEN = (
    "something left in the background has this output open; "
    "what it writes from here on is not kept: send its output to a file"
)


@contextlib.asynccontextmanager
async def open_executor(
    steps: Path, own: Sequence[Path] = (), rehearsals: Rehearsals | None = None
) -> AsyncIterator[Executor]:
    """Give an executor that keeps its attempts in the folder `steps`, made if need be.

    `own` are Flow's other files and folders, which no confined step is to see.
    One at a time may use a folder. Leaving it ends the waiting, not the processes.
    """
    try:
        folders = Folders(steps)
    except OSError as error:
        raise SpawnFailed(
            f"{steps} cannot hold the files of steps: {error.strerror}",
            cure="move what is in the way, or make the folder writable",
        ) from error
    with contextlib.closing(folders):
        async with trio.open_nursery() as nursery:
            confiner = Confiner(
                folders.this_boot,
                [str(path) for path in own],
                rehearsals or Rehearsals(steps.parent / "rehearsals"),
            )
            yield ProcessExecutor(folders, nursery, confiner)
            nursery.cancel_scope.cancel()


class ProcessExecutor:
    """See the port `Executor`."""

    def __init__(self, folders: Folders, nursery: trio.Nursery, confiner: Confiner):
        self._folders = folders
        self._nursery = nursery
        self._holder: HolderLink | None = None
        self._answers: dict[AttemptKey, Answer] = {}
        self._silent: set[AttemptKey] = set()  # they wrote nothing: there is nothing to be read
        self._taker = CensusTaker()
        self._limiter = Limiter(folders.this_boot, nursery)
        self._confiner = confiner

    # ------------------------------------------------------------------------------- starting

    def prepare(self, launch: Launch) -> None:
        """Lay out the attempt, or promise that; see the port. Bug when it has run before."""
        key = launch.key
        with self._disk_may_refuse():
            try:
                self._folders.make_or_promise(key, script=launch.script, stdin=launch.stdin)
            except OSError:
                if not self._folders.exists(key):
                    raise
                if isinstance(read_record(self._folders.of(key)), Running | Ended):
                    raise Bug(f"{key} has run already") from None
                self._folders.forget(key)
                self._folders.make_or_promise(key, script=launch.script, stdin=launch.stdin)

    @contextlib.contextmanager
    def _disk_may_refuse(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SpawnFailed(
                f"{self._folders.this_boot} does not take the step's script: {error.strerror}",
                cure="make room on that file system, or make the folder writable",
            ) from error

    async def run(self, launch: Launch) -> Ending:
        """Have the process made and wait for its end; see the port."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._folders.is_promised(launch.key):
            with self._disk_may_refuse():
                self._folders.make(launch.key, script=launch.script, stdin=launch.stdin)
        faultpoints.reach("attempt.ordering")
        held = None
        if launch.limits is not None:
            held = await self._limiter.hold(launch, self._folders.of(launch.key))
        copier = "" if launch.terminal else await _copier_for(launch)
        command = await self._command(launch)
        answer = self._answers[launch.key] = self._order(launch, held, copier, *command)
        faultpoints.reach("attempt.ordered")
        reply = await answer.wait()
        faultpoints.reach("attempt.told")
        self._answers.pop(launch.key, None)
        if reply is not None and reply.what == "ended":
            ending = self._exited(launch.key, reply)
            ending = ending if held is None else with_limits_told(ending, held)
            return with_sandbox_told(ending, self._folders.of(launch.key))
        if reply is not None and reply.what in ("cwd", "spawn"):
            forget_programs()
            raise _spawn_failed(launch, reply)
        return await self.adopt(launch.key)

    async def _command(self, launch: Launch) -> tuple[tuple[str, ...], dict[str, str]]:
        """Give what is executed, and its environment."""
        folder = self._folders.of(launch.key)
        if not launch.cwd.startswith("/"):
            raise SpawnFailed(f"the folder {launch.cwd!r} is not absolute", cure="give a full path")
        return await self._confiner.order(
            launch, folder, command_of(launch, f"{folder}/script"), environment_of(launch, folder)
        )

    def _order(
        self,
        launch: Launch,
        held: Held | None,
        copier: str,
        command: tuple[str, ...],
        environment: dict[str, str],
    ) -> Answer:
        folder = self._folders.of(launch.key)
        holder = self._living_holder()
        if held is not None:
            command = command_within(held, command)
            holder = self._limiter.holder or holder
        if copier:
            command = (*command, COPIED_BY, copier)
        stdin = os.devnull if launch.stdin is None else f"{folder}/stdin"
        return holder.order(
            folder,
            launch.cwd,
            command,
            environment,
            launch.window if launch.terminal else stdin,
        )

    def _living_holder(self) -> HolderLink:
        """Give the holder, starting one when there is none."""
        if self._holder is None or self._holder.broken:
            try:
                self._holder = start_holder(self._folders.this_boot)
            except OSError as error:
                raise SpawnFailed(
                    f"the process that keeps steps cannot be started: {error.strerror}",
                    cure="end other processes, or raise the limit on them (ulimit -u)",
                ) from error
            self._nursery.start_soon(self._holder.serve)
        return self._holder

    # -------------------------------------------------------------------------------- waiting

    async def adopt(self, key: AttemptKey) -> Ending:
        """Wait for the end of an attempt, or say what is known; see the port."""
        held = self._held(self._folders.of(key))
        ending = await self._end_of(key)
        if not isinstance(ending, Exited):
            return ending
        ending = ending if held is None else with_limits_told(ending, held)
        return with_sandbox_told(ending, self._folders.of(key))

    async def _keep_promise(self, key: AttemptKey) -> None:
        """Give an attempt that nobody has run a folder, in which can be said what became of it."""
        while self._folders.is_promised(key):
            try:
                self._folders.make(key, script="", stdin=None)
            except OSError as error:
                log.warning("%s cannot be settled yet: %s", key, error.strerror)
                await trio.sleep(LONGEST_PAUSE)

    async def _end_of(self, key: AttemptKey) -> Ending:
        await self._keep_promise(key)
        folder = self._folders.of(key)
        if (answer := self._answers.get(key)) is not None:
            reply = await answer.wait()
            self._answers.pop(key, None)
            if reply is not None and reply.what == "ended":
                return self._exited(key, reply)
        if self._folders.exists(key):
            return await self._follow(folder)
        if self._folders.in_earlier_boot(key) is None:  # a script may remove its own folder
            await wait_tree_gone(self._tree(folder), self._taker)
        return self._ending_in_earlier_boot(key)

    def _exited(self, key: AttemptKey, reply: Reply) -> Exited:
        if reply.silent:
            self._silent.add(key)
            return Exited(reply.code, reply.duration_ms, usage=reply.usage)
        if reply.stays_open:
            complain(self._folders.of(key), [_STAYS_OPEN])
        outputs = read_outputs(self._folders.of(key))
        return Exited(reply.code, reply.duration_ms, outputs, reply.usage)

    async def _follow(self, folder: str) -> Ending:
        """Wait, by the record alone, for the end of an attempt of this boot."""
        pause = FIRST_PAUSE
        while True:
            holder_lives = True
            match read_record(folder):
                case None:
                    faultpoints.reach("attempt.refusing")
                    try:
                        refuse(folder)  # the next look tells whether somebody was faster
                    except FileNotFoundError:
                        await wait_tree_gone(self._tree(folder), self._taker)
                        return Vanished("its files were removed")
                case Refused():
                    return NeverStarted()
                case Ended() as end:
                    await _wait_at_rest(folder)
                    return Exited(end.exit_code, end.duration_ms, read_outputs(folder), end.usage)
                case Running(process, holder):
                    await wait_gone(process)
                    holder_lives = is_alive(holder)
                case Claimed(holder) if not is_alive(holder):
                    await wait_tree_gone(self._tree(folder, holder=holder), self._taker)
                    holder_lives = False
            # A holder that was seen dead may have recorded the end before: one more look.
            if not holder_lives and not isinstance(read_record(folder), Ended | Refused):
                return Vanished("the process that keeps exit codes was killed while the step ran")
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _ending_in_earlier_boot(self, key: AttemptKey) -> Ending:
        folder = self._folders.in_earlier_boot(key)
        match None if folder is None else (folder, read_record(folder)):
            case (_, Ended(exit_code=code)) if code in _OF_SHUTTING_DOWN:
                return Vanished("it was ended by a signal, as is done when a machine shuts down")
            case (at, Ended() as end) if bytes_written(at) >= end.written:
                return Exited(end.exit_code, end.duration_ms, read_outputs(at), end.usage)
            case (_, Ended()):
                return Vanished("it ended, but a power cut took some of what it had written")
            case (_, Refused()):
                return NeverStarted()
        return Vanished("the machine was restarted, or lost power, before its end was recorded")

    # ----------------------------------------------------------------------------- terminating

    async def terminate(self, key: AttemptKey, grace_seconds: float) -> None:
        """End the attempt's whole process tree; see the port and `tree.py`."""
        await self._keep_promise(key)
        folder = self._folders.of(key)
        pause = FIRST_PAUSE
        if not self._folders.exists(key):  # a script may remove its own folder
            await end_tree(self._tree(folder), grace_seconds, self._taker)
        while self._folders.exists(key):
            match read_record(folder):
                case None:
                    try:
                        refuse_as_terminated(folder)
                    except FileNotFoundError:  # or its record alone
                        await end_tree(self._tree(folder), grace_seconds, self._taker)
                        return
                case Refused():
                    return
                case Claimed(holder) if is_alive(holder):
                    pass  # about to become a process: one moment
                case Running(process, holder):
                    leader = process if is_alive(process) else None
                    tree = self._tree(folder, leader=leader, holder=holder)
                    await end_tree(tree, grace_seconds, self._taker)
                    return
                case _:  # what the script may have left running
                    await end_tree(self._tree(folder), grace_seconds, self._taker)
                    return
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _tree(
        self, folder: str, *, leader: Process | None = None, holder: Process | None = None
    ) -> Tree:
        holders = (self._holder, self._limiter.holder)
        ours = {os.getpid(), *(holder.pid for holder in holders if holder is not None)}
        since_ns = 0
        if holder is not None:
            since_ns = holder.seen_ns
            ours.add(holder.pid)
        held = self._held(folder)
        group = "" if held is None else held.group
        real = os.path.realpath(folder)
        return Tree(mark_of(folder), leader, since_ns, frozenset(ours), real, group)

    def _held(self, folder: str) -> Held | None:
        return held_in(folder, name_of(folder))

    def is_over(self, key: AttemptKey) -> bool:
        """Whether the script has ended; see the port."""
        return isinstance(read_record(self._folders.of(key)), Ended)

    def age_seconds(self, key: AttemptKey) -> float:
        """Seconds since the process was made; see the port."""
        match read_record(self._folders.of(key)):
            case Running(process):
                return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - process.seen_ns) / 1e9
        return 0.0

    # --------------------------------------------------------------- what is typed and written

    def type_nowait(self, key: AttemptKey, keys: bytes, size: WindowSize | None) -> None:
        """Type at the attempt's terminal; see the port."""
        send_keys(self._folders.of(key), keys, size)

    def output_size(self, key: AttemptKey, stream: Stream) -> int:
        """Bytes written so far; 0 when there is nothing."""
        return 0 if key in self._silent else self._folders.size(key, stream)

    def read_output(self, key: AttemptKey, stream: Stream, offset: int, limit: int) -> bytes:
        """Give up to `limit` bytes from `offset`."""
        return self._folders.read(key, stream, offset, limit)

    def release_output(self, key: AttemptKey, stream: Stream, start: int, end: int) -> None:
        """Give room back to the disk; see the port."""
        self._folders.release(key, stream, start, end)

    def variables_of(self, key: AttemptKey, names: Collection[str]) -> dict[str, str]:
        """Look at the environment of an attempt's process; see the port."""
        match read_record(self._folders.of(key)):
            case Running(process):
                entries = read_proc(f"{process.pid}/environ").split(b"\0")
                pairs = (os.fsdecode(entry).partition("=")[::2] for entry in entries)
                return {name: value for name, value in pairs if name in names}
        return {}

    def forget(self, key: AttemptKey) -> None:
        """Remove what is kept of an attempt; see the port."""
        self._answers.pop(key, None)
        self._folders.forget(key, silent=key in self._silent)
        self._silent.discard(key)
        for folder in self._folders.take_dropped():
            self._nursery.start_soon(trio.to_thread.run_sync, remove_tree, folder)

    async def confine(
        self,
        levels: Collection[Sandbox],
        cwd: str,
        *,
        rehearsal: str = "",
        drawn: Drawn = NOTHING_DRAWN,
    ) -> Confined:
        """Say what steps of these levels are confined to; see the port."""
        return await self._confiner.confine(levels, cwd, rehearsal, drawn)

    async def unheld(self, drawn: Drawn) -> str:
        """Say why this machine cannot hold what policies draw; see the port."""
        return await self._confiner.refused("off", drawn)

    async def sandbox_here(self) -> str:
        """Say what confines steps on this machine."""
        return await self._confiner.words()

    async def limits_held_by(self) -> str:
        """Say what holds the limits of steps on this machine."""
        return await self._limiter.words()

    def leftovers(self) -> list[AttemptKey]:
        """Attempts something is still kept of, of any boot."""
        return self._folders.leftovers()


async def _copier_for(launch: Launch) -> str:
    """Give the program that copies the script's output, where it opens that anew; or nothing."""
    anew = opens_anew(launch.script)
    if not anew and (names := texts_named(launch.script)):
        with trio.move_on_after(PATIENCE_SECONDS):
            anew = await trio.to_thread.run_sync(
                any_opens_anew, launch.cwd, names, abandon_on_cancel=True
            )
    return (shutil.which("cat", path=os.defpath) or "") if anew else ""


async def _wait_at_rest(folder: str) -> None:
    """Wait, as a holder does, for those that write for a script which is over."""
    with trio.move_on_after(PATIENCE_SECONDS):
        while size_at_rest(folder) == OPEN:  # noqa: ASYNC110  # of which nobody tells
            await trio.sleep(LONGEST_PAUSE_SECONDS)


def _spawn_failed(launch: Launch, reply: Reply) -> SpawnFailed:
    """Say why no process was made, and what to do about it."""
    if reply.what == "cwd":
        return SpawnFailed(
            f"the folder {launch.cwd} cannot be entered: {os.strerror(reply.code)}",
            cure="make the folder, or give the step another `cwd`",
        )
    cures = {
        errno.E2BIG: "the environment is too large: pass big values in files",
        errno.EAGAIN: "end other processes, or raise the limit on them (ulimit -u)",
        errno.ENOMEM: "the machine is out of memory: end other programs",
        errno.ENOSPC: "the disk is full: make room",
        errno.EDQUOT: "the disk quota is used up: make room",
    }
    return SpawnFailed(
        f"no process could be made for step {launch.key.step}: {reply.words}",
        cure=cures.get(
            reply.code, "see that the shell and the folder of Flow's state are in order"
        ),
    )
