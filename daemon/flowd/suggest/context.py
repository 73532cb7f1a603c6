"""What is known about the folder a task is asked in, gathered quickly and read-only."""

import os
from functools import lru_cache
from pathlib import Path

import trio
from msgspec import Struct, field
from msgspec.structs import replace

from flowd.suggest.git_state import GitState, find_repository, is_dirty, read_state
from flowd.suggest.tasks import TASK_FILES, ProjectTask, read_tasks
from flowd.suggest.written import notes, readme_commands, system

__all__ = ["Context", "GitState", "ProjectTask", "gather_context"]

_MOST_FILES = 200
_PARENTS = 4

_KINDS = {
    "pyproject.toml": "python", "setup.py": "python", "requirements.txt": "python",
    "Pipfile": "python", "package.json": "node", "deno.json": "node", "Cargo.toml": "rust",
    "go.mod": "go", "pom.xml": "java", "build.gradle": "java", "build.gradle.kts": "java",
    "Gemfile": "ruby", "composer.json": "php", "Dockerfile": "docker", "compose.yaml": "docker",
    "compose.yml": "docker", "docker-compose.yml": "docker", "docker-compose.yaml": "docker",
    "Makefile": "make", "CMakeLists.txt": "cmake", "main.tf": "terraform", "manage.py": "django",
}  # fmt: skip

_KNOWN_PROGRAMS = """
    git gh docker podman kubectl make just cmake gcc g++ clang python3 python pip pipx uv poetry
    tox nox pytest ruff black mypy node npm npx pnpm yarn bun deno cargo rustc rustup go java javac
    mvn gradle ruby bundle php composer terraform ansible sqlite3 psql pg_dump mysql mysqldump
    redis-cli mongosh systemctl journalctl ssh scp rsync sshfs curl wget dig nslookup host whois nc
    nmap mtr traceroute tcpdump ip ss netstat ifconfig lsof fuser strace tmux screen htop tree rg fd
    jq yq xmllint gron zip unzip 7z rar unrar tar gzip bzip2 xz zstd pigz cpio gpg openssl certbot
    vim nano less parallel entr watch at crontab apt apt-get dnf yum pacman apk brew snap
    conda pyenv nvm virtualenv locate shellcheck shfmt ffmpeg magick pandoc
"""
KNOWN_PROGRAMS = frozenset(_KNOWN_PROGRAMS.split())
"""Programs a suggestion may depend on, and not every machine has."""


class Context(Struct, frozen=True):
    """Facts, not text: a provider decides what to tell its model.

    `kinds` are of python, node, rust, go, docker, …; `files` are names in the folder (not deeper),
    capped; `programs` are those of KNOWN_PROGRAMS found on PATH, `versions` of those as far as they
    are known. `git` is None outside a repository. `system` names system and shell, `readme` has
    the commands of the project's README, `notes` what the user wants to be known.
    """

    cwd: str
    kinds: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    tasks: list[ProjectTask] = field(default_factory=list)
    programs: frozenset[str] = frozenset()
    git: GitState | None = None
    system: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    readme: str = ""
    notes: str = ""


async def gather_context(cwd: str, *, timeout: float = 0.15, own: Path | None = None) -> Context:
    """Look at the folder for at most `timeout` seconds; what is not known by then is left out.

    `own` is the user's file of notes for all folders. A folder that cannot be read gives an empty
    context: a task can be asked anywhere.
    """
    context = Context(cwd)
    with trio.move_on_after(timeout):
        # A thread cannot be stopped; one that hangs on a dead mount is left to itself.
        context = await trio.to_thread.run_sync(_look, cwd, own, abandon_on_cancel=True)
        if context.git is not None:
            dirty = await is_dirty(context.git.root)
            context = replace(context, git=replace(context.git, dirty=dirty))
    return context


def _look(cwd: str, own: Path | None) -> Context:
    folder = Path(cwd)
    repository = find_repository(folder)
    git = read_state(repository) if repository else None
    levels = _levels(folder, Path(git.root) if git else None)
    kinds: list[str] = []
    tasks: list[ProjectTask] = []
    for level in levels:
        names = _names(level)
        kinds += [kind for name, kind in _KINDS.items() if name in names]
        tasks += _tasks(level, names, _stamps(level, names))
    return Context(
        cwd,
        list(dict.fromkeys(kinds)),
        sorted(_names(folder))[:_MOST_FILES],
        tasks,
        _programs_on_path(),
        git,
        system=system(),
        readme=readme_commands(levels[-1]),
        notes=notes(levels[-1], own),
    )


@lru_cache(maxsize=64)
def _tasks(folder: Path, names: frozenset[str], _stamps: frozenset[object]) -> list[ProjectTask]:
    """Read the tasks once, and again only when the files or their stamps are others."""
    return read_tasks(folder, names)


def _stamps(folder: Path, names: frozenset[str]) -> frozenset[object]:
    return frozenset((name, _stamp(folder / name)) for name in TASK_FILES & names)


def _stamp(path: Path) -> tuple[int, int]:
    """Say when it was changed, in nanoseconds, and its size in bytes; zeros when it is gone."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _levels(folder: Path, root: Path | None) -> list[Path]:
    """Give the folder, and its parents up to the root of its repository, if it is in one."""
    if root is None or not folder.is_relative_to(root):
        return [folder]
    parents = [parent for parent in folder.parents if parent.is_relative_to(root)]
    return [folder, *parents][: _PARENTS + 1]


def _names(folder: Path) -> frozenset[str]:
    try:
        return frozenset(entry.name for entry in folder.iterdir())
    except OSError:
        return frozenset()


def _programs_on_path() -> frozenset[str]:
    folders = dict.fromkeys(os.environ.get("PATH", os.defpath).split(os.pathsep))
    found: set[str] = set()
    for folder in folders:
        path = Path(folder or ".").absolute()
        found |= _programs_in(path, _stamp(path))
    return frozenset(found)


@lru_cache(maxsize=64)
def _programs_in(folder: Path, _stamp: tuple[int, int]) -> frozenset[str]:
    return _names(folder) & KNOWN_PROGRAMS
