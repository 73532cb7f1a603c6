"""A file system that loses, at a power cut, what was not synced: for programs left as they are.

    python -m support.lossy_fs MOUNTPOINT PLATTER SEED

It is made with FUSE and kept in memory. Its orders are lines on its standard input, each answered
by a line:

    cut                         the power fails: what may be left is written to the file PLATTER,
                                and the server ends; started again it has just that
    fail NUMBER TIMES ERRNO     the NUMBERth change from now on, and the next ones up to TIMES,
                                fail with that error
    tell                        the changes since then, and what was refused of them

Of data that was not synced each sector may be there or not after a cut. Names behave as on ext4,
xfs and btrfs, which keep a journal of them: an fsync of anything makes all earlier changes of names
lasting, and of later ones the first few may last, in the order in which they were made.
"""

import errno
import os
import pickle
import random
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mfusepy

from support.lossy_disk import Truncate, Write, apply_change, keep_some

BLOCK_BYTES = 4096
BLOCKS = 1 << 18
NEEDS_ROOM = ("write", "truncate", "make")  # what a full disk refuses


@dataclass(eq=False)
class Node:
    """A file, folder or socket, whatever its name; `synced` and `unsynced` make up `content`."""

    mode: int
    changed_ns: int = field(default_factory=time.time_ns)
    content: bytearray = field(default_factory=bytearray)
    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[Write | Truncate] = field(default_factory=list)

    def change(self, change: Write | Truncate) -> None:
        apply_change(self.content, change)
        self.unsynced.append(change)
        self.changed_ns = time.time_ns()

    def sync(self) -> None:
        for change in self.unsynced:
            apply_change(self.synced, change)
        self.unsynced.clear()


Names = dict[str, Node]
Renaming = Callable[[Names], None]


