"""How much a finding is about: files and bytes on disk, work counted by git, rows in SQLite files.

Counting changes nothing, runs nothing of the repository's own, and gives up soon: what cannot be
counted within the limits is said to be more than was counted, or not said at all.
"""

import glob
import os
import stat
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from urllib.parse import quote

import trio

from flowd.domain.foresight import Loss

MOST_FILES = 20_000
MOST_SECONDS = 0.1
GIT_SECONDS = 1.0
MOST_DATABASE_BYTES = 256 * 1024 * 1024  # counting reads it all, and cannot be broken off

# Neither a monitor nor a hook that the repository's settings name is run, and nothing is locked.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


async def extent_of(loss: Loss, cwd: str) -> str:
    """Say how much would be lost, for a command that runs in `cwd`; see the port `Extents`."""
    if loss.kind == "files":
        return await trio.to_thread.run_sync(_count_files, loss.names, cwd)
    if loss.kind == "rows":
        return await trio.to_thread.run_sync(_count_rows, loss.names, cwd)
    counted = 0
    settings = await _without_filters(cwd) if loss.kind == "changes" else ()
    for words in _git_questions(loss):
        lines = await lines_of_git((*settings, *words), cwd)
        if lines is None:
            return ""
        counted += int(lines[0]) if loss.kind == "commits" and lines else len(lines)
    return _many(counted, _CALLED[loss.kind])


# ---------------------------------------------------------------------------------------- files


def _count_files(patterns: tuple[str, ...], cwd: str) -> str:
    count = size = 0
    deadline = time.monotonic() + MOST_SECONDS
    for each in _files(patterns, cwd):
        count += 1
        size += each
        if count >= MOST_FILES or time.monotonic() > deadline:
            return f"more than {_many(count, 'file')}, {_size(size)}"
    return f"{_many(count, 'file')}, {_size(size)}" if count else "nothing is there"


def _files(patterns: Iterable[str], cwd: str) -> Iterator[int]:
    """Give the size of every file that deleting the patterns would take; links are not followed."""
    for pattern in patterns:
        path = os.path.expanduser(os.path.join(cwd, pattern))  # noqa: PTH111, PTH118
        found = glob.iglob(path) if glob.has_magic(pattern) else [path]  # noqa: PTH207
        for each in found:
            yield from _below(each)


def _below(path: str) -> Iterator[int]:
    try:
        entry = os.lstat(path)
        if not stat.S_ISDIR(entry.st_mode):
            yield entry.st_size
            return
        with os.scandir(path) as entries:
            for each in entries:
                yield from _below(each.path)
    except OSError:  # gone meanwhile, or not ours to look into
        return


def _size(size: float) -> str:
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


# ----------------------------------------------------------------------------------------- rows


def _count_rows(names: tuple[str, ...], cwd: str) -> str:
    """Count a table's rows, without a lock and without a file of SQLite's own beside it.

    A database with changes that are only in its log (-wal) would be read as of before: not at all.
    """
    import sqlite3  # half a megabyte, for what is seldom asked

    database, table = names
    path = os.path.expanduser(os.path.join(cwd, database))  # noqa: PTH111, PTH118
    if not os.path.isfile(path) or os.path.exists(f"{path}-wal"):  # noqa: PTH110, PTH113
        return ""
    try:
        if os.stat(path).st_size > MOST_DATABASE_BYTES:  # noqa: PTH116
            return ""
        with closing(
            sqlite3.connect(f"file:{quote(path)}?mode=ro&immutable=1", uri=True)
        ) as connection:
            quoted = table.replace('"', '""')
            # The name is an identifier in quotes: nothing in it can be anything else.
            ((count,),) = connection.execute(f'SELECT count(*) FROM "{quoted}"')  # noqa: S608
    except (OSError, sqlite3.Error):  # no such table, or no database
        return ""
    return _many(count, "row")


# ------------------------------------------------------------------------------------------ git

_CALLED = {
    "changes": "changed file",
    "untracked": "untracked file or folder",
    "commits": "commit that is on no other branch",
    "stashes": "stash",
}


def _git_questions(loss: Loss) -> Iterator[tuple[str, ...]]:
    """The commands that print a line for everything that would be lost, or its number."""
    match loss.kind:
        case "changes":
            yield ("diff", "--name-only", "--no-ext-diff", "HEAD", "--", *loss.names)
        case "untracked":
            yield ("ls-files", "--others", "--directory", "--exclude-standard", "--", *loss.names)
        case "stashes":
            yield ("stash", "list")
        case _:
            for branch in loss.names:
                others = (f"--exclude={branch}", "--branches", "--remotes", "--tags")
                yield ("rev-list", "--count", f"refs/heads/{branch}", "--not", *others)


async def _without_filters(cwd: str) -> tuple[str, ...]:
    """Settings by which git compares files without the programs that its filters name."""
    lines = await lines_of_git(("config", "--name-only", "--get-regexp", r"^filter\."), cwd)
    names = {line.decode(errors="surrogateescape").rpartition(".")[0] for line in lines or ()}
    kinds = ("clean=", "process=", "required=false")
    return tuple(
        word for name in sorted(names) for kind in kinds for word in ("-c", f"{name}.{kind}")
    )


async def lines_of_git(words: tuple[str, ...], cwd: str) -> list[bytes] | None:
    """Ask git; None when it cannot say, or not soon."""
    try:
        with trio.move_on_after(GIT_SECONDS):
            ran = await trio.run_process(
                [*_GIT, *words],
                cwd=cwd,
                capture_stdout=True,
                stdin=b"",
                stderr=subprocess.DEVNULL,
                check=False,
                env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            )
            return ran.stdout.splitlines() if ran.returncode == 0 else None
    except OSError:
        return None
    return None


def _many(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    first, space, rest = what.partition(" that is ")
    plural = {"stash": "stashes", "untracked file or folder": "untracked files or folders"}
    return f"{count:,} {plural.get(first, first + 's')}{' that are ' if space else ''}{rest}"
