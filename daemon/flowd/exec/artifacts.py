"""Files that steps made, kept with their run: `STATE/artifacts/RUN/STEP.ATTEMPT/NUMBER`.

What there is of an attempt is named in the run's events; a folder appears complete or not at all.
Files are copies (which share their blocks where the file system can): a hard link would change with
whatever the next step does to the file.
"""
# Paths are strings here, as in `saving.py`.
# ruff: noqa: PTH103, PTH104, PTH108, PTH120, PTH208

import errno
import hashlib
import logging
import os
import shutil
import stat
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

import trio

from flowd import faultpoints
from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.commands import Kept
from flowd.domain.events import Artifact
from flowd.domain.files import Room
from flowd.domain.ports import AttemptKey
from flowd.errors import Unsupported
from flowd.exec.globs import Finder, TooMuch, open_beneath
from flowd.exec.places import is_within, readable_places
from flowd.exec.restore import sync
from flowd.exec.saving import copy_file
from flowd.exec.survey import NotSaved

log = logging.getLogger(__name__)

MOST_THREADS = 4

_LINKS = "symbolic links are not kept"
_FORBIDDEN = "a policy lets the step not read what matches"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class KeptFiles:
    """See the port `Artifacts`."""

    def __init__(self, folder: Path):
        self._folder = os.path.realpath(folder)
        self._threads = trio.CapacityLimiter(MOST_THREADS)

    async def keep(
        self,
        key: AttemptKey,
        folder: str,
        patterns: Sequence[str],
        room: Room,
        *,
        drawn: Drawn = NOTHING_DRAWN,
    ) -> Kept:
        """Copy what matches; see the port."""
        stop = threading.Event()
        try:
            return await trio.to_thread.run_sync(
                self._keep, self._of(key), folder, patterns, room, stop, drawn,
                abandon_on_cancel=True,
                limiter=self._threads,
            )  # fmt: skip
        finally:
            stop.set()

    def _keep(
        self,
        target: str,
        folder: str,
        patterns: Sequence[str],
        room: Room,
        stop: threading.Event,
        drawn: Drawn,
    ) -> Kept:
        part = f"{target}.part"
        try:
            shutil.rmtree(target, ignore_errors=True)  # of a daemon that did not live to record it
            shutil.rmtree(part, ignore_errors=True)
            root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                finder = Finder(root)
                found = finder.find(patterns)
                paths = _readable(root, found, drawn)
                if not paths:
                    reason = _FORBIDDEN if found else _nothing(patterns, finder)
                    return Kept(left_out=len(finder.links) + len(found), reason=reason)
                for made in (self._folder, os.path.dirname(part), part):
                    os.makedirs(made, 0o700, exist_ok=True)
                copier = _Copier(root, part, room, stop)
                for path in paths:
                    copier.take(path)
            finally:
                os.close(root)
            sync(part)
            faultpoints.reach("artifacts.copied")
            os.rename(part, target)
            sync(os.path.dirname(target))
        except (TooMuch, Unsupported) as error:
            return Kept(reason=str(error))
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            return Kept(reason=_in_words(error))
        except NotSaved:
            shutil.rmtree(part, ignore_errors=True)
            return Kept(reason="it was called off")
        return copier.kept(len(finder.links))

    async def forget_earlier(self, key: AttemptKey) -> None:
        """Remove what earlier attempts left; see the port."""
        if key.attempt > 1:
            await trio.to_thread.run_sync(self._forget_earlier, key, limiter=self._threads)

    def _forget_earlier(self, key: AttemptKey) -> None:
        for attempt in range(1, key.attempt):
            shutil.rmtree(f"{self._folder}/{key.run}/{key.step}.{attempt}", ignore_errors=True)

    def place_of(self, key: AttemptKey, number: int) -> str:
        """Give where a file was kept; see the port."""
        return f"{self._of(key)}/{number}"

    async def runs(self) -> list[str]:
        """Name the runs of which something is kept; see the port."""
        return await trio.to_thread.run_sync(self._runs, limiter=self._threads)

    def _runs(self) -> list[str]:
        try:
            return sorted(os.listdir(self._folder))
        except FileNotFoundError:  # nothing was ever kept
            return []

    async def drop(self, runs: Collection[str]) -> None:
        """Remove all of these runs; see the port."""
        await trio.to_thread.run_sync(self._drop, list(runs), limiter=self._threads)

    def _drop(self, runs: Sequence[str]) -> None:
        for run in runs:
            shutil.rmtree(f"{self._folder}/{run}", ignore_errors=True)

    async def measure(self) -> Room:
        """Count all that is kept; see the port."""
        return await trio.to_thread.run_sync(self._measure, limiter=self._threads)

    def _measure(self) -> Room:
        files = size = 0
        for folder, _, names in os.walk(self._folder):
            for name in names:
                try:
                    size += os.lstat(f"{folder}/{name}").st_size
                except FileNotFoundError:  # removed meanwhile
                    continue
                files += 1
        return Room(files, size)

    def _of(self, key: AttemptKey) -> str:
        return f"{self._folder}/{key.run}/{key.step}.{key.attempt}"


