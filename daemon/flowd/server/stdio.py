"""`flowd --stdio`: a pipe between an editor's standard streams and the running daemon."""

import os
import stat
from contextlib import suppress
from pathlib import Path

import trio

READ_AT_ONCE = 65_536  # bytes


async def relay_stdio(socket_path: Path, *, stdin: int = 0, stdout: int = 1) -> None:
    """Carry bytes both ways until the daemon closes its end, or nobody reads ours.

    When standard input ends, the daemon is told so and may still answer. OSError when no daemon
    listens at the path. Owns no database and understands nothing of what it carries.
    """
    async with (
        await trio.open_unix_socket(os.fspath(socket_path)) as daemon,
        _open(stdin) as incoming,
        _open(stdout) as outgoing,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_carry_in, incoming, daemon)
        await _carry(daemon, outgoing)
        nursery.cancel_scope.cancel()


async def _carry_in(incoming: trio.abc.ReceiveStream, daemon: trio.SocketStream) -> None:
    await _carry(incoming, daemon)
    with suppress(trio.BrokenResourceError):
        await daemon.send_eof()


async def _carry(source: trio.abc.ReceiveStream, sink: trio.abc.SendStream) -> None:
    """Carry bytes until the source ends or either side is gone, which is nobody's fault."""
    with suppress(trio.BrokenResourceError):
        while data := await source.receive_some(READ_AT_ONCE):
            await sink.send_all(data)


def _open(descriptor: int) -> trio.abc.Stream:
    """Open one of our standard streams; closing it leaves the descriptor as it was found."""
    mode = os.fstat(descriptor).st_mode
    waitable = not (stat.S_ISREG(mode) or (stat.S_ISCHR(mode) and not os.isatty(descriptor)))
    return trio.lowlevel.FdStream(os.dup(descriptor)) if waitable else _PlainFile(descriptor)


class _PlainFile(trio.abc.Stream):
    """A file, or /dev/null: the kernel refuses to wait for those, and they do not keep us long."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.lowlevel.checkpoint()
        return os.read(self._descriptor, max_bytes or READ_AT_ONCE)

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
