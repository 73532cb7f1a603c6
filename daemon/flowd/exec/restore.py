"""Puts files back as they were before a step: the compensation of steps that were saved.

It is run as `python -I -S restore.py FOLDER`, by a holder, like any undo script; the standard
library and nothing else. FOLDER is what `saving.py` made:

    manifest.json      what stood at each path: the format below, which only grows
    files/N            the content of the entry with that `content`
    replaced/PATH      what this program took away, under the path it had

Nothing is destroyed: what stands at a path now and is not what was saved is moved to `replaced`
first. It may be killed at any moment and run again: what is right already is left alone.
"""
# Paths are strings here: pathlib would double the time this program takes to start.
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH108, PTH112
# ruff: noqa: PTH114, PTH115, PTH119, PTH120, PTH123, PTH208, PTH211

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import stat
import sys
from collections.abc import Callable
from typing import NotRequired, TypedDict

MANIFEST = "manifest.json"
FILES = "files"
REPLACED = "replaced"
READ_BYTES = 1 << 20
DIGEST_BYTES = 20


class Entry(TypedDict):
    """What stood at a path. Times in nanoseconds since the epoch, sizes in bytes.

    `whole`: a folder with all that was in it. `content`: the number of the file that holds it;
    without one only mode and times were saved. `linked`: that file is the old one itself.
    """

    path: str
    kind: str  # absent, file, folder, link
    mode: NotRequired[int]
    mtime_ns: NotRequired[int]
    owner: NotRequired[list[int]]
    inode: NotRequired[int]
    names: NotRequired[int]
    target: NotRequired[str]
    whole: NotRequired[bool]
    size: NotRequired[int]
    content: NotRequired[int]
    digest: NotRequired[str]
    linked: NotRequired[bool]


class Failed(Exception):
    """A path that cannot be put back, and why."""


def digest_of(path: str) -> str:
    """The BLAKE2 digest of a regular file's content, in hexadecimal. OSError if unreadable."""
    made = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb", 0) as file:
        while chunk := file.read(READ_BYTES):
            made.update(chunk)
    return made.hexdigest()


