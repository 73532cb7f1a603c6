"""The Unix socket: made so that only its owner can reach it, one session for each connection."""

import logging
import os
import socket
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import trio

from flowd.errors import Conflict, InvalidInput
from flowd.server.errors import ProtocolError, encode_error
from flowd.server.services import Services
from flowd.server.session import serve_session
from flowproto import codes
from flowproto.framing import encode_frame
from flowproto.socketpath import SOCKET_PATH_LIMIT

WAITING_CONNECTIONS = 1024  # not yet accepted; the kernel may hold fewer
_PROBE_SECONDS = 1.0
_UCRED = struct.Struct("3i")  # pid, uid, gid: see SO_PEERCRED in unix(7)

log = logging.getLogger("flowd.server")


async def serve_socket(
    services: Services,
    path: Path,
    handed_over: Sequence[socket.socket] = (),
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve every client until cancelled: of a socket made at `path`, or of those handed over.

    Listening sockets that somebody else made (systemd) are left in place at the end. Raises
    Conflict when another daemon answers at the path, InvalidInput when no socket can be there.
    """
    if handed_over:
        await _serve(services, handed_over, task_status)
        return
    with open_socket(path) as made:
        await _serve(services, [made], task_status)


async def serve_streams(
    services: Services, incoming: trio.abc.ReceiveStream, outgoing: trio.abc.SendStream
) -> None:
    """Serve one client over a pair of streams until it leaves."""
    await _serve_client(services, trio.StapledStream(outgoing, incoming))


async def _serve(
    services: Services, listening: Sequence[socket.socket], task_status: trio.TaskStatus[None]
) -> None:
    listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(one)) for one in listening]
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, partial(_serve_stranger, services), listeners)
        task_status.started()


async def _serve_stranger(services: Services, stream: trio.SocketStream) -> None:
    """Serve a new connection if it may be served at all."""
    uid = peer_uid(stream.socket)
    if not may_connect(uid, os.geteuid()):
        log.warning("a process of user %d was turned away", uid)
        return
    if services.peers >= services.limits.peers:
        busy = ProtocolError(
            codes.BUSY, f"{services.peers} clients are connected", cure="close some, then try again"
        )
        with trio.move_on_after(_PROBE_SECONDS):
            await stream.send_all(encode_frame(encode_error(None, busy)))
        return
    await _serve_client(services, stream)


async def _serve_client(services: Services, stream: trio.abc.Stream) -> None:
    try:
        await serve_session(services, stream)
    except Exception:  # a bug of ours costs this client its connection, and nobody else anything
        log.exception("a session ended in a bug")


def peer_uid(connected: trio.socket.SocketType) -> int:
    """The user at the other end, as the kernel saw it when the connection was made."""
    raw = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(raw)[1]
    return uid


def may_connect(uid: int, own_uid: int) -> bool:
    """Whether that user is served: the daemon's own user only, not even root."""
    return uid == own_uid


@contextmanager
def open_socket(path: Path) -> Iterator[socket.socket]:
    """Make a listening socket (0600) in a folder of ours (0700); remove it at the end."""
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
        raise InvalidInput(
            f"{path} is too long for a socket: at most {SOCKET_PATH_LIMIT} bytes",
            cure="set FLOW_HOME or XDG_RUNTIME_DIR to a shorter folder",
        )
    make_private(path.parent)
    remove_stale(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        mask = os.umask(0o177)  # the file must never exist with wider permissions
        try:
            listening.bind(os.fspath(path))
        finally:
            os.umask(mask)
        listening.listen(WAITING_CONNECTIONS)
        made = path.stat().st_ino
        try:
            yield listening
        finally:
            _remove_own(path, made)


def make_private(folder: Path) -> None:
    """Make the folder, readable by its owner alone; InvalidInput when somebody else owns it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise InvalidInput(
                f"{folder} belongs to user {found.st_uid}, who could replace the socket",
                cure="remove it, or set FLOW_HOME or XDG_RUNTIME_DIR to a folder of your own",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot hold the socket: {error.strerror}",
            cure="set FLOW_HOME or XDG_RUNTIME_DIR to a folder that can be written to",
        ) from error


def remove_stale(path: Path) -> None:
    """Remove the socket of a daemon that is no more; Conflict when one answers there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise InvalidInput(f"{path} is in the way and is not a socket", cure="move it away")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError:  # somebody holds it but is slow, or it is not for us: not ours to remove
            pass
    raise Conflict(
        f"another daemon serves {path}", cure="flowctl daemon stop ends it; or just use it"
    )


def _remove_own(path: Path, inode: int) -> None:
    """Remove the socket unless another daemon has put its own there meanwhile."""
    try:
        if path.lstat().st_ino == inode:
            path.unlink()
    except FileNotFoundError:
        return
