"""Copy a database that is in use: SQLite's online backup, under the final name only when whole.

The copy is of one moment, whatever is recorded meanwhile: the source is read in one transaction.
"""

import os
from contextlib import suppress
from pathlib import Path

import apsw

from flowd import faultpoints
from flowd.domain.ports import Backup
from flowd.errors import Conflict, InvalidInput, WorldError
from flowd.store.queries import last_position

PAGES_AT_ONCE = 256  # a megabyte: between two of them a copy can be cancelled
UNFINISHED = ".unfinished"


class Copying:
    """A copy under way. All of it happens in the thread of `source`."""

    def __init__(self, source: apsw.Connection, path: Path):
        """Begin. InvalidInput for a path that cannot be, Conflict when something is there."""
        self._target = _target_of(path)
        self._part = self._target.with_name(f"{self._target.name}{UNFINISHED}")
        self._source = source
        source.execute("BEGIN")
        self._position = last_position(source)  # from this reading on it is of one moment
        try:
            self._part.unlink(missing_ok=True)  # a daemon that was killed left it
            os.close(os.open(self._part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"{self._part} cannot be written: {error}", cure="give another path"
            ) from error
        self._copy = apsw.Connection(str(self._part))
        self._copy.pragma("synchronous", "OFF")  # it is synced as a whole, once it is whole
        self._backup = self._copy.backup("main", source, "main")

    def step(self) -> bool:
        """Copy some pages; True when that was the last of them. WorldError."""
        try:
            return bool(self._backup.step(PAGES_AT_ONCE))
        except apsw.Error as error:
            raise WorldError(
                f"the backup {self._part} cannot be written: {error}",
                cure="make room, or give a path on another disk",
            ) from error

    def publish(self) -> Backup:
        """Make the copy durable and give it its name. Conflict when the name is taken by now."""
        self._backup.finish()
        self._copy.close()
        faultpoints.reach("backup.copied")
        try:
            size = self._part.stat().st_size
            _sync(self._part)
            _rename(self._part, self._target)
            _sync(self._target.parent)
        except FileExistsError as error:
            raise Conflict(
                f"{self._target} was made by somebody else meanwhile", cure="give another name"
            ) from error
        except OSError as error:
            raise WorldError(
                f"the backup {self._target} cannot be written: {error}", cure="give another path"
            ) from error
        return Backup(str(self._target), size, self._position)

    def end(self) -> None:
        """Let go of everything, and of the file too when it has not got its name."""
        with suppress(apsw.Error):
            self._backup.close(force=True)
        self._copy.close(force=True)
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def _target_of(path: Path) -> Path:
    """Give the file to write: `flow.db` in it when the path is a folder.

    InvalidInput when it cannot be, Conflict when something is there.
    """
    if not path.is_absolute():
        raise InvalidInput(f"{path} is not an absolute path", cure="give the whole path")
    try:
        if path.is_dir():
            path = path / "flow.db"
        found = os.path.lexists(path)
        folder_is_there = path.parent.is_dir()
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be a file: {error}", cure="give another path") from error
    if found:
        raise Conflict(
            f"{path} is there already, and a backup overwrites nothing",
            cure="give another name, or remove it",
        )
    if not folder_is_there:
        raise InvalidInput(f"the folder {path.parent} is not there", cure="make it first")
    return path


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(part: Path, target: Path) -> None:
    """Rename without replacing. FileExistsError when the name is taken."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links; the look before is the best there is
        if os.path.lexists(target):
            raise FileExistsError(str(target)) from None
        part.rename(target)
    else:
        faultpoints.reach("backup.named")
        part.unlink()
