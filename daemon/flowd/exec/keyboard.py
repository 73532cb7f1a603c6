"""The daemon's end of a step's terminal: keys and sizes go into the FIFO its keeper reads."""

import errno
import os
import stat

from flowd.domain.ports import MOST_KEYS_BYTES, WindowSize
from flowd.errors import Bug, Conflict
from flowd.exec.holder import KEYS
from flowd.exec.terminal import message, window

_NOT_OPEN = frozenset({errno.ENOENT, errno.ENXIO, errno.ENOTDIR, errno.ELOOP})


def send_keys(folder: str, keys: bytes, size: WindowSize | None) -> None:
    """Type keys, after a change of the window's size, at the terminal of the attempt in `folder`.

    Never waits, and sends all or nothing. Conflict with `again` true in its data when that may
    work later: the terminal is not open yet, or the program does not read what was typed.
    """
    if len(keys) > MOST_KEYS_BYTES:
        raise Bug(f"{len(keys)} bytes of keys at once")
    content = message(b"w", window(*size)) if size is not None else b""
    content += message(b"k", keys) if keys else b""
    try:
        descriptor = _open(f"{folder}/{KEYS}")
    except OSError as error:
        if error.errno not in _NOT_OPEN:
            raise
        raise Conflict(
            "its terminal is not open", cure="try again in a moment", data={"again": True}
        ) from None
    try:
        os.write(descriptor, content)
    except (BlockingIOError, BrokenPipeError):
        raise Conflict(
            "the program does not read what is typed",
            cure="wait until it does, or end it with flowctl cancel",
            data={"again": True},
        ) from None
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    """Open the FIFO. OSError when there is none, or none that anybody reads."""
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)  # a file put in its place must not get what may be a password
    raise OSError(errno.ENOENT, "not a FIFO any more", path)