class LossyFiles(mfusepy.Operations):
    """What the kernel asks of us. One call at a time."""

    use_ns = True

    def __init__(self, platter: Path, seed: int):
        self._platter = platter
        self._chance = random.Random(seed)
        self._one_at_a_time = threading.Lock()
        self._open: dict[int, Node] = {}
        self._handles = 0
        self._names: Names = {"/": Node(stat.S_IFDIR | 0o700)}
        if platter.exists():
            self._names = pickle.loads(platter.read_bytes())
        self._synced_names = dict(self._names)
        self._unsynced_names: list[Renaming] = []
        self._to_fail = (0, 0, 0)
        self._changes = 0
        self._refused: list[str] = []

    # -------------------------------------------------------------------------------- orders

    def obey(self, order: str) -> str:
        """Carry out an order (see above) and give the answer to it."""
        with self._one_at_a_time:
            match order.split():
                case ["cut"]:
                    return self._cut_power()
                case ["fail", number, times, error]:
                    self._to_fail = (int(number), int(times), int(error))
                    self._changes = 0
                    self._refused.clear()
                    return "armed"
                case ["tell"]:
                    return f"{self._changes} {'; '.join(self._refused)}"
        raise AssertionError(order)

    def _cut_power(self) -> str:
        lost_names = len(self._unsynced_names)
        for change in self._unsynced_names[: self._chance.randint(0, lost_names)]:
            change(self._synced_names)
        nodes = set(self._synced_names.values())
        unsynced = sum(len(node.unsynced) for node in nodes)
        for node in nodes:
            keep_some(node.synced, node.unsynced, self._chance)
            node.unsynced.clear()
            node.content = bytearray(node.synced)
        self._platter.write_bytes(pickle.dumps(self._synced_names))
        return f"{unsynced} writes and {lost_names} names unsynced"

    def _refuse(self, act: str, path: str) -> None:
        """Fail if this is the change that was to fail. A full disk takes what needs no room."""
        with self._one_at_a_time:
            number, times, error = self._to_fail
            if error == errno.ENOSPC and act not in NEEDS_ROOM:
                return
            self._changes += 1
            if number and number <= self._changes < number + times:
                self._refused.append(f"{act} {path}")
                raise mfusepy.FuseOSError(error)

    # ---------------------------------------------------------------------------------- names

    def _at(self, path: str) -> Node:
        try:
            return self._names[path]
        except KeyError:
            raise mfusepy.FuseOSError(errno.ENOENT) from None

    def _rename(self, change: Renaming) -> int:
        with self._one_at_a_time:
            change(self._names)
            self._unsynced_names.append(change)
        return 0

    def _make(self, path: str, mode: int) -> int:
        self._refuse("make", path)
        node = Node(mode)

        def make(names: Names) -> None:
            names[path] = node

        return self._rename(make)

    def _remove(self, path: str) -> int:
        self._refuse("remove", path)

        def remove(names: Names) -> None:
            names.pop(path)

        return self._rename(remove)

    def mkdir(self, path: str, mode: int) -> int:
        return self._make(path, stat.S_IFDIR | mode)

    def mknod(self, path: str, mode: int, dev: int) -> int:
        return self._make(path, mode)

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self._make(path, stat.S_IFREG | mode)
        return self.open(path, 0)

    def unlink(self, path: str) -> int:
        return self._remove(path)

    def rmdir(self, path: str) -> int:
        if any(self._below(path)):
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)
        return self._remove(path)

    def rename(self, old: str, new: str) -> int:
        self._refuse("rename", old)
        if stat.S_ISDIR(self._at(old).mode) and any(self._below(new)):
            raise mfusepy.FuseOSError(errno.ENOTEMPTY)

        def rename(names: Names) -> None:
            for path in [name for name in names if f"{name}/".startswith(f"{old}/")]:
                names[new + path[len(old) :]] = names.pop(path)

        return self._rename(rename)

    def _below(self, path: str) -> list[str]:
        start = path.rstrip("/") + "/"
        rest = [name[len(start) :] for name in self._names if name.startswith(start)]
        return [name for name in rest if name and "/" not in name]

    def readdir(self, path: str, fh: int) -> list[str]:
        return [".", "..", *self._below(path)]

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        node = self._at(path) if fh is None else self._open[fh]
        return {
            "st_mode": node.mode,
            "st_nlink": 2 if stat.S_ISDIR(node.mode) else 1,
            "st_size": len(node.content),
            "st_uid": os.getuid(),
            "st_gid": os.getgid(),
            **dict.fromkeys(("st_mtime", "st_ctime", "st_atime"), node.changed_ns),
        }

    def chmod(self, path: str, mode: int) -> int:
        node = self._at(path)
        node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        self._at(path).changed_ns = times[1] if times else time.time_ns()
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        blocks = dict.fromkeys(("f_blocks", "f_bfree", "f_bavail"), BLOCKS)
        return {"f_bsize": BLOCK_BYTES, "f_frsize": BLOCK_BYTES, "f_namemax": 255, **blocks}

    # ---------------------------------------------------------------------------------- data

    def open(self, path: str, flags: int) -> int:
        self._handles += 1
        self._open[self._handles] = self._at(path)
        return self._handles

    def release(self, path: str, fh: int) -> int:
        del self._open[fh]
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return bytes(self._open[fh].content[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._refuse("write", path)
        with self._one_at_a_time:
            self._open[fh].change(Write(path, offset, bytes(data)))
        return len(data)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._refuse("truncate", path)
        with self._one_at_a_time:
            node = self._at(path) if fh is None else self._open[fh]
            node.change(Truncate(path, length))
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._refuse("sync", path)
        with self._one_at_a_time:
            self._open[fh].sync()
            self._sync_names()
        return 0

    def fsyncdir(self, path: str, datasync: int, fh: int) -> int:
        with self._one_at_a_time:
            self._sync_names()
        return 0

    def _sync_names(self) -> None:
        for change in self._unsynced_names:
            change(self._synced_names)
        self._unsynced_names.clear()


def main() -> None:
    mountpoint, platter, seed = sys.argv[1:]
    files = LossyFiles(Path(platter), int(seed))

    def take_orders() -> None:
        for order in sys.stdin:
            print(files.obey(order), flush=True)
            if order == "cut\n":
                break
        # Also when whoever gave orders is gone. The thread that serves the kernel has no other end.
        subprocess.run(["umount", "--lazy", mountpoint], check=False)
        os._exit(0)

    threading.Thread(target=take_orders, daemon=True).start()
    mfusepy.FUSE(files, mountpoint, foreground=True, nothreads=True, fsname="lossy")


if __name__ == "__main__":
    main()
