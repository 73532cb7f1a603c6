"""Where a workflow comes from: the request itself, a file, a template, a suggestion."""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

import trio
from msgspec import Struct

from flowd.domain.parse import Reading, parse_workflow, read_workflow, workflow_from_object
from flowd.domain.suggestions import Suggester
from flowd.domain.workflow import Workflow
from flowd.errors import InvalidInput, NotFound
from flowd.projects import project_folders
from flowd.server.trust import Trust
from flowproto.runs import RunParams

READ_AT_ONCE = 20_000  # characters; longer texts are read in a thread, so that runs go on
LONGEST_FILE = 16 * 1024 * 1024  # bytes: as much as a message may hold

_SOURCES = ("workflow", "text", "path", "template", "suggestion")
_TEMPLATE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def folder_of(cwd: str | None) -> Path:
    """Give the folder a request is about: the user's home when it names none."""
    if cwd is None:
        return Path.home()
    folder = Path(cwd)
    if not folder.is_absolute() or "\0" in cwd:
        raise InvalidInput(f"cwd is {cwd!r}: it must be absolute", cure="send an absolute path")
    return folder


def path_in(folder: Path, given: str) -> Path:
    """Give a path as the client means it: `~` is the user's home, a relative one is in `folder`."""
    try:
        return folder / Path(given).expanduser()
    except RuntimeError as error:  # how pathlib says that there is no such user
        raise InvalidInput(f"{given!r}: {error}", cure="send an absolute path") from None


def exactly_one(params: Struct, names: Sequence[str]) -> str:
    """Give the one name of `names` that the params set; InvalidInput for none or several."""
    given = [name for name in names if getattr(params, name) is not None]
    if len(given) != 1:
        raise InvalidInput(
            f"{' and '.join(given) or 'nothing'} given, where one thing is wanted",
            cure=f"send exactly one of {', '.join(names)}",
        )
    return given[0]


async def find_workflow(
    params: RunParams,
    cwd: Path,
    *,
    suggester: Suggester,
    templates: Path,
    trust: Trust | None = None,
) -> tuple[Workflow, str]:
    """Give the workflow that `flow/run` names, and where it came from, in words.

    InvalidInput, NotFound, InvalidWorkflow with every problem, or Untrusted, unless `trust` is None
    because nothing will run.
    """
    source = exactly_one(params, _SOURCES)
    if params.workflow is not None:
        return workflow_from_object(params.workflow), source
    if params.text is not None:
        return await workflow_in(params.text), source
    if params.path is not None:
        path = path_in(cwd, params.path)
        text = await read_workflow_file(path)
        if trust is not None:
            await trust.refuse_untrusted(path)
        return await workflow_in(text), str(path)
    if params.template is not None:
        return await _find_template(params.template, cwd, suggester, templates, trust)
    assert params.suggestion is not None
    return suggester.recall(params.suggestion).workflow, f"suggestion {params.suggestion}"


async def _find_template(
    name: str, cwd: Path, suggester: Suggester, templates: Path, trust: Trust | None
) -> tuple[Workflow, str]:
    """Look in the project, then in the user's folder, then among the built-in recipes."""
    if _TEMPLATE_NAME.fullmatch(name) is None:
        raise InvalidInput(
            f"{name!r} cannot be a template's name",
            cure="use letters, digits, dots, - and _; a file is given as path",
        )
    path = await trio.to_thread.run_sync(_template_file, name, cwd, templates)
    if path is not None:
        text = await read_workflow_file(path)
        if trust is not None and path.parent != templates:  # the user's own are the user's
            await trust.refuse_untrusted(path)
        return await workflow_in(text), str(path)
    try:
        return suggester.recall(name).workflow, f"template {name}"
    except NotFound:
        raise NotFound(
            f"no template {name!r} in {cwd}, its project, {templates} or the built-in ones",
            cure="flowctl template list shows what there is",
        ) from None


def _template_file(name: str, cwd: Path, templates: Path) -> Path | None:
    folders = (*(folder / ".flow" for folder in project_folders(cwd)), templates)
    candidates = (folder / f"{name}.flow.yaml" for folder in folders)
    return next((path for path in candidates if _exists(path)), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long a name, or a folder on the way that must not be looked into
        return False


async def read_text(text: str) -> Reading:
    """Read the text of a workflow file, letting others work meanwhile."""
    if len(text) > READ_AT_ONCE:
        return await trio.to_thread.run_sync(read_workflow, text)
    return read_workflow(text)


async def workflow_in(text: str) -> Workflow:
    """Give the workflow of a file's text, as `read_text` does; InvalidWorkflow when it is none."""
    if len(text) > READ_AT_ONCE:
        return await trio.to_thread.run_sync(parse_workflow, text)
    return parse_workflow(text)


async def read_workflow_file(path: Path) -> str:
    """Read a workflow file. NotFound, or InvalidInput for what is no readable text file."""
    try:
        return await trio.to_thread.run_sync(_read_text, path)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", cure="check the name and the folder") from None
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8: {error}", cure="save it as UTF-8") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise InvalidInput(
            f"{str(path)!r} cannot be read: {error}", cure="mend its permissions or give another"
        ) from None


def _read_text(path: Path) -> str:
    # Without O_NONBLOCK, opening a pipe nobody writes to would hold this thread for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InvalidInput(f"{path} is not a file", cure="give a *.flow.yaml file")
        if status.st_size > LONGEST_FILE:
            raise InvalidInput(
                f"{path} has {status.st_size} bytes; at most {LONGEST_FILE} are read",
                cure="split the workflow",
            )
        return file.read(LONGEST_FILE).decode()
