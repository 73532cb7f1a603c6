"""Reading files that a script could have replaced by anything: a pipe, a folder, a device.

Opening a pipe waits for a writer, and the daemon must never wait for a file; reading a folder is an
error, and a device may have no end. So whatever is not a regular file counts as not being there.
"""

import errno
import os
import stat

_NOTHING_TO_READ = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.EACCES, errno.ELOOP, errno.ENODEV}
)


def read_regular(path: str, limit: int, offset: int = 0) -> bytes | None:
    """Give up to `limit` bytes from `offset`; None when there is no regular file. Never waits.

    A link is no regular file: a step that must not read a file could have us read it.

    OSError when the file cannot be read for another reason, such as too many open ones.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in _NOTHING_TO_READ:
            return None
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return os.pread(descriptor, limit, offset)
    finally:
        os.close(descriptor)
