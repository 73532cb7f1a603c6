"""What steps take for granted of the folder they run in: files, rights, the repository.

All of these are warnings: a script may go elsewhere, or make what it needs, in ways that its text
does not tell.
"""

import os
from collections.abc import Iterator, Sequence

from flowd.domain.foresight import Obstacle, ObstacleKind, Use
from flowd.domain.ports import Judgement
from flowd.domain.workflow import Step
from flowd.exec.extents import lines_of_git

_INTERPRETERS = ("bash", "sh", "zsh", "dash", "python", "python3", "node", "ruby", "perl")
_MAKES_REPOSITORIES = frozenset(("init", "clone"))
_ASIDE = frozenset(("init", "clone", "version", "help", "config", "ls-remote", "credential"))
_MOVE = frozenset(("checkout", "switch", "rebase", "pull", "merge", "cherry-pick", "bisect"))


def files_in_the_way(step: Step, judgement: Judgement, folder: str) -> Iterator[Obstacle]:
    """Scripts that are not there or must not be executed, a folder that must not be written to."""
    made = {effect.what for effect in judgement.effects if effect.kind == "writes"}
    for use in judgement.uses:
        name = use.program if use.program.startswith(("./", "../")) else _script_of(use)
        path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
        if not name or use.moved or not use.certain or {name, os.path.basename(name)} & made:  # noqa: PTH119
            continue
        if not os.path.exists(path):  # noqa: PTH110
            yield _warning(step, "file", f"there is no {name} in {folder}", "check the name", use)
        elif name == use.program and not os.access(path, os.X_OK):
            cure = f"chmod +x {name}"
            yield _warning(step, "permission", f"{name} may not be executed", cure, use)
    writes = any(not what.startswith(("/", "~", "…")) for what in made)
    if writes and os.path.isdir(folder) and not os.access(folder, os.W_OK):  # noqa: PTH112
        message, cure = f"{folder} may not be written to", "choose another folder, or its owner"
        yield _warning(step, "permission", message, cure)


def _script_of(use: Use) -> str:
    """The file an interpreter is given, when nothing stands before it."""
    if use.program not in _INTERPRETERS or not use.arguments:
        return ""
    first = use.arguments[0]
    known = first.replace("_", "").replace("-", "").replace(".", "").replace("/", "").isalnum()
    return first if known and not first.startswith("-") and "." in first else ""


async def repository_in_the_way(
    step: Step, judgement: Judgement, folder: str, earlier: Sequence[Use]
) -> list[Obstacle]:
    """What git would stumble over: no repository, no remote, no name, changes not committed."""
    calls = [use for use in judgement.uses if use.program == "git" and use.certain]
    parts = [(use, _part(use)) for use in calls]
    wanted = [(use, part) for use, part in parts if part and part not in _ASIDE]
    makes = any(_part(use) in _MAKES_REPOSITORIES for use in (*earlier, *judgement.uses))
    if not wanted or makes:
        return []
    if await lines_of_git(("rev-parse", "--git-dir"), folder) is None:  # also: no such folder
        cure = "git init, or run it in a repository"
        return [_warning(step, "git", f"{folder} is in no git repository", cure, wanted[0][0])]
    found = []
    for use, part in wanted:
        if part == "push" and await lines_of_git(("remote",), folder) == []:
            cure = "git remote add origin URL"
            found.append(_warning(step, "git", "the repository has no remote", cure, use))
        elif part in ("commit", "tag") and await _has_no_name(folder):
            cure = "git config user.email YOU@EXAMPLE.ORG, and user.name"
            found.append(_warning(step, "git", "git does not know who commits", cure, use))
        elif part in _MOVE and await _is_dirty(folder) and not _restores(use):
            message = f"git {part} may refuse: there are changes that are not committed"
            found.append(_warning(step, "git", message, "commit them, or git stash", use))
    return found


def _part(use: Use) -> str:
    first = use.arguments[0] if use.arguments else ""
    return first if first.replace("-", "").isalpha() and not first.startswith("-") else ""


def _restores(use: Use) -> bool:
    return "--" in use.arguments or any(
        word in ("-b", "-c", "-B", "-C", "--abort", "--continue", "--autostash")
        for word in use.arguments
    )


async def _has_no_name(folder: str) -> bool:
    return await lines_of_git(("config", "user.email"), folder) is None and not (
        os.environ.get("GIT_AUTHOR_EMAIL") or os.environ.get("EMAIL")
    )


async def _is_dirty(folder: str) -> bool:
    words = ("diff-index", "--name-only", "--cached", "HEAD", "--")
    staged = await lines_of_git(words, folder)
    changed = await lines_of_git(("diff-files", "--name-only"), folder)
    return bool(staged or changed)


def _warning(
    step: Step, kind: ObstacleKind, message: str, cure: str, use: Use | None = None
) -> Obstacle:
    return Obstacle(step.id, "run", kind, "warning", message, cure, use.span if use else (0, 0))