class _Copier:
    """Copies files one by one into the folder `part`, as long as there is room."""

    def __init__(self, root: int, part: str, room: Room, stop: threading.Event):
        self._root = root
        self._part = part
        self._room = room
        self._stop = stop
        self._files: list[Artifact] = []
        self._bytes = 0
        self._left_out = 0
        self._reason = ""

    def take(self, path: str) -> None:
        """Copy one file, or count it as left out."""
        try:
            path.encode()
        except UnicodeEncodeError:
            self._leave_out("a name is not valid UTF-8")
            return
        if len(self._files) >= self._room.files:
            self._leave_out(f"there are more than {self._room.files:,} files")
            return
        try:
            source = open_beneath(self._root, path)
        except OSError as error:
            self._leave_out(f"{path} cannot be read: {error.strerror}")
            return
        try:
            self._copy(path, source)
        finally:
            os.close(source)

    def _copy(self, path: str, source: int) -> None:
        status = os.fstat(source)
        left = self._room.bytes - self._bytes
        if not stat.S_ISREG(status.st_mode) or status.st_size > left:
            self._leave_out(f"{path} does not fit: {status.st_size:,} bytes, of {left:,} left")
            return
        place = f"{self._part}/{len(self._files)}"
        target = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            made = hashlib.sha256()
            copy_file(source, target, self._stop, made, most=left)
            size = os.fstat(target).st_size
            if size > left:  # somebody goes on writing to it
                os.unlink(place)
                self._leave_out(f"{path} does not fit: it grows beyond {left:,} bytes")
                return
            os.fsync(target)
        except OSError as error:
            os.unlink(place)
            if error.errno not in _NO_ROOM:
                raise
            self._leave_out("there is no room on the disk")
            return
        finally:
            os.close(target)
        mode = stat.S_IMODE(status.st_mode) & 0o777
        self._files.append(Artifact(path, size, made.hexdigest(), mode))
        self._bytes += size

    def _leave_out(self, reason: str) -> None:
        self._left_out += 1
        self._reason = self._reason or reason

    def kept(self, links: int) -> Kept:
        """Tell what became of all."""
        reason = self._reason or (_LINKS if links else "")
        return Kept(self._files, self._left_out + links, reason)


def _readable(root: int, paths: list[str], drawn: Drawn) -> list[str]:
    """Leave out what the step may not read: it may have put a link where its folder was."""
    if not drawn.readable:
        return paths
    real, places = os.readlink(f"/proc/self/fd/{root}"), readable_places(drawn)  # noqa: PTH115
    return [path for path in paths if any(is_within(f"{real}/{path}", each) for each in places)]


def _nothing(patterns: Sequence[str], finder: Finder) -> str:
    return _LINKS if finder.links else f"no file matches {' '.join(patterns)}"


def _in_words(error: OSError) -> str:
    if error.errno in _NO_ROOM:
        return "there is no room on the disk"
    return f"{error.filename or 'a file'}: {error.strerror}"
