"""What a project says can be done with it: its task files, read by small honest readers.

A reader gives what it understands. A file that is not what its name says gives nothing: it is the
project's, and a suggestion must not fail over it.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from json import loads
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

_LARGEST = 500_000
_MOST = 80


class ProjectTask(Struct, frozen=True):
    """Something the project itself defines: `make test`, an npm script, a just recipe.

    `command` runs it from the folder `cwd` (absolute); `source` is the file that says so.
    """

    name: str
    command: str
    source: str
    cwd: str
    description: str = ""


class _Found(Struct, frozen=True):
    name: str
    command: str
    description: str = ""


def read_tasks(folder: Path, names: frozenset[str]) -> list[ProjectTask]:
    """Give the tasks of the folder, whose file names are `names`. Never raises."""
    tasks: list[ProjectTask] = []
    for source, reader in _READERS.items():
        if source in names:
            text = _read(folder / source)
            tasks += [
                ProjectTask(found.name, found.command, source, str(folder), found.description)
                for found in _safely(reader, text, names)
            ]
    return tasks[:_MOST]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace") if path.stat().st_size < _LARGEST else ""
    except OSError:
        return ""


_Reader = Callable[[str, frozenset[str]], Iterator[_Found]]
_NOT_AS_NAMED = (
    ValueError,  # of JSON, TOML and INI files
    yaml.YAMLError,
    SyntaxError,
    RecursionError,
)


def _safely(reader: _Reader, text: str, names: frozenset[str]) -> list[_Found]:
    try:
        return list(reader(text, names))
    except _NOT_AS_NAMED:
        return []


def _mapping(value: object, *keys: str) -> Mapping[str, Any]:
    """Go down the keys as long as there are mappings; an empty one when there are not."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


_MAKE_TARGET = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\s+[A-Za-z0-9][\w.-]*)*\s*::?(?!=)(.*)$")


