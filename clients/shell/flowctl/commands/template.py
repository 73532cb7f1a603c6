"""`flowctl template`: workflows kept in the project and in the user's own folder."""

from __future__ import annotations

from pathlib import Path

from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.saving import (
    is_template_name,
    project_folders,
    template_name,
    template_path,
    write_template,
)
from flowctl.sources import folder, is_file_name, workflow_params
from flowctl.starting import about_file
from flowctl.text import harmless, plural
from flowctl.workflow_yaml import to_yaml
from flowproto.client import RemoteError
from flowproto.paths import find_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_SUFFIX = ".flow.yaml"


def list_(arguments: Arguments, console: Console) -> int:
    """List the templates that a run started here would find, nearest first."""
    files = template_files(Path.cwd())
    daemon = Daemon(arguments, console)
    rows = []
    with daemon.connect() as connection:
        asked = ({"path": str(path), "cwd": str(Path.cwd())} for path in files.values())
        answers = connection.requests("flow/check", asked)
        for (name, path), answer in zip(files.items(), answers, strict=True):
            rows.append(_row(name, path, answer))
    if console.json:
        console.print_json({"templates": rows})
    elif not rows:
        console.say("no templates; `flowctl template save` saves one to .flow/", "dim")
    else:
        console.table([_cells(row, console) for row in rows], elastic=3)
    return 0


def show(arguments: Arguments, console: Console) -> int:
    """Print a template as YAML."""
    name = arguments.text("name")
    path = template_files(Path.cwd()).get(name)
    if path is not None and not console.json:
        console.print(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        return 0
    params = {"template": name, "cwd": str(Path.cwd())}
    workflow = Daemon(arguments, console).request("flow/check", params)["workflow"]
    if console.json:
        console.print_json(workflow)
    else:
        console.print(to_yaml(workflow).rstrip("\n"))
    return 0


def save(arguments: Arguments, console: Console) -> int:
    """Save a workflow file, the workflow of a run or a suggestion as a template of the project."""
    daemon = Daemon(arguments, console)
    source, cwd = arguments.text("source"), folder("")
    workflow, text = (
        _of_file(daemon, source, cwd) if is_file_name(source) else _of_id(daemon, source)
    )
    name = arguments.text("name") or template_name(workflow["name"])
    if not is_template_name(name):
        raise Failure(
            f"a template cannot be called {name!r}",
            code="usage",
            cure="use letters, digits, dots, - and _, 100 at most",
        )
    path = template_path(name, cwd)
    if path.exists() and not arguments.flag("replace"):
        raise Failure(
            f"{path} exists", code="conflict", cure="choose another name, or give --replace"
        )
    write_template(path, text)
    if console.json:
        console.print_json({"name": name, "path": str(path)})
    else:
        console.print(f"saved; run it with: flowctl run {name}  ({path})")
    return 0


def _of_file(daemon: Daemon, source: str, cwd: str) -> tuple[dict[str, Any], str]:
    """Give the workflow of a file that is valid, and the file's text as it is."""
    params = workflow_params(source)
    try:
        answer = daemon.request("flow/check", {**params, "cwd": cwd})
    except RemoteError as error:
        raise about_file(error, source) from error
    if not answer["valid"]:
        raise Failure(
            f"{source} is no valid workflow",
            code="invalid_workflow",
            cure=f"flowctl check {source} says what to mend",
        )
    text = params.get("text") or Path(params["path"]).read_text(encoding="utf-8")
    return answer["workflow"], text


def _of_id(daemon: Daemon, source: str) -> tuple[dict[str, Any], str]:
    """Give the workflow of a run, else that of a suggestion, and its text."""
    try:
        workflow = daemon.request("flow/show", {"run": source})["workflow"]
    except RemoteError as error:
        if error.name not in ("not_found", "invalid_input"):
            raise
        try:
            workflow = daemon.request("flow/check", {"suggestion": source})["workflow"]
        except RemoteError as other:
            if other.name != "not_found":
                raise
            raise Failure(
                f"there is no file, run or suggestion {source!r}",
                code="not_found",
                cure="flowctl history lists runs",
            ) from error
    return workflow, to_yaml(workflow)


def template_files(cwd: Path) -> dict[str, Path]:
    """Give the templates' files by name, as the daemon looks for them: nearest folder first."""
    folders = [folder / ".flow" for folder in project_folders(cwd)]
    folders.append(find_paths().config.parent / "templates")
    found: dict[str, Path] = {}
    for place in folders:
        for path in sorted(place.glob(f"*{_SUFFIX}")):
            found.setdefault(path.name.removesuffix(_SUFFIX), path)
    return found


def _row(name: str, path: Path, answer: Any) -> dict[str, Any]:
    if isinstance(answer, RemoteError):
        return {"name": name, "path": str(path), "valid": False, "error": answer.message}
    workflow = answer["workflow"]
    return {
        "name": name,
        "path": str(path),
        "valid": answer["valid"],
        "verdict": answer["verdict"],
        "title": workflow.get("name", ""),
        "description": workflow.get("description", ""),
        "steps": len(answer["steps"]),
    }


def _cells(row: dict[str, Any], console: Console) -> list[str]:
    if not row["valid"]:
        problem = console.style("not valid", "red")
        return [row["name"], problem, "", harmless(f"flowctl check {row['path']}")]
    about = row["description"] or row["title"]
    return [row["name"], plural(row["steps"], "step"), row["verdict"], harmless(about)]
