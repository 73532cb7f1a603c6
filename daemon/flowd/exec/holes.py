"""Giving back to the disk what an endless printer wrote and nobody will read.

A step's output is a file that only grows: the step never waits for us, and every offset stays what
it is. So what will not be read becomes a hole in it: the file keeps its length, not its blocks.
"""

import ctypes
import logging
import os
import stat

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h

log = logging.getLogger(__name__)


def punch_hole(path: str, start: int, end: int) -> None:
    """Free the blocks of a file between two offsets; what is read there is zeros from then on.

    A file that a script put in its place under two names, or a link, is left alone: it is
    somebody's. Does nothing where the file system has no holes.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            return
        failed = _libc().fallocate64(
            descriptor,
            _PUNCH_HOLE | _KEEP_SIZE,
            ctypes.c_int64(start),
            ctypes.c_int64(end - start),
        )
        if failed:
            log.debug("no hole in %s: %s", path, os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
