"""Copies what a `Survey` found, durably, into a folder that `restore.py` can put back."""
# Paths are strings here, as in `restore.py`, which must take them to the letter.
# ruff: noqa: PTH103, PTH104, PTH120, PTH123

import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import threading
from typing import Protocol

from flowd import faultpoints
from flowd.exec.restore import DIGEST_BYTES, FILES, MANIFEST, READ_BYTES, digest_of, sync
from flowd.exec.survey import Found, NotSaved, Survey

_FICLONE = 0x40049409


def save(survey: Survey, folder: str, stop: threading.Event) -> None:
    """Copy what was found into `folder`, which is made, durably. NotSaved or OSError leave none.

    `stop` has it end with NotSaved.
    """
    part = f"{folder}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        os.makedirs(f"{part}/{FILES}", 0o700)
        entries = []
        for number, path in enumerate(sorted(survey.found)):
            if stop.is_set():
                raise NotSaved("it was called off")
            found = survey.found[path]
            if found.content:
                _keep(found, number, f"{part}/{FILES}/{number}", stop)
            entries.append(found.entry)
        with open(f"{part}/{MANIFEST}", "w", encoding="ascii") as file:
            json.dump({"version": 1, "entries": entries}, file)
            file.flush()
            os.fsync(file.fileno())
        sync(f"{part}/{FILES}")
        sync(part)
        faultpoints.reach("files.copied")
        os.rename(part, folder)
        sync(os.path.dirname(folder))
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _keep(found: Found, number: int, place: str, stop: threading.Event) -> None:
    """Keep a file's content: by a link to it where it only goes away, else by a copy."""
    entry, status = found.entry, found.status
    assert status is not None
    path = entry["path"]
    entry["content"] = number
    if found.only_removed and status.st_nlink == 1 and _link(path, place, status):
        entry["linked"] = True
        entry["digest"] = digest_of(place)
        sync(place)
        return
    source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        target = os.open(place, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(source).st_mode):
                raise NotSaved(f"{path} is no ordinary file")
            made = hashlib.blake2b(digest_size=DIGEST_BYTES)
            copy_file(source, target, stop, made)
            entry["digest"] = made.hexdigest()
            entry["size"] = os.fstat(target).st_size
            os.fsync(target)
        finally:
            os.close(target)
    finally:
        os.close(source)


def _link(path: str, place: str, status: os.stat_result) -> bool:
    try:
        os.link(path, place, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return os.lstat(place).st_ino == status.st_ino


class Digest(Protocol):
    """Takes in content, bit by bit."""

    def update(self, data: bytes, /) -> None:
        """Take in the next bytes."""
        ...


def copy_file(
    source: int, target: int, stop: threading.Event, made: Digest, most: int | None = None
) -> None:
    """Copy, sharing the blocks where the file system can; `made` takes the content in.

    Goes on for a little more than `most` bytes at most, if that is given. NotSaved when `stop` is
    set.
    """
    try:
        fcntl.ioctl(target, _FICLONE, source)
        cloned = True
    except OSError:
        cloned = False
    reads = target if cloned else source
    size = 0
    while (most is None or size <= most) and (chunk := os.read(reads, READ_BYTES)):
        made.update(chunk)
        size += len(chunk)
        if stop.is_set():
            raise NotSaved("it was called off")
        while not cloned and chunk:
            chunk = chunk[os.write(target, chunk) :]