def _makefile(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    before = ""
    seen: set[str] = set()
    for line in text.splitlines():
        match = _MAKE_TARGET.match(line)
        if match and match[1] not in seen and not re.search(r"\.\w$|\.(?:so|py|txt)$", match[1]):
            seen.add(match[1])
            beside = re.search(r"##\s*(.+)$", match[2])
            yield _Found(match[1], f"make {match[1]}", beside[1] if beside else before)
        before = line.lstrip("# ").strip() if line.startswith("#") else ""


_JUST_RECIPE = re.compile(r"^@?([A-Za-z][\w-]*)((?:\s+[\w$*+]+(?:=\S+)?)*)\s*:(?!=)")


def _justfile(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    before = ""
    for line in text.splitlines():
        match = _JUST_RECIPE.match(line)
        if match and not match[1].startswith("_") and match[1] not in ("set", "alias", "export"):
            needed = [word for word in match[2].split() if "=" not in word and word[0] != "*"]
            if not needed:
                yield _Found(match[1], f"just {match[1]}", before)
        before = line.lstrip("# ").strip() if line.startswith("#") else ""


def _package_json(text: str, names: frozenset[str]) -> Iterator[_Found]:
    runners = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
    runner = next((tool for lock, tool in runners.items() if lock in names), "npm")
    for name, script in _mapping(loads(text), "scripts").items():
        if re.fullmatch(r"[\w:.-]+", name) and not re.match(r"(?:pre|post)[a-z]", name):
            short = runner == "npm" and name in ("test", "start")
            yield _Found(name, f"npm {name}" if short else f"{runner} run {name}", str(script))


def _deno_json(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    for name, script in _mapping(loads(text), "tasks").items():
        yield _Found(name, f"deno task {name}", str(script))


def _composer_json(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    for name in _mapping(loads(text), "scripts"):
        yield _Found(name, f"composer run {name}")


def _pyproject(text: str, names: frozenset[str]) -> Iterator[_Found]:
    document = tomllib.loads(text)
    tool = _mapping(document, "tool")
    run = _python_runner(names)
    for section, command in (
        (_mapping(tool, "poe", "tasks"), "poe"),
        (_mapping(tool, "pdm", "scripts"), "pdm run"),
        (_mapping(tool, "taskipy", "tasks"), "task"),
        (_mapping(tool, "hatch", "envs", "default", "scripts"), "hatch run"),
    ):
        for name, task in section.items():
            told = task.get("help", task.get("cmd", "")) if isinstance(task, Mapping) else task
            yield _Found(name, f"{command} {name}", str(told))
    if "pytest" in tool or {"tests", "test"} & names:
        yield _Found("test", f"{run}pytest", "the tests, with pytest")
    for name, key, command, told in (
        ("lint", "ruff", "ruff check .", "ruff is configured here"),
        ("format", "ruff", "ruff format .", "ruff is configured here"),
        ("format", "black", "black .", "black is configured here"),
        ("typecheck", "mypy", "mypy", "check types with mypy"),
        ("typecheck", "pyright", "pyright", "check types with pyright"),
        ("tox", "tox", "tox", "test in every environment"),
    ):
        if key in tool:
            yield _Found(name, f"{run}{command}", told)
    if "build-system" in document:
        yield _Found("build", f"{run}python -m build", "build the package")
    for name in _mapping(document, "project", "scripts"):
        yield _Found(name, f"{run}{name}", "a program of this project")


def _python_runner(names: frozenset[str]) -> str:
    """How the project's tools are started: through its manager, or its own environment."""
    for manager in ("uv", "poetry", "pdm"):
        if f"{manager}.lock" in names:
            return f"{manager} run "
    return ".venv/bin/" if ".venv" in names else ""


def _tox_ini(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    import configparser  # here: few projects need it

    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(f"tox.ini: {error}") from error
    yield _Found("test", "tox", "test in every environment")
    for section in parser.sections():
        if section.startswith("testenv:"):
            name = section.removeprefix("testenv:")
            told = parser.get(section, "description", fallback="")
            yield _Found(name, f"tox -e {name}", told)


def _noxfile(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and any(
            "session" in ast.unparse(decorator) for decorator in node.decorator_list
        ):
            told = (ast.get_docstring(node) or "").split("\n")[0]
            yield _Found(node.name, f"nox -s {node.name}", told)


def _cargo_toml(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    tomllib.loads(text)
    for name, told in (
        ("test", "run the tests"), ("build", "build the project"), ("run", "run the program"),
        ("check", "check without building"), ("clippy", "lint the code"),
        ("fmt", "format the code"), ("doc", "build the documentation"),
        ("bench", "run the benchmarks"),
    ):  # fmt: skip
        yield _Found(name, f"cargo {name}", told)


def _go_mod(_text: str, _names: frozenset[str]) -> Iterator[_Found]:
    yield _Found("test", "go test ./...", "run the tests")
    yield _Found("build", "go build ./...", "build the project")
    yield _Found("vet", "go vet ./...", "lint the code")
    yield _Found("fmt", "gofmt -w .", "format the code")


def _compose(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    services = list(_mapping(yaml.safe_load(text), "services"))
    if services:
        yield _Found("up", "docker compose up -d", f"start the services {', '.join(services)}")
        yield _Found("down", "docker compose down", "stop the services")
        yield _Found("logs", "docker compose logs", "show the logs of the services")
        yield _Found("build-images", "docker compose build", "build the images of the services")
    for service in services:
        if re.fullmatch(r"[\w.-]+", str(service)):
            yield _Found(f"restart-{service}", f"docker compose restart {service}")
            yield _Found(f"logs-{service}", f"docker compose logs {service}")


def _taskfile(text: str, _names: frozenset[str]) -> Iterator[_Found]:
    for name, task in _mapping(yaml.safe_load(text), "tasks").items():
        told = str(_mapping(task).get("desc", ""))
        yield _Found(name, f"task {name}", told)


def _manage_py(_text: str, _names: frozenset[str]) -> Iterator[_Found]:
    yield _Found("test", "python3 manage.py test", "run the Django tests")
    yield _Found("migrate", "python3 manage.py migrate", "apply the database migrations")


_READERS: dict[str, _Reader] = {
    "GNUmakefile": _makefile, "makefile": _makefile, "Makefile": _makefile,
    "justfile": _justfile, "Justfile": _justfile, ".justfile": _justfile,
    "Taskfile.yml": _taskfile, "Taskfile.yaml": _taskfile,
    "package.json": _package_json, "deno.json": _deno_json, "composer.json": _composer_json,
    "noxfile.py": _noxfile, "tox.ini": _tox_ini, "pyproject.toml": _pyproject,
    "manage.py": _manage_py, "Cargo.toml": _cargo_toml, "go.mod": _go_mod,
    "compose.yaml": _compose, "compose.yml": _compose,
    "docker-compose.yml": _compose, "docker-compose.yaml": _compose,
}  # fmt: skip
"""Task files in the order of preference: what people wrote for people comes first."""
TASK_FILES = frozenset(_READERS) | {
    *("pnpm-lock.yaml", "yarn.lock", "bun.lockb", "bun.lock", "uv.lock", "poetry.lock", "pdm.lock"),
}
"""Every file whose content or presence decides what tasks there are."""
