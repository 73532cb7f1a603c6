"""A disk that refuses: from a given write on, so many operations fail, and then it recovers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from support.lossy_disk import KEPT_FILES


class FailingDisk(apsw.VFS):
    """A VFS that counts what changes files, and has operations `first`, `first` + 1, … refused."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self.first = 0  # 0: none
        self.times = 0
        self.error: type[apsw.Error] = apsw.IOError
        super().__init__(name, base="", makedefault=True)

    def fail(self, first: int, times: int, error: type[apsw.Error]) -> None:
        """Refuse so many operations, beginning with that one, counted from 1 from here on."""
        self.count, self.first, self.times, self.error = 0, first, times, error

    def recover(self) -> None:
        """Refuse no more."""
        self.first = 0

    def operate(self) -> None:
        """Count an operation; raise when it is one that is refused."""
        self.count += 1
        if self.first and self.first <= self.count < self.first + self.times:
            raise self.error(f"operation {self.count} is refused")

    def xOpen(self, name: object, flags: list[int]) -> "_FailingFile":  # noqa: N802 (SQLite's)
        return _FailingFile(self, name, flags)


class _FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: object, flags: list[int]):
        self._disk = disk if flags[0] & KEPT_FILES else None
        super().__init__("unix", name, flags)  # type: ignore[arg-type]

    def _operate(self) -> None:
        if self._disk is not None:
            self._disk.operate()

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._operate()
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._operate()
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._operate()
        super().xSync(flags)


@contextmanager
def failing_disk() -> Iterator[FailingDisk]:
    """Have every database opened meanwhile on such a disk; it refuses nothing until told."""
    disk = FailingDisk("failing")
    try:
        yield disk
    finally:
        disk.unregister()


def copy_of(folder: Path, to: Path) -> None:
    """Copy a database as it stands on the disk now, without asking SQLite."""
    to.mkdir()
    for file in folder.iterdir():
        if file.is_file():
            (to / file.name).write_bytes(file.read_bytes())
