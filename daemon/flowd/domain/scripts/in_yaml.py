"""Scripts in YAML and JSON: workflows of Flow, GitHub and GitLab, package.json.

JSON is read as the YAML that it nearly is, since that reader knows places.
"""

from collections.abc import Iterator

import yaml

from flowd.domain.scripts.place import Place, Script
from flowd.errors import InvalidInput

_LOADER = yaml.SafeLoader  # the one in C does not tell the same places
_OTHER_SHELLS = ("pwsh", "powershell", "cmd", "python", "node")


def workflow(text: str) -> Iterator[Script]:
    """Every script of every step."""
    for step in _items(_get(_read(text), "steps")):
        if _plain(_get(step, "shell")) in ("python", "fish"):
            continue
        name = _plain(_get(step, "id"))
        for key in ("run", "undo", "check"):
            node = _get(step, key)
            node = _get(node, "run") if isinstance(node, yaml.MappingNode) else node
            yield from _scripts(node, text, f"{name}, {key}" if key != "run" else name)


def github(text: str) -> Iterator[Script]:
    """`run` of the steps of jobs, and of an action of its own."""
    root = _read(text)
    owners = [("", _get(root, "runs")), *_pairs(_get(root, "jobs"))]
    for job, owner in owners:
        for number, step in enumerate(_items(_get(owner, "steps")), 1):
            if _plain(_get(step, "shell")).startswith(_OTHER_SHELLS):
                continue
            called = _plain(_get(step, "name")) or f"step {number}"
            yield from _scripts(_get(step, "run"), text, f"{job}: {called}" if job else called)


def gitlab(text: str) -> Iterator[Script]:
    """`script`, `before_script` and `after_script`, of jobs and of all of them."""
    root = _read(text)
    for job, owner in [("", root), *_pairs(root)]:
        for key in ("before_script", "script", "after_script"):
            for node in _flat(_get(owner, key)):
                yield from _scripts(node, text, f"{job}, {key}" if job else key)


def npm(text: str) -> Iterator[Script]:
    """The scripts of a package."""
    for name, node in _pairs(_get(_read(text), "scripts")):
        yield from _scripts(node, text, name)


def _read(text: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InvalidInput(f"{where}{error.problem}", cure="mend the file") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput("this is neither YAML nor JSON", cure="mend the file") from error
    return root


def _pairs(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(_plain(key), value) for key, value in node.value]


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    return next((value for name, value in _pairs(node) if name == key), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _flat(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _flat(each)
    elif node is not None:
        yield node


def _plain(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def _scripts(node: yaml.Node | None, text: str, name: str) -> Iterator[Script]:
    """Give a text's script; a `|` block has a place for each line, others for their beginning."""
    if not isinstance(node, yaml.ScalarNode) or not isinstance(node.value, str):
        return
    start = node.start_mark
    if node.style == "|":
        lines = text.splitlines()
        used = len(node.value.rstrip("\n").split("\n"))
        body = lines[start.line + 1 : start.line + 1 + used]
        indent = min((len(line) - len(line.lstrip()) for line in body if line.strip()), default=0)
        count = node.value.count("\n") + 1
        starts = tuple(Place(start.line + 2 + number, indent + 1) for number in range(count))
    else:
        quoted = node.style in ("'", '"')
        first = Place(start.line + 1, start.column + 1 + quoted)
        starts = (first,) * (node.value.count("\n") + 1)
    yield Script(node.value, name, starts)
