"""What SQLite's errors mean to a person, and what to do about them."""

import apsw

from flowd.errors import Bug, FlowError, StoreUnavailable

RESTORE = (
    "stop the daemon, put the file aside together with its -wal file, and restore a backup or "
    "begin without one"
)
_DISK = "look at the disk (`dmesg`, free space, quota); writing goes on by itself once it recovers"
_OTHER = "end the other program that has the file open (`fuser` names it)"
_RIGHTS = "give yourself write permission on the file and its folder, or mount it writable"

_MEANINGS: dict[type[apsw.Error], tuple[str, str]] = {
    apsw.FullError: ("the disk is full", "free some space; writing goes on by itself"),
    apsw.IOError: ("the disk refused", _DISK),
    apsw.ReadOnlyError: ("the file is read-only", _RIGHTS),
    apsw.PermissionsError: ("the file may not be used", _RIGHTS),
    apsw.CantOpenError: ("the file cannot be opened", _RIGHTS),
    apsw.CorruptError: ("the file is damaged", RESTORE),
    apsw.NotADBError: ("the file is not a database", RESTORE),
    apsw.BusyError: ("another program keeps the file locked", _OTHER),
    apsw.ProtocolError: ("another program keeps the file locked", _OTHER),
    apsw.NoMemError: ("there is no memory left", "end something else that uses much memory"),
}


def meaning_of(error: apsw.Error, path: str) -> FlowError:
    """Give the error to raise for one of SQLite's.

    StoreUnavailable when the world refused; Bug when we asked for something senseless.
    """
    for kind, (reason, cure) in _MEANINGS.items():
        if isinstance(error, kind):
            return StoreUnavailable(
                f"the event store {path} cannot be used: {reason} ({error})",
                cure=cure,
                data={"path": path, "reason": reason},
            )
    return Bug(f"the event store {path} refused a statement: {type(error).__name__}: {error}")


def unreadable(what: str, path: str, error: Exception) -> StoreUnavailable:
    """Give the error to raise for stored bytes that do not decode."""
    return StoreUnavailable(
        f"the event store {path} holds {what} that cannot be read: {error}",
        cure=RESTORE,
        data={"path": path, "reason": "the file is damaged"},
    )
