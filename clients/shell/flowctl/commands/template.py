"""`flowctl template`: workflows kept in the project and in the user's own folder."""

from __future__ import annotations

from pathlib import Path

from flowctl.connect import Daemon
from flowctl.saving import project_folders
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
        console.say("no templates; `s` in `flowctl suggest` saves one to .flow/", "dim")
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


def template_files(cwd: Path) -> dict[str, Path]:
    """Give the templates' files by name, as the daemon looks for them: nearest folder first."""
    folders = [folder / ".flow" for folder in project_folders(cwd)]
    folders.append(find_paths().config.parent / "templates")
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
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
