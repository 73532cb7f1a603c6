"""The user's templates as answers: those of the user's own folder, and of the project.

What came with a checkout that nobody trusts, or is another user's, is left out: a suggestion can be
run by its id.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from flowd.domain.parse import parse_workflow
from flowd.domain.workflow import Workflow
from flowd.errors import InvalidWorkflow
from flowd.projects import belongs_to_another, project_folders
from flowd.suggest.match import Entry, Index
from flowd.suggest.providers.base import Draft

_SUFFIX = ".flow.yaml"
_MOST_FILES = 200
_LARGEST_FILE = 65_536  # bytes
_LEAST = 0.55


class Template(Struct, frozen=True):
    """A template that was read."""

    name: str
    path: Path
    workflow: Workflow


class Templates:
    """Reads templates, each again only when it changed. `trusts` says whose checkouts count."""

    def __init__(self, own_folder: Path, trusts: Callable[[Path], bool]):
        self._own_folder = own_folder
        self._trusts = trusts
        self._read: dict[Path, tuple[tuple[int, int], Workflow | None]] = {}

    def find(self, cwd: str) -> list[Template]:
        """Give the templates that count in a folder, nearest first. Reads files."""
        folder = Path(cwd)
        folders = [each / ".flow" for each in project_folders(folder)] if folder.is_dir() else []
        folders = [*folders, self._own_folder] if self._trusts(folder) else [self._own_folder]
        found: dict[str, Template] = {}
        for path in _files_in(folders):
            name = path.name.removesuffix(_SUFFIX)
            workflow = self._workflow_in(path) if name not in found else None
            if workflow is not None:
                found[name] = Template(name, path, workflow)
        return list(found.values())

    def _workflow_in(self, path: Path) -> Workflow | None:
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size)
            known = self._read.get(path)
            if known is None or known[0] != version:
                workflow = _parsed(path) if status.st_size <= _LARGEST_FILE else None
                self._read[path] = known = (version, workflow)
        except (OSError, UnicodeDecodeError, InvalidWorkflow):
            return None  # `flowctl check` says what is wrong with it
        return known[1]


def _files_in(folders: list[Path]) -> Iterator[Path]:
    left = _MOST_FILES
    for folder in folders:
        try:
            paths = sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIX))
        except OSError:
            continue
        mine = (path for path in paths[:left] if not belongs_to_another(path))
        yield from (path for path in mine if path.is_file())
        left -= len(paths[:left])


def _parsed(path: Path) -> Workflow:
    return parse_workflow(path.read_text(encoding="utf-8"))


def template_answers(
    asked: str, templates: list[Template], words: Index, limit: int
) -> Iterator[Draft]:
    """Give the templates that are what is asked for, best first."""
    if not templates:
        return
    entries = (Entry(str(place), _phrases(each)) for place, each in enumerate(templates))
    for match in Index(entries, words).find(asked, limit):
        if match.score >= _LEAST:
            template = templates[int(match.key)]
            yield Draft(
                title=template.workflow.description or template.name,
                workflow=template.workflow,
                explanation=f"your template {template.name}, {template.path}",
                confidence=match.score,
                matched=True,
                asked_as=match.phrase,
            )


def _phrases(template: Template) -> list[str]:
    workflow = template.workflow
    said = [template.name, workflow.name, workflow.description]
    return [text.replace("-", " ").replace("_", " ") for text in dict.fromkeys(said) if text]
