"""Rehearsals: a run whose steps write into a layer over the project, or into a copy of it.

    REHEARSALS/RUN/     0/upper, 0/work, 1/…     layers (overlayfs) over the project, and over the
                                                 repository of a working tree
                        copy                     where the kernel has no layers for us

Either way every step sees it at the project's own path, without network and with all else as in
`sandbox: project` (`boundaries.py`), so nothing outside changes. What a layer holds that the
project does not is what the run would have changed.
"""

import errno
import os
import shutil
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import trio

from flowd.domain.files import Rehearsed
from flowd.errors import NotFound, Unsupported
from flowd.exec.removal import remove_tree

MOST_COPIED_BYTES = 500_000_000
MOST_COPIED_FILES = 100_000

How = Literal["overlay", "copy"]


class Rehearsals:
    """Keeps the folders of rehearsals, in `folder`, which is made when there is one."""

    def __init__(self, folder: Path):
        self.folder = folder

    def lay_out(self, run: str, targets: list[str]) -> None:
        """Make room for layers of a run over these folders."""
        for number, target in enumerate(targets):
            base = self.folder / run / str(number)
            for name in ("upper", "work"):
                (base / name).mkdir(parents=True, mode=0o700)
            shutil.copymode(target, base / "upper")  # a layer's top is what is seen of it

    def copy(self, run: str, project: str) -> None:
        """Copy the project. Unsupported when it is too large for that."""
        size = 0
        for files, entry in enumerate(_walk(project, self.folder)):
            size += entry.stat(follow_symlinks=False).st_size
            if files > MOST_COPIED_FILES or size > MOST_COPIED_BYTES:
                raise Unsupported(
                    f"{project} is too large to copy (over {MOST_COPIED_BYTES // 1_000_000} MB or "
                    f"{MOST_COPIED_FILES} files), and this machine has no overlay for it",
                    cure="rehearse in a smaller folder, or look with --dry-run",
                )
        target = self.place(run) / "copy"
        left_out = os.path.realpath(self.folder.parent)
        try:
            shutil.copytree(
                project,
                target,
                symlinks=True,
                ignore=lambda folder, names: [
                    name
                    for name in names
                    if f"{folder}/{name}" == left_out or not _copies(folder, name)
                ],
            )
        except shutil.Error as error:
            raise OSError(errno.EIO, str(error.args[0][:1])) from error

    def place(self, run: str) -> Path:
        """Give the folder of a run."""
        return self.folder / run

    def how(self, run: str) -> How:
        """Say which of the two a rehearsal is. NotFound when it was thrown away."""
        if (self.place(run) / "copy").is_dir():
            return "copy"
        if (self.place(run) / "0").is_dir():
            return "overlay"
        raise NotFound(
            f"what run {run} rehearsed was thrown away", cure="rehearse it again: --rehearse"
        )

    async def look(self, run: str, project: str) -> Rehearsed:
        """Say what the run would have changed; see the port."""
        return await trio.to_thread.run_sync(self._look, run, project)

    def _look(self, run: str, project: str) -> Rehearsed:
        # Here: comparing lines takes modules that most daemons never need.
        from flowd.exec.changes import changes_in_copy, changes_in_layer

        how = self.how(run)
        if how == "copy":
            changes, left_out = changes_in_copy(project, f"{self.place(run)}/copy")
        else:
            changes, left_out = changes_in_layer(project, f"{self.place(run)}/0/upper")
        return Rehearsed(how, changes, left_out)

    async def drop(self, run: str) -> None:
        """Throw a rehearsal away; see the port."""
        await trio.to_thread.run_sync(remove_tree, str(self.place(run)))

    async def old(self, seconds: float) -> list[str]:
        """Name the rehearsals that began longer ago than this; see the port."""
        return await trio.to_thread.run_sync(partial(self._old, seconds))

    def _old(self, seconds: float) -> list[str]:
        try:
            found = list(self.folder.iterdir())
        except FileNotFoundError:
            return []
        latest = time.time() - seconds
        return [place.name for place in found if place.lstat().st_mtime < latest]


def _walk(folder: str, but: Path) -> Iterator["os.DirEntry[str]"]:
    left_out = os.path.realpath(but.parent)
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path == left_out:
                    continue
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def _copies(folder: str, name: str) -> bool:
    """Whether it is a file, a folder or a link: of a pipe or a socket there is no copy."""
    path = Path(folder, name)
    return path.is_symlink() or path.is_file() or path.is_dir()
