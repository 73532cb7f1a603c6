"""Removing folders that scripts wrote to, whatever they left there."""

import contextlib
import logging
import os
import shutil

log = logging.getLogger(__name__)


def remove_tree(folder: str) -> None:
    """Remove a folder and all below it, as far as that can be done. Never raises.

    Some tools take the right to write from folders that they fill, and the kernel leaves one of an
    overlay's that nobody may enter; these are opened first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):  # a dangling link is there, too
        return
    with contextlib.suppress(OSError, RecursionError):
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        _open_up(top)
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        log.warning("%s could not be removed", folder)


def _open_up(folder: int) -> None:
    """Let us into every folder below an open one, which is closed. No link is followed."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in names:
            flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(name, flags, dir_fd=folder)
            try:
                os.chmod(f"/proc/self/fd/{handle}", 0o700)  # noqa: PTH101
                _open_up(os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_CLOEXEC))
            finally:
                os.close(handle)
    finally:
        os.close(folder)
