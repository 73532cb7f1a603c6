"""What is known about the folder a task is asked in, gathered quickly and read-only."""

from msgspec import Struct, field


class GitState(Struct, frozen=True):
    """The repository around the folder. `branch` is empty when HEAD is detached."""

    root: str
    branch: str = ""
    dirty: bool | None = None
    remotes: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)


class ProjectTask(Struct, frozen=True):
    """Something the project itself defines: `make test`, an npm script, a just recipe.

    `command` runs it from the folder `cwd` (absolute); `source` is the file that says so.
    """

    name: str
    command: str
    source: str
    cwd: str
    description: str = ""


class Context(Struct, frozen=True):
    """Facts, not text: a provider decides what to tell its model.

    `kinds` are of python, node, rust, go, docker, ...; `files` are names in the folder (not deeper),
    capped; `programs` are the known programs found on PATH. `git` is None outside a repository.
    """

    cwd: str
    kinds: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    tasks: list[ProjectTask] = field(default_factory=list)
    programs: frozenset[str] = frozenset()
    git: GitState | None = None
