"""The repository around a folder, read from its files: only `dirty` needs a process."""

import os
import re
import subprocess
from pathlib import Path

import trio
from msgspec import Struct, field

_REMOTE = re.compile(r'^\[remote "(?P<name>[^"]+)"\]', re.MULTILINE)
_MOST_TAGS = 20


class GitState(Struct, frozen=True):
    """The repository around the folder. `branch` is empty when HEAD is detached.

    `dirty` says whether tracked files differ from the last commit, None when nobody knows.
    `tags` are the newest by version, at most twenty.
    """

    root: str
    branch: str = ""
    dirty: bool | None = None
    remotes: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


class Repository(Struct, frozen=True):
    """Where it is: `root` of the working tree, `own` state, `shared` by all working trees."""

    root: Path
    own: Path
    shared: Path


def find_repository(folder: Path) -> Repository | None:
    """Find the working tree the folder is in; None when it is in none."""
    for root in (folder, *folder.parents):
        entry = root / ".git"
        if entry.is_dir():
            return Repository(root, entry, entry)
        if entry.is_file():
            own = _linked(root, entry)
            return Repository(root, own, _shared(own)) if own else None
    return None


def _linked(root: Path, entry: Path) -> Path | None:
    """Follow the `gitdir:` line of a linked working tree or submodule."""
    line = _text(entry).strip()
    return root / line.removeprefix("gitdir:").strip() if line.startswith("gitdir:") else None


def _shared(own: Path) -> Path:
    common = _text(own / "commondir").strip()
    return (own / common).resolve() if common else own


def read_state(repository: Repository) -> GitState:
    """Read branch, remotes and tags; whatever cannot be read is empty."""
    head = _text(repository.own / "HEAD").strip()
    return GitState(
        root=str(repository.root),
        branch=head.removeprefix("ref: refs/heads/") if head.startswith("ref: ") else "",
        remotes=_REMOTE.findall(_text(repository.shared / "config")),
        tags=_tags(repository.shared),
    )


def _tags(shared: Path) -> list[str]:
    folder = shared / "refs" / "tags"
    # Unlike rglob it goes on when git packs refs meanwhile, and folders go away.
    loose = [
        str(Path(at, name).relative_to(folder))
        for at, _, names in os.walk(folder)
        for name in names
    ]
    packed = re.findall(r"^\w+ refs/tags/(\S+)$", _text(shared / "packed-refs"), re.MULTILINE)
    return sorted({*loose, *packed}, key=_version_key, reverse=True)[:_MOST_TAGS]


def _version_key(tag: str) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", tag)[:5]), tag


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


async def is_dirty(root: str) -> bool | None:
    """Ask git whether tracked files were changed; None when it cannot say. Takes no lock."""
    try:
        done = await trio.run_process(
            # A monitor named in the repository's settings is a program, and nobody asked for it.
            [
                *("git", "-C", root, "-c", "core.fsmonitor=false"),
                *("status", "--porcelain", "--untracked-files=no"),
            ],
            capture_stdout=True,
            stderr=subprocess.DEVNULL,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except OSError:
        return None
    return bool(done.stdout) if done.returncode == 0 else None
