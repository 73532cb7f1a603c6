"""Finds the files in a folder that match patterns, and never leaves it.

Patterns are the shell's: `*`, `?` and `[…]` match within a name, `**` goes through all folders; a
name that begins with a dot matches only what says the dot. What matches and is a folder stands for
all that is in it. Symbolic links are not followed: a script could point them anywhere.
"""

import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache

MOST_ENTRIES = 200_000  # looked at for one step
DEEPEST = 64

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAGIC = re.compile(r"[*?[]")


class TooMuch(Exception):
    """There is more to look at than anybody meant."""


class Finder:
    """Looks through one folder, which `root` has open. `links` are links that matched."""

    def __init__(self, root: int):
        self._root = root
        self._left = MOST_ENTRIES
        self._deep = False
        self.links: set[str] = set()

    def find(self, patterns: Sequence[str]) -> list[str]:
        """Give the paths of all regular files that match, each once, in order.

        TooMuch when there are too many entries to look at, or folders too deep in one another.
        """
        found: set[str] = set()
        for pattern in patterns:
            parts = [part for part in pattern.split("/") if part not in ("", ".")]
            if ".." in parts:  # no workflow says it
                continue
            self._deep = "**" in parts
            if parts:
                found.update(self._below(self._root, "", parts, 0))
            else:
                found.update(self._whole(self._root, "", 0))
        return sorted(found)

    def _below(self, folder: int, prefix: str, parts: list[str], depth: int) -> Iterator[str]:
        """Go on from an open folder with what is left of a pattern."""
        first, *rest = parts
        if first == "**":
            if rest:
                yield from self._below(folder, prefix, rest, depth)
            for name, kind in self._entries(folder, first):
                if stat.S_ISDIR(kind) and not name.startswith("."):
                    yield from self._into(folder, prefix, name, parts, depth)
                elif not rest and not name.startswith("."):
                    yield from self._file(f"{prefix}{name}", kind)
            return
        for name, kind in self._entries(folder, first):
            if not _fits(name, first):
                continue
            if not stat.S_ISDIR(kind):
                yield from self._file(f"{prefix}{name}", kind) if not rest else ()
            elif rest or not self._deep:  # `**/x` would go through a folder x anyway
                yield from self._into(folder, prefix, name, rest, depth)

    def _whole(self, folder: int, prefix: str, depth: int) -> Iterator[str]:
        for name, kind in self._entries(folder, "*"):
            if stat.S_ISDIR(kind):
                yield from self._into(folder, prefix, name, [], depth)
            else:
                yield from self._file(f"{prefix}{name}", kind)

    def _into(
        self, folder: int, prefix: str, name: str, parts: list[str], depth: int
    ) -> Iterator[str]:
        """Go on in a folder below, with what is left of a pattern; with nothing left, all of it."""
        if depth == DEEPEST:
            raise TooMuch(f"folders lie more than {DEEPEST} deep in one another")
        try:
            below = os.open(name, _FOLDER, dir_fd=folder)
        except OSError:  # it went away, or is not for us to look into
            return
        try:
            inside = f"{prefix}{name}/"
            if parts:
                yield from self._below(below, inside, parts, depth + 1)
            else:
                yield from self._whole(below, inside, depth + 1)
        finally:
            os.close(below)

    def _file(self, path: str, kind: int) -> Iterator[str]:
        if stat.S_ISREG(kind):
            yield path
        elif stat.S_ISLNK(kind):
            self.links.add(path)

    def _entries(self, folder: int, pattern: str) -> list[tuple[str, int]]:
        """Give names and modes of what could match."""
        if not _MAGIC.search(pattern):
            try:
                return [(pattern, os.lstat(pattern, dir_fd=folder).st_mode)]
            except OSError:
                return []
        found: list[tuple[str, int]] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    self._left -= 1
                    if self._left < 0:
                        raise TooMuch(f"there are more than {MOST_ENTRIES:,} names to look at")
                    found.append((entry.name, _mode_of(entry)))
        except OSError:
            return []
        return found


def open_beneath(root: int, path: str) -> int:
    """Open the file at a path below an open folder, through no symbolic link. OSError otherwise."""
    *folders, name = path.split("/")
    folder = os.dup(root)
    try:
        for part in folders:
            below = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(name, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _mode_of(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    return stat.S_IFREG if entry.is_file(follow_symlinks=False) else stat.S_IFIFO


def _fits(name: str, pattern: str) -> bool:
    if name.startswith(".") and not pattern.startswith("."):
        return False
    return name == pattern or _compiled(pattern).match(name) is not None


@lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(pattern))