def now_at(path: str) -> os.stat_result | None:
    """What stands at a path, links not followed; None for nothing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def sync(path: str) -> None:
    """Have a file or folder written to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Restorer:
    """One pass over what was saved in `folder`."""

    def __init__(self, folder: str):
        self.folder = folder
        with open(f"{folder}/{MANIFEST}", encoding="ascii") as file:
            self.entries: list[Entry] = json.load(file)["entries"]
        self.paths = {entry["path"] for entry in self.entries}
        self.failures = 0

    def run(self) -> int:
        """Put everything back; give the exit code."""
        missing = [entry["path"] for entry in self.entries if not self._is_kept(entry)]
        if missing:
            print(f"what was saved of {', '.join(missing[:5])} is gone; nothing was changed",
                  file=sys.stderr)  # fmt: skip
            return 1
        for number, entry in enumerate(self.entries):
            self._try(self._restore, number, entry)
        for number, entry in reversed(list(enumerate(self.entries))):
            if entry["kind"] == "folder":
                self._try(self._finish_folder, number, entry)
        for parent in {os.path.dirname(path) for path in self.paths}:
            with contextlib.suppress(OSError):
                sync(parent)
        return 1 if self.failures else 0

    def _try(self, act: Callable[[int, Entry], None], number: int, entry: Entry) -> None:
        """One path that resists must not keep the others from being put back."""
        try:
            act(number, entry)
        except (OSError, Failed) as error:
            self.failures += 1
            print(f"could not put back {entry['path']}: {error}", file=sys.stderr)

    def _saved(self, entry: Entry) -> str:
        return f"{self.folder}/{FILES}/{entry['content']}"

    def _is_kept(self, entry: Entry) -> bool:
        if "content" not in entry:
            return True
        kept = now_at(self._saved(entry))
        return kept is not None and (entry.get("linked", False) or kept.st_size == entry["size"])

    def _restore(self, number: int, entry: Entry) -> None:
        path, kind = entry["path"], entry["kind"]
        now = now_at(path)
        if kind == "absent":
            if now is not None:
                print(f"took away {path}, kept as {self._put_aside(path)}", flush=True)
            return
        if now is None and kind != "file":
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if kind == "link":
            self._restore_link(entry, now)
        elif kind == "folder":
            self._restore_folder(entry, now)
        elif "content" in entry:
            self._restore_file(number, entry, now)
        elif now is not None and stat.S_ISREG(now.st_mode):
            self._restore_marks(entry, now)

    def _restore_link(self, entry: Entry, now: os.stat_result | None) -> None:
        path, target = entry["path"], entry["target"]
        if now is not None and stat.S_ISLNK(now.st_mode) and os.readlink(path) == target:
            return
        kept = self._clear(path, now)
        os.symlink(target, path)
        self._own(path, entry)
        print(f"put back {path}{kept}", flush=True)

    def _restore_folder(self, entry: Entry, now: os.stat_result | None) -> None:
        path = entry["path"]
        if now is None or not stat.S_ISDIR(now.st_mode):
            kept = self._clear(path, now)
            os.mkdir(path, 0o700)
            self._own(path, entry)
            print(f"put back {path}/{kept}", flush=True)
            return
        if stat.S_IMODE(now.st_mode) & 0o700 != 0o700:
            os.chmod(path, stat.S_IMODE(now.st_mode) | 0o700)  # `_finish_folder` gives it its mode
        if entry.get("whole"):
            for name in sorted(os.listdir(path)):
                if f"{path}/{name}" not in self.paths:
                    kept = self._put_aside(f"{path}/{name}")
                    print(f"took away {path}/{name}, kept as {kept}", flush=True)

    def _finish_folder(self, _number: int, entry: Entry) -> None:
        now = now_at(entry["path"])
        if now is not None and stat.S_ISDIR(now.st_mode):
            self._restore_marks(entry, now)

    def _restore_marks(self, entry: Entry, now: os.stat_result) -> None:
        path = entry["path"]
        if stat.S_IMODE(now.st_mode) != entry["mode"]:
            os.chmod(path, entry["mode"])
            if entry["kind"] == "file":
                print(f"put back the mode of {path}", flush=True)
        if now.st_mtime_ns != entry["mtime_ns"]:
            os.utime(path, ns=(now.st_atime_ns, entry["mtime_ns"]))

    def _restore_file(self, number: int, entry: Entry, now: os.stat_result | None) -> None:
        path, saved = entry["path"], self._saved(entry)
        if now is not None and stat.S_ISREG(now.st_mode):
            kept_inode = os.lstat(saved).st_ino if entry.get("linked") else -1
            same = now.st_ino == kept_inode or (
                now.st_size == entry["size"] and digest_of(path) == entry["digest"]
            )
            if same:
                self._restore_marks(entry, now)
                return
            if entry["names"] > 1 and now.st_ino == entry["inode"]:
                self._write_in_place(entry, now)
                return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        place = f"{os.path.dirname(path)}/.flow-{os.path.basename(self.folder)}-{number}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)  # of a pass that was killed
        try:
            self._copy_saved(entry, place)
            kept = self._clear(path, now)
            os.rename(place, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)
        print(f"put back {path}{kept}", flush=True)

    def _copy_saved(self, entry: Entry, place: str) -> None:
        with open(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", 0) as file:
            self._pour(entry, file.fileno())
            self._own(place, entry)
            os.fchmod(file.fileno(), entry["mode"])
            os.utime(file.fileno(), ns=(entry["mtime_ns"], entry["mtime_ns"]))
            os.fsync(file.fileno())

    def _pour(self, entry: Entry, descriptor: int) -> None:
        """Write the saved content; Failed when it is not what it was."""
        made = hashlib.blake2b(digest_size=DIGEST_BYTES)
        with open(self._saved(entry), "rb", 0) as file:
            while chunk := file.read(READ_BYTES):
                made.update(chunk)
                while chunk:
                    chunk = chunk[os.write(descriptor, chunk) :]
        if made.hexdigest() != entry["digest"] and not entry.get("linked"):
            raise Failed("the saved content is damaged")

    def _write_in_place(self, entry: Entry, now: os.stat_result) -> None:
        """A file with several names keeps them all: it is overwritten, when a copy is aside."""
        path = entry["path"]
        kept = self._free_place(path)
        shutil.copy2(path, kept)
        sync(kept)
        if digest_of(self._saved(entry)) != entry["digest"]:
            raise Failed("the saved content is damaged")
        os.chmod(path, stat.S_IMODE(now.st_mode) | 0o200)
        with open(os.open(path, os.O_WRONLY | os.O_NOFOLLOW), "wb", 0) as file:
            self._pour(entry, file.fileno())
            os.ftruncate(file.fileno(), entry["size"])
            os.fsync(file.fileno())
        self._restore_marks(entry, os.lstat(path))
        print(f"put back {path}, what was there is kept as {kept}", flush=True)

    def _own(self, path: str, entry: Entry) -> None:
        if os.geteuid() == 0:
            os.chown(path, *entry["owner"], follow_symlinks=False)

    # -------------------------------------------------------------------------- putting aside

    def _clear(self, path: str, now: os.stat_result | None) -> str:
        """Make room at a path; the words that say where what was there is."""
        if now is None:
            return ""
        return f", what was there is kept as {self._put_aside(path)}"

    def _put_aside(self, path: str) -> str:
        """Move what stands at a path to `replaced`; give its place there."""
        place = self._free_place(path)
        try:
            os.rename(path, place)
        except PermissionError:  # a folder that may not be written cannot be moved
            mode = stat.S_IMODE(os.lstat(path).st_mode)
            os.chmod(path, mode | 0o700, follow_symlinks=False)
            os.rename(path, place)
            os.chmod(place, mode)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(path, f"{place}.part")
            os.sync()
            os.rename(f"{place}.part", place)
            _remove(path)
        return place

    def _free_place(self, path: str) -> str:
        for number in itertools.count():
            base = f"{self.folder}/{REPLACED}{f'.{number}' if number else ''}"
            with contextlib.suppress(FileExistsError, NotADirectoryError):
                os.makedirs(os.path.dirname(base + path), exist_ok=True)
                if not os.path.lexists(base + path):
                    return base + path
        raise AssertionError  # there are more numbers than files


def _copy(path: str, place: str) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        shutil.copy2(path, place, follow_symlinks=False)
    else:
        shutil.copytree(path, place, symlinks=True)


def _remove(path: str) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
    else:
        shutil.rmtree(path)


def main() -> int:
    """Restore what the folder on the command line holds; give the exit code."""
    folder = sys.argv[1]
    try:
        restorer = Restorer(folder)
    except (OSError, ValueError, KeyError) as error:
        print(f"what was saved in {folder} cannot be read: {error}", file=sys.stderr)
        return 1
    return restorer.run()


if __name__ == "__main__":
    sys.exit(main())
