"""Which attempts wait and are promised a folder: a file that outlives the daemon, a line for each.

    +RUN.STEP.KIND.ATTEMPT      is promised
    -RUN.STEP.KIND.ATTEMPT      was

A promise ends with its sign written over, and its line is there for the next one of that length:
the file holds as many lines as attempts ever waited at once, and on a full disk all goes on. A line
that a kill left half written is nobody's.
"""
# Paths are strings here, as in `folders.py`.

import errno
import os
import re
from collections import defaultdict

from flowd.exec.regular import read_regular

MOST_BYTES = 67_108_864  # that are read: some million attempts

_LINE = re.compile(rb"([+-])([A-Za-z0-9_.-]+)\n")


class Promises:
    """The promises in the file at `path`, which is made with the first of them.

    Names are those of attempts' folders. OSError where the file cannot be read.
    """

    def __init__(self, path: str):
        self._path = path
        self._descriptor: int | None = None
        self._at: dict[str, int] = {}  # offsets of their lines, in bytes
        self._free: defaultdict[int, list[int]] = defaultdict(list)  # by the length of the name
        self._end = 0
        for sign, name, at in _lines_of(read_regular(path, MOST_BYTES) or b""):
            self._end = at + len(name) + 2
            if sign == b"+":
                self._at[name.decode()] = at
            else:
                self._free[len(name)].append(at)

    def __contains__(self, name: str) -> bool:
        return name in self._at

    def __bool__(self) -> bool:
        return bool(self._at)

    def names(self) -> list[str]:
        """Give the names of all that is promised."""
        return list(self._at)

    def add(self, name: str) -> None:
        """Promise. OSError when that cannot be written; nothing was promised then."""
        line = f"+{name}\n".encode()
        free = self._free[len(name)]
        at = free[-1] if free else self._end
        if os.pwrite(self._open(), line, at) < len(line):
            os.pwrite(self._open(), b"-", at)
            os.ftruncate(self._open(), self._end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._path)
        if free:
            free.pop()
        else:
            self._end += len(line)
        self._at[name] = at

    def end(self, name: str) -> None:
        """A promise was kept or taken back. OSError when that cannot be written."""
        os.pwrite(self._open(), b"-", self._at[name])
        self._free[len(name)].append(self._at.pop(name))

    def write_anew(self) -> None:
        """Write all to a new file: somebody removed the old one. OSError when it cannot be."""
        names = self.names()
        self.close()
        self._at.clear()
        self._free.clear()
        self._end = 0
        for name in names:
            self.add(name)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open(self) -> int:
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
            os.ftruncate(self._descriptor, self._end)  # away with what is half written
        return self._descriptor


def _lines_of(content: bytes) -> list[tuple[bytes, bytes, int]]:
    """Give sign, name and offset of each line, up to one that is none."""
    found, at = [], 0
    while line := _LINE.match(content, at):
        found.append((line[1], line[2], at))
        at = line.end()
    return found
