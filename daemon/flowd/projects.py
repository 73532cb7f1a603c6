"""Where projects begin and end on the disk, and which of them come from elsewhere.

Git itself is not asked: what a repository configures (`core.fsmonitor`, hooks) would run before
anybody trusts it.
"""

import os
import re
from pathlib import Path

LARGEST_CONFIG = 1_048_576  # bytes
LARGEST_INDEX = 256 * 1_048_576

_REMOTE = re.compile(rb"^\s*\[\s*remote\b", re.MULTILINE | re.IGNORECASE)
_INDEX_VERSION_4 = 4  # names are cut short there


def project_folders(folder: Path) -> tuple[Path, ...]:
    """The folder and those above it, up to the one that holds `.git`; only itself without one.

    Without that bound, whoever may write to a shared folder above would have a say.
    """
    upwards = (folder, *folder.parents)
    for count, each in enumerate(upwards, 1):
        if _is_there(f"{each}/.git"):
            return upwards[:count]
    return (folder,)


def project_folders_with(folder: str, name: str) -> list[str]:
    """Those of the project folders that hold a file; quick, for it is asked before each judgement.

    In texts: making a `Path` takes longer than asking the system.
    """
    found: list[str] = []
    at = folder
    while at:
        if _is_there(f"{at}/{name}"):
            found.append(at)
        if _is_there(f"{at}/.git"):
            return found
        at = at.rpartition("/")[0]
    return [folder] if found[:1] == [folder] else []  # there is no checkout


def checkout_of(folder: Path) -> Path | None:
    """The top folder of the git checkout that a folder is in."""
    top = project_folders(folder)[-1]
    return top if _is_there(f"{top}/.git") else None


def belongs_to_another(path: Path) -> bool:
    """Whether a file or folder is neither this user's nor the system's."""
    try:
        owner = path.stat().st_uid
    except (OSError, ValueError):
        return False
    return owner not in (os.geteuid(), 0)


def comes_from_elsewhere(top: Path) -> bool:
    """Whether a checkout has a remote, or another owner: others may have written what is in it."""
    if belongs_to_another(top / ".git"):
        return True
    common = _common_folder(_git_folder(top))
    return _REMOTE.search(_bytes_of(common / "config", LARGEST_CONFIG)) is not None


def is_checked_out(top: Path, path: Path) -> bool:
    """Whether git knows a file of a checkout: then it may be somebody else's.

    In doubt it is: with an index that is split, cuts names short or is not to be read. See
    gitformat-index(5).
    """
    git = _git_folder(top)
    index = _bytes_of(git / "index", LARGEST_INDEX)
    if not index:
        return False  # nothing was checked out
    plain = index[:4] == b"DIRC" and int.from_bytes(index[4:8], "big") < _INDEX_VERSION_4
    if not plain or any(git.glob("sharedindex.*")) or len(index) >= LARGEST_INDEX:
        return True
    name = path.relative_to(top).as_posix().encode("utf-8", "surrogateescape")
    return name + b"\0" in index


def _git_folder(top: Path) -> Path:
    """Where git keeps things: `.git`, or the folder that a file of that name tells."""
    git = top / ".git"
    if git.is_dir():
        return git
    told = _bytes_of(git, 8192).strip()
    name = told.removeprefix(b"gitdir:").strip().decode("utf-8", "surrogateescape")
    return top / name


def _common_folder(git: Path) -> Path:
    """Where the configuration is: a worktree of a repository says so in `commondir`."""
    told = _bytes_of(git / "commondir", 8192).strip().decode("utf-8", "surrogateescape")
    return git / told if told else git


def _bytes_of(path: Path, most: int) -> bytes:
    """The beginning of an ordinary file; nothing of anything else."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(most)
    except (OSError, ValueError):
        return b""


def _is_there(path: str) -> bool:
    """Whether there is such a file; not one that cannot be looked at."""
    try:
        return os.access(path, os.F_OK)
    except ValueError:  # a zero byte in the name
        return False
