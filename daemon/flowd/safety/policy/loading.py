"""Which policy files there are for a folder, read again when they change.

The administrator's file and the user's own count everywhere. Those of a project
(`.flow/policy.yaml` in the folder or one above it, up to the top of its git checkout) count where
the folder is trusted.
"""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flowd.errors import InvalidInput
from flowd.projects import project_folders, project_folders_with
from flowd.safety.judge import follow
from flowd.safety.policy.layers import policy_for
from flowd.safety.policy.reading import (
    CURE,
    MAX_CHARACTERS,
    Example,
    Kind,
    Layer,
    problem,
    read_layer,
)
from flowd.safety.policy.rules import Place
from flowd.safety.state import HOME

_LOG = logging.getLogger(__name__)

ADMINISTRATOR_POLICY = Path("/etc/flow/policy.yaml")
PROJECT_POLICY = Path(".flow") / "policy.yaml"
MOST_KEPT = 256  # files whose text is remembered

Signature = tuple[int, int, int, int]
"""What changes when a file does: its times, size and number. Empty files differ from none."""

_MISSING: Signature = (0, 0, 0, 0)


class PolicyFile(Struct, frozen=True):
    """A file and what came of it. `problem` says why it cannot be read, with line and column.

    `trusted` is False for a project's file that was not read for that reason.
    """

    kind: Kind
    path: Path
    signature: Signature
    layer: Layer | None = None
    problem: str = ""
    trusted: bool = True

    @property
    def present(self) -> bool:
        """Whether there is such a file."""
        return self.signature != _MISSING


class PolicyFiles:
    """Reads policy files, and looks whether they changed, which is all it does most times."""

    def __init__(
        self,
        user: Path,
        *,
        administrator: Path = ADMINISTRATOR_POLICY,
        trusts: Callable[[Path], bool] = lambda folder: True,
    ):
        self._fixed: tuple[tuple[Kind, Path], ...] = (
            ("administrator", administrator),
            ("user", user),
        )
        self._names = [(kind, str(path)) for kind, path in self._fixed]
        self._trusts = trusts
        self._known: dict[str, PolicyFile] = {}  # by path: a text is looked up sooner than a Path

    def files_for(self, cwd: str | None) -> list[PolicyFile]:
        """Every file that is there for a run in this folder, the administrator's first."""
        found = [self._look(kind, name) for kind, name in self._names]
        if cwd:
            names = project_folders_with(cwd, str(PROJECT_POLICY))
            found += [self._of_project(Path(name)) for name in names]
        return [file for file in found if file.present]

    def places(self, cwd: str) -> list[Path]:
        """Where files are looked for, whether they are there or not."""
        top = project_folders(Path(cwd))[-1]
        return [*(path for _, path in self._fixed), top / PROJECT_POLICY]

    def problems(self) -> list[str]:
        """What is wrong with the files that count everywhere."""
        return [file.problem for file in self.files_for(None) if file.problem]

    def _of_project(self, folder: Path) -> PolicyFile:
        path = folder / PROJECT_POLICY
        if not self._trusts(folder):
            return PolicyFile("project", path, signature_of(str(path)), trusted=False)
        return self._look("project", str(path))

    def _look(self, kind: Kind, name: str) -> PolicyFile:
        """Give a file as it is now; it is read only if it is not what it was."""
        signature = signature_of(name)
        known = self._known.get(name)
        if known is not None and known.signature == signature and known.kind == kind:
            return known
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        file = self._known[name] = read_file(kind, Path(name), signature)
        if file.problem:
            _LOG.error("%s (%s)", file.problem, CURE)
        return file


def signature_of(name: str) -> Signature:
    """Tell apart the states of a file; what cannot be looked at is there, and its reading fails.

    A text, for this is asked before each judgement, and a Path takes longer than the system.
    """
    try:
        status = os.stat(name)  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return _MISSING
    except (OSError, ValueError):
        return (-1, 0, 0, 0)
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


def read_file(kind: Kind, path: Path, signature: Signature) -> PolicyFile:
    """Read a file and try its examples; what is wrong with it is kept as its problem."""
    if signature == _MISSING:
        return PolicyFile(kind, path, signature)
    try:
        return PolicyFile(kind, path, signature, load_layer(kind, path))
    except InvalidInput as error:
        return PolicyFile(kind, path, signature, problem=error.message)


def load_layer(kind: Kind, path: Path) -> Layer:
    """Read a policy file and try its examples. InvalidInput names line and column."""
    layer = read_layer(text_of(path), kind, str(path))
    for example in layer.examples:
        if why := failure_of(example, layer):
            raise problem(why, example.place)
    return layer


def text_of(path: Path) -> str:
    """Read a policy file's text. InvalidInput when that cannot be."""
    top = Place(str(path), 1, 1)
    try:
        if not path.is_file():  # reading a pipe would hold the daemon up
            raise problem("this is no file", top)
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise problem(f"the file is longer than {MAX_CHARACTERS} characters", top)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", cure=CURE) from error


def failure_of(example: Example, layer: Layer) -> str:
    """Say how a rule fails its example; empty when it does not."""
    if _finds(example, layer) is example.expected:
        return ""
    verb = "does not match" if example.expected else "matches"
    return f"the pattern `{example.rule.text}` {verb} its example `{example.command}`"


def _finds(example: Example, layer: Layer) -> bool:
    """Whether following the example comes upon a command that the rule alone is about.

    At any time, and in a folder of a home, or in that of the project.
    """
    always = replace(example.rule, when=None)
    alone = replace(layer, rules=(always,), lines=(), kind="user")
    project = layer.kind == "project"
    folder = str(Path(layer.path).parent.parent) if project else f"{HOME}/project"
    policy = policy_for([alone], folder, datetime.now(UTC))
    trace = follow(example.command, policy, cwd=folder, calls=False)
    return any(finding.source == str(always.place) for finding in trace.findings) or bool(
        trace.allowed
    )
