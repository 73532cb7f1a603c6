"""A disk that loses power: what SQLite wrote, and what of it a cut may leave behind.

`RecordingDisk` is a SQLite VFS that notes every write, truncation and sync, in order, while it
passes them on. `after_cut` replays the notes up to a moment and gives the files as they may be
found after the power came back: everything synced is there; of what was not, each sector may have
reached the platter or not, whatever came before or after it.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

SECTOR_BYTES = 512
KEPT_FILES = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL


@dataclass(frozen=True)
class Write:
    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    file: str
    size: int


@dataclass(frozen=True)
class Sync:
    file: str


@dataclass(frozen=True)
class Delete:
    file: str


@dataclass(frozen=True)
class Promise:
    """Not the disk's doing: here somebody was told that something is recorded."""

    run: str
    version: int


Note = Write | Truncate | Sync | Delete | Promise


class RecordingDisk(apsw.VFS):
    """A VFS that notes what is done to database, journal and log files."""

    def __init__(self, name: str) -> None:
        self.notes: list[Note] = []
        super().__init__(name, base="", makedefault=True)

    def xOpen(self, name: object, flags: list[int]) -> "_RecordingFile":  # noqa: N802 (SQLite's)
        return _RecordingFile(self.notes, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        self.notes.append(Delete(Path(name).name))
        super().xDelete(name, sync_folder)


class _RecordingFile(apsw.VFSFile):
    def __init__(self, notes: list[Note], name: object, flags: list[int]):
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._file = Path(path).name
        self._notes = notes if flags[0] & KEPT_FILES else []
        super().__init__("unix", name, flags)  # type: ignore[arg-type]

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._notes.append(Write(self._file, offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._notes.append(Truncate(self._file, size))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._notes.append(Sync(self._file))
        super().xSync(flags)


@contextmanager
def recording_disk() -> Iterator[RecordingDisk]:
    """Make every database opened meanwhile note what it does to its files."""
    disk = RecordingDisk("recording")
    try:
        yield disk
    finally:
        disk.unregister()


def after_cut(notes: list[Note], chance: random.Random) -> dict[str, bytes]:
    """Give the files as a cut after these notes may leave them."""
    synced: dict[str, bytearray] = {}
    unsynced: dict[str, list[Write | Truncate]] = {}
    for note in notes:
        match note:
            case Write() | Truncate():
                unsynced.setdefault(note.file, []).append(note)
            case Sync():
                content = synced.setdefault(note.file, bytearray())
                for change in unsynced.pop(note.file, []):
                    apply_change(content, change)
            case Delete():
                synced.pop(note.file, None)
                unsynced.pop(note.file, None)
    for file, changes in unsynced.items():
        keep_some(synced.setdefault(file, bytearray()), changes, chance)
    return {file: bytes(content) for file, content in synced.items()}


def keep_some(content: bytearray, changes: list[Write | Truncate], chance: random.Random) -> None:
    """Apply to what is on the platter those sectors of unsynced changes that reached it, too."""
    share = chance.choice((0.0, 0.5, 0.9, 1.0))
    for change in changes:
        for part in _sectors(change):
            if chance.random() < share:
                apply_change(content, part)


def _sectors(change: Write | Truncate) -> list[Write | Truncate]:
    if isinstance(change, Truncate):
        return [change]
    return [
        Write(change.file, change.offset + start, change.data[start : start + SECTOR_BYTES])
        for start in range(0, len(change.data), SECTOR_BYTES)
    ]


def apply_change(content: bytearray, change: Write | Truncate) -> None:
    """Do to a file's content what was done to the file."""
    if isinstance(change, Truncate):
        del content[change.size :]
        content.extend(bytes(max(0, change.size - len(content))))
        return
    end = change.offset + len(change.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[change.offset : end] = change.data
