"""The daemon's end of a holder: orders go out, replies come back."""

import marshal
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import trio

from flowd.domain.ports import Usage
from flowd.exec.folders import HOLDER_LOG
from flowd.exec.holder import SILENT, STAYS_OPEN, pack, take_bodies
from flowd.exec.records import parse_usage

_HOLDER = Path(__file__).with_name("holder.py")
_READ_BYTES = 65_536
_FAREWELL_SECONDS = 2.0
# The daemon may open more files than others; its steps get what it was started with, because some
# programs cannot cope with high descriptors (see select(2)).
_FILES_OF_STEPS = resource.getrlimit(resource.RLIMIT_NOFILE)
_NOTHING: Mapping[str, str] = MappingProxyType({})
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")  # how names and environments become bytes


class Reply(NamedTuple):
    """What a holder says of an order; `holder.Reply` tells what the parts mean."""

    order: int
    what: str
    code: int
    duration_ms: int
    words: str

    @property
    def usage(self) -> Usage:
        """What an attempt that ended had used."""
        return parse_usage([int(word) for word in self.words.split() if word.isdecimal()])

    @property
    def silent(self) -> bool:
        """Whether the attempt wrote nothing, and nothing that it left behind can."""
        return self.words.endswith(SILENT)

    @property
    def stays_open(self) -> bool:
        """Whether what the attempt left behind may write more, of which nothing is kept."""
        return self.words.endswith(STAYS_OPEN)


class Answer:
    """What will become of an order."""

    def __init__(self) -> None:
        self._told = trio.Event()
        self._reply: Reply | None = None

    async def wait(self) -> Reply | None:
        """Wait for the holder's reply; None when the holder died and cannot tell."""
        await self._told.wait()
        return self._reply

    def tell(self, reply: Reply | None) -> None:
        """Give the reply to all who wait, now or later."""
        self._reply = reply
        self._told.set()


class HolderLink:
    """A running holder. `serve` must run in a task for as long as it is used."""

    def __init__(self, pid: int, ours: socket.socket):
        self.pid = pid
        self.broken = False
        ours.setblocking(False)
        self._socket = ours
        self._backlog = bytearray()
        self._backlogged = trio.Event()
        self._orders = 0
        self._waiting: dict[int, Answer] = {}

    def order(
        self,
        folder: str,
        working_folder: str,
        command: tuple[str, ...],
        environment: dict[str, str],
        stdin: str | tuple[int, int] | None,
    ) -> Answer:
        """Have a process made, on a terminal when `stdin` is the size of one, or None.

        Never waits: what the socket does not take now goes later.
        """
        self._orders += 1
        answer = self._waiting[self._orders] = Answer()
        self._send(pack((self._orders, folder, working_folder, command, environment, stdin)))
        return answer

    def abandon(self) -> None:
        """End a process that was to become a holder and has not: it was given no order."""
        if not self.broken:  # else its number may be somebody else's by now
            os.kill(self.pid, signal.SIGKILL)

    def _send(self, message: bytes) -> None:
        sent = 0
        if not self._backlog:
            try:
                sent = self._socket.send(message)
            except BlockingIOError:
                pass
            except ConnectionError:  # the holder is gone: `serve` is about to find out
                return
        if sent < len(message):
            self._backlog += memoryview(message)[sent:]
            self._backlogged.set()

    async def serve(self) -> None:
        """Pass replies on until the holder ends. It is left behind when it still has steps."""
        ended = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_backlog)
                await self._receive()
                ended = True
                nursery.cancel_scope.cancel()
        finally:
            self.broken = True
            self._socket.close()
            if ended or not self._waiting:
                with trio.move_on_after(_FAREWELL_SECONDS, shield=True):
                    await self._reap()
            for answer in self._waiting.values():
                answer.tell(None)
            self._waiting.clear()

    async def _receive(self) -> None:
        inbox = bytearray()
        while True:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            inbox += data
            for body in take_bodies(inbox):
                reply = Reply(*marshal.loads(body))  # noqa: S302  # our own child wrote it
                self._waiting.pop(reply.order).tell(reply)

    async def _send_backlog(self) -> None:
        while True:
            await self._backlogged.wait()
            while self._backlog:
                await trio.lowlevel.wait_writable(self._socket)
                try:
                    sent = self._socket.send(self._backlog)
                except BlockingIOError:
                    continue
                except ConnectionError:
                    return
                del self._backlog[:sent]
            self._backlogged = trio.Event()

    async def _reap(self) -> None:
        pidfd = os.pidfd_open(self.pid)
        try:
            await trio.lowlevel.wait_readable(pidfd)
        finally:
            os.close(pidfd)
        os.waitpid(self.pid, os.WNOHANG)  # noqa: ASYNC222  # it has ended: there is no waiting


def start_holder(
    folder: str, prefix: tuple[str, ...] = (), more: Mapping[str, str] = _NOTHING
) -> HolderLink:
    """Start a holder; its own complaints go to holder.log in `folder`. OSError when refused.

    `prefix` are words to put before its command, of a program that becomes it, and `more` is what
    of an environment that program needs.
    """
    ours, theirs = socket.socketpair()
    try:
        log = f"{folder}/{HOLDER_LOG}"
        command = (*prefix, sys.executable, "-I", "-S", os.fspath(_HOLDER), folder)
        pid = os.posix_spawn(
            command[0],
            command,
            {**{name: os.environ[name] for name in _LOCALE if name in os.environ}, **more},
            setsid=True,
            setsigmask=(),
            setsigdef=signal.valid_signals(),
            file_actions=(
                (os.POSIX_SPAWN_DUP2, theirs.fileno(), 0),
                (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_OPEN, 2, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            ),
        )
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, _FILES_OF_STEPS)
    return HolderLink(pid, ours)
