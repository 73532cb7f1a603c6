"""What is different between a project and what a rehearsal made of it."""

import filecmp
import os
import stat
from collections.abc import Iterator

from flowd.domain.files import Change, Kind

MOST_CHANGES = 1000
MOST_COMPARED_BYTES = 65_536  # of a file whose lines are compared
MOST_DIFF_LINES = 400  # of one file
_GIT = ".git"


def changes_in_layer(project: str, upper: str) -> tuple[list[Change], int]:
    """Compare a project with the upper folder of an overlay over it; see `_collected`.

    Only what was touched is in there. A device 0/0 stands for what was deleted, and an attribute
    says of a folder that nothing of the one below is seen (overlayfs, "Whiteouts and opaque
    directories").
    """
    return _collected(_in_layer(project, upper, ""))


def changes_in_copy(project: str, copy: str) -> tuple[list[Change], int]:
    """Compare a project with a changed copy of it; see `_collected`."""
    return _collected(_between(project, copy, ""))


def _collected(changes: Iterator[Change]) -> tuple[list[Change], int]:
    """Give up to MOST_CHANGES changes by path, and how many more there are.

    What happens within `.git` is one change: its files are git's own business.
    """
    found: list[Change] = []
    left_out = in_git = 0
    for change in changes:
        if change.path.startswith(f"{_GIT}/"):
            in_git += 1
        elif len(found) < MOST_CHANGES:
            found.append(change)
        else:
            left_out += 1
    if in_git and not any(change.path == _GIT for change in found):
        found.append(Change(_GIT, "changed", "folder", note=f"{in_git} files of git's own"))
    return sorted(found, key=lambda change: change.path), left_out


def _in_layer(project: str, upper: str, folder: str) -> Iterator[Change]:
    with os.scandir(f"{upper}/{folder}" if folder else upper) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path = f"{folder}/{entry.name}" if folder else entry.name
        before, after = f"{project}/{path}", entry.path
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            if os.path.lexists(before):
                yield from _deleted(before, path)
        elif not stat.S_ISDIR(status.st_mode):
            yield from _compared(before, after, path)
        elif not _is_folder(before):
            if os.path.lexists(before):
                yield from _deleted(before, path)
            yield from _created(after, path)
        elif _hides_what_is_below(after):
            yield from _between(before, after, path)
        else:
            yield from _mode_changed(before, after, path)
            yield from _in_layer(project, upper, path)


def _hides_what_is_below(folder: str) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(folder, name) == b"y":
                return True
        except OSError:
            continue
    return False


def _between(before: str, after: str, path: str) -> Iterator[Change]:
    """Compare two folders, name by name."""
    old, new = _names(before), _names(after)
    for name in sorted(old | new):
        inner = f"{path}/{name}" if path else name
        was, now = f"{before}/{name}", f"{after}/{name}"
        if name not in new or _is_whiteout(now):
            if name in old:
                yield from _deleted(was, inner)
        elif name not in old:
            yield from _created(now, inner)
        elif _is_folder(was) and _is_folder(now):
            yield from _mode_changed(was, now, inner)
            yield from _between(was, now, inner)
        elif _is_folder(now):
            yield from _deleted(was, inner)
            yield from _created(now, inner)
        else:
            yield from _compared(was, now, inner)


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return set()


def _is_folder(path: str) -> bool:
    return os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114


def _is_whiteout(path: str) -> bool:
    status = os.lstat(path)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _created(path: str, name: str) -> Iterator[Change]:
    yield Change(name, "created", _kind(path), _size(path), _diff("", path, name))
    if _is_folder(path):
        for inner in sorted(_names(path)):
            if not _is_whiteout(f"{path}/{inner}"):
                yield from _created(f"{path}/{inner}", f"{name}/{inner}")


def _deleted(path: str, name: str) -> Iterator[Change]:
    yield Change(name, "deleted", _kind(path), _size(path), _diff(path, "", name))
    if _is_folder(path):
        for inner in sorted(_names(path)):
            yield from _deleted(f"{path}/{inner}", f"{name}/{inner}")


def _compared(before: str, after: str, name: str) -> Iterator[Change]:
    """Tell of a file or link that may be new, changed, or as it was."""
    if not os.path.lexists(before):
        yield from _created(after, name)
        return
    if _is_folder(before):
        yield from _deleted(before, name)
        yield from _created(after, name)
        return
    if _kind(before) != _kind(after) or not _same(before, after):
        diff = _diff(before, after, name)
        yield Change(name, "changed", _kind(after), _size(after), diff)
    else:
        yield from _mode_changed(before, after, name)


def _same(before: str, after: str) -> bool:
    """Whether two of a kind say the same."""
    match _kind(before):
        case "link":
            return os.readlink(before) == os.readlink(after)  # noqa: PTH115
        case "file":
            old, new = os.lstat(before), os.lstat(after)
            if (old.st_size, old.st_mtime_ns) == (new.st_size, new.st_mtime_ns):
                return True
            try:
                return filecmp.cmp(before, after, shallow=False)
            except OSError:
                return False
    return True


def _mode_changed(before: str, after: str, name: str) -> Iterator[Change]:
    was, now = (stat.S_IMODE(os.lstat(path).st_mode) for path in (before, after))
    if was != now and not os.path.islink(after):  # noqa: PTH114
        note = f"mode {was:04o}, then {now:04o}"
        yield Change(name, "changed", _kind(after), _size(after), note=note)


def _kind(path: str) -> Kind:
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return "link"
    if stat.S_ISDIR(mode):
        return "folder"
    return "file" if stat.S_ISREG(mode) else "other"


def _size(path: str) -> int:
    status = os.lstat(path)
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _diff(before: str, after: str, name: str) -> str:
    """Give the lines that differ; empty when one is no short text."""
    if name.startswith(f"{_GIT}/"):
        return ""
    old, new = _lines(before), _lines(after)
    if old is None or new is None:
        return ""
    was, now = (f"a/{name}" if before else "/dev/null"), (f"b/{name}" if after else "/dev/null")
    import difflib  # here: it is wanted after rehearsals

    lines = list(difflib.unified_diff(old, new, was, now, lineterm=""))
    more = len(lines) - MOST_DIFF_LINES
    if more > 0:
        lines = [*lines[:MOST_DIFF_LINES], f"… {more} more lines"]
    return "\n".join(lines)


def _lines(path: str) -> list[str] | None:
    """Give the lines of a short text file; none of what is not there."""
    if not path:
        return []
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, MOST_COMPARED_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > MOST_COMPARED_BYTES or b"\0" in content:
        return None
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return None
