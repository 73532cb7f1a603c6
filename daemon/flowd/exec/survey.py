"""What stands where a script is about to delete or write: `Survey` looks, nothing is changed.

All or nothing: what could not be put back to the letter (other users' files, sockets, more than
the settings allow) is a `NotSaved` with the reason. Entries are in `restore.py`'s format.
"""
# Paths are strings here, as in `restore.py`, which must take them to the letter.
# ruff: noqa: PTH112, PTH114, PTH115, PTH118, PTH119, PTH120, PTH208

import os
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from flowd.domain.files import Touch
from flowd.exec.patterns import expand, is_pattern, plain_folder
from flowd.exec.restore import Entry, now_at

GIT_PATIENCE_SECONDS = 20
_PUTS_INTO = frozenset({"copied", "copied_tree", "moved", "linked", "linked_over"})


class NotSaved(Exception):
    """Nothing is kept, and why, in words for people."""


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that is kept for one step."""

    bytes: int
    files: int


@dataclass(slots=True)
class Found:
    """What stands at a path, and how much of it is to be kept.

    `only_removed`: nothing but `rm` touches it, so its content cannot change any more.
    """

    entry: Entry
    status: os.stat_result | None
    content: bool = False
    only_removed: bool = True


@dataclass(slots=True)
class Survey:
    """All that touches would change, by path. `avoid` is a folder that must not be touched."""

    caps: Caps
    avoid: str
    found: dict[str, Found] = field(default_factory=dict)
    bytes: int = 0
    _created: list[str] = field(default_factory=list)
    _links: list[str] = field(default_factory=list)

    def take(self, touches: Sequence[Touch]) -> None:
        """Look at what the touches lead to, in the order of the script."""
        for touch in touches:
            for path in self._paths(touch):
                if touch.how in _PUTS_INTO:
                    self._put(touch, path)
                else:
                    self._simple(touch, path)

    # ---------------------------------------------------------------------- from touch to path

    def _paths(self, touch: Touch) -> list[str]:
        if touch.ask:
            return _listed_by_git(touch)
        if touch.ending:
            self._refuse_new_names(touch.path)
        creates = touch.how not in ("deleted", "moved_away", "emptied")
        made = [path + touch.ending for path in expand(touch.path, creates=creates)]
        for path in made:
            self._refuse_new_links(path)
        return [_canonical(path) for path in made]

    def _refuse_new_links(self, path: str) -> None:
        """A path that leads through a link the script makes itself ends nobody knows where."""
        for written in (os.path.normpath(path), _canonical(path)):
            if any(written == link or written.startswith(f"{link}/") for link in self._links):
                raise NotSaved(f"{path} leads through a link that the step makes")

    def _simple(self, touch: Touch, path: str) -> None:
        match touch.how:
            case "deleted":
                self._note(path, tree=True, removed=not touch.ending)
            case "moved_away":
                self._note(path, tree=True)
            case "emptied":
                self._note(path, tree=self._may_be_empty(path))
            case "written":
                self._note_written(path)
            case "made":
                if now_at(path) is None:
                    self._note(path)
            case "marked" | "marked_tree":
                self._note_marked(path, tree=touch.how == "marked_tree")
        if touch.how not in ("deleted", "moved_away", "emptied"):
            self._created.append(path)

    def _may_be_empty(self, path: str) -> bool:
        """Whether a folder is empty, or is once the step has removed what it touches."""
        return os.path.isdir(path) and all(
            f"{path}/{name}" in self.found for name in os.listdir(path)
        )

    def _put(self, touch: Touch, path: str) -> None:
        """The target of cp, mv or ln: the path, or a name in the folder it is."""
        into = os.path.isdir(path) and touch.source != ""
        if touch.how == "linked_over" and os.path.islink(path):
            into = False
        for source in expand(touch.source) if touch.source else [""]:
            self._refuse_new_names(touch.source)
            name = os.path.basename(source.rstrip("/"))
            if into and source.startswith("/dev/fd/"):
                raise NotSaved("it copies a file whose name is known only when it runs")
            final = os.path.join(path, name) if into and name not in ("", ".", "..") else path
            self._refuse_new_links(final)
            final = _canonical(final)
            match touch.how:
                case "copied":
                    self._note_written(final)
                case "copied_tree":
                    self._refuse_created(source)
                    self._overlay(_canonical(source), final)
                case _:
                    self._note(final, tree=True)
            self._created.append(final)
            if touch.how.startswith("linked") or _holds_links(source):
                written = touch.path if final == path else os.path.join(touch.path, name)
                self._links += [final, os.path.normpath(written)]

    def _refuse_new_names(self, pattern: str) -> None:
        """A pattern must not match what the script itself makes: its names are not known yet."""
        if not is_pattern(pattern):
            return
        folder = _canonical(plain_folder(pattern))
        if any(made == folder or made.startswith(f"{folder}/") for made in self._created):
            raise NotSaved(f"{pattern} may stand for files that the step makes")

    def _refuse_created(self, source: str) -> None:
        path = _canonical(source)
        for made in self._created:
            if made == path or made.startswith(f"{path}/") or path.startswith(f"{made}/"):
                raise NotSaved(f"the step copies {source}, which it changes before")

    def _overlay(self, source: str, target: str) -> None:
        """What copying a tree over another changes there."""
        if now_at(source) is None:
            return
        if os.path.islink(source) or not os.path.isdir(source) or not os.path.isdir(target):
            if os.path.isdir(target) and os.path.islink(source):
                raise NotSaved(f"{target} may be replaced by a link")
            self._note_written(target)
            return
        self._note_marked(target, tree=False)
        for name in sorted(os.listdir(source)):
            self._overlay(f"{source}/{name}", f"{target}/{name}")

    # ------------------------------------------------------------------------- what is there

    def _note_written(self, path: str) -> None:
        self._note(path)
        if os.path.islink(path):
            self._note(os.path.realpath(path))

    def _note_marked(self, path: str, *, tree: bool) -> None:
        status = now_at(path)
        if status is not None and stat.S_ISLNK(status.st_mode):
            self._note(path)
            path = os.path.realpath(path)
            status = now_at(path)
        self._note(path, content=False)
        if tree and status is not None and stat.S_ISDIR(status.st_mode):
            for name in sorted(os.listdir(path)):
                if not os.path.islink(f"{path}/{name}"):
                    self._note_marked(f"{path}/{name}", tree=True)

    def _note(
        self, path: str, *, content: bool = True, tree: bool = False, removed: bool = False
    ) -> None:
        """Take a path in, once; what is below nothing is nothing, too."""
        known = self.found.get(path)
        if known is None:
            if any(self._is_absent(above) for above in _above(path)):
                return
            known = self.found[path] = Found(self._describe(path), now_at(path))
            if len(self.found) > self.caps.files:
                raise NotSaved(f"it touches more than {self.caps.files} files")
        known.only_removed = known.only_removed and removed
        if known.entry["kind"] == "file" and content and not known.content:
            known.content = True
            self.bytes += known.entry["size"]
            if self.bytes > self.caps.bytes:
                raise NotSaved(f"it touches more than {self.caps.bytes} bytes")
        if known.entry["kind"] == "folder" and tree:
            known.entry["whole"] = True
            for name in sorted(os.listdir(path)):
                self._note(f"{path}/{name}", tree=True, removed=removed)

    def _is_absent(self, path: str) -> bool:
        known = self.found.get(path)
        return known is not None and known.entry["kind"] == "absent"

    def _describe(self, path: str) -> Entry:
        if path == self.avoid or path.startswith(f"{self.avoid}/"):
            raise NotSaved(f"{path} belongs to Flow itself")
        status = now_at(path)
        _refuse_unwritable(path)
        if status is None:
            return {"path": path, "kind": "absent"}
        if os.geteuid() not in (0, status.st_uid):
            raise NotSaved(f"{path} belongs to another user")
        entry: Entry = {
            "path": path,
            "kind": "file",
            "mode": stat.S_IMODE(status.st_mode),
            "mtime_ns": status.st_mtime_ns,
            "owner": [status.st_uid, status.st_gid],
            "inode": status.st_ino,
            "names": status.st_nlink,
        }
        if stat.S_ISLNK(status.st_mode):
            entry["kind"], entry["target"] = "link", os.readlink(path)
        elif stat.S_ISDIR(status.st_mode):
            entry["kind"] = "folder"
        elif stat.S_ISREG(status.st_mode):
            entry["size"] = status.st_size
        else:
            raise NotSaved(f"{path} is no ordinary file")
        return entry


def _refuse_unwritable(path: str) -> None:
    for above in _above(path):
        if os.path.lexists(above):
            if not os.access(above, os.W_OK | os.X_OK):
                raise NotSaved(f"{path} could not be put back: {above} may not be written")
            return


def _above(path: str) -> Iterator[str]:
    """The folders a path is in, the nearest first."""
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _canonical(path: str) -> str:
    """The same place without links on the way to it; the last name is not followed."""
    path = path.rstrip("/") or "/"
    folder, name = os.path.split(path)
    if name in ("", ".", ".."):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(folder), name)


def _holds_links(source: str) -> bool:
    """Whether what is moved or copied there is, or holds, a symbolic link."""
    if os.path.islink(source):
        return True
    return any(
        os.path.islink(os.path.join(folder, name))
        for folder, folders, files in os.walk(source)
        for name in (*folders, *files)
    )


def _listed_by_git(touch: Touch) -> list[str]:
    """The paths git lists in a folder; NotSaved when it cannot."""
    command = ("git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *touch.ask)
    try:
        asked = subprocess.run(
            command,
            cwd=touch.path,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=GIT_PATIENCE_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise NotSaved(f"git does not say which files it will touch: {error}") from error
    names = [os.fsdecode(name) for name in asked.stdout.split(b"\0") if name]
    return [_canonical(os.path.join(touch.path, name)) for name in names]
