"""Save a workflow as a template of the project: `.flow/NAME.flow.yaml`."""

from __future__ import annotations

import re
from pathlib import Path

from flowctl.exits import Failure
from flowctl.prompt import ask, confirm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.console import Console

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def save_workflow(console: Console, text: str, *, name: str, cwd: str) -> None:
    """Ask for a name and write the file; an existing one is kept unless the user says otherwise."""
    chosen = template_name(name)
    typed = ask(f"save as [{chosen}] › ")
    if typed is None:
        return
    chosen = typed.strip() or chosen
    if not is_template_name(chosen):
        console.print("a name has letters, digits, dots, - and _; nothing was saved")
        return
    path = template_path(chosen, cwd)
    if path.exists() and not confirm(f"{path} exists; replace it?", default=False):
        return
    write_template(path, text)
    console.print(f"saved; run it with: flowctl run {chosen}  ({path})")


def is_template_name(name: str) -> bool:
    """Whether a template can be called so."""
    return _NAME.fullmatch(name) is not None


def template_path(name: str, cwd: str) -> Path:
    """Give the file of a template of the project that `cwd` is in."""
    return project_folder(Path(cwd)) / ".flow" / f"{name}.flow.yaml"


def write_template(path: Path, text: str) -> None:
    """Write the file of a template; Failure when that cannot be done."""
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{path} cannot be written: {error.strerror}", code="usage", cure="mend the folder"
        ) from error


def template_name(title: str) -> str:
    """Make a template's name of a workflow's name."""
    words = re.findall(r"[A-Za-z0-9_]+", title.lower())
    return "-".join(words)[:60].rstrip("-") or "workflow"


def project_folder(cwd: Path) -> Path:
    """Give the folder above `cwd` that holds `.git`, or `cwd` itself outside of any repository."""
    return next((folder for folder in (cwd, *cwd.parents) if (folder / ".git").exists()), cwd)


def project_folders(cwd: Path) -> list[Path]:
    """Give `cwd` and its parents up to the project's: where the daemon looks for templates."""
    top = project_folder(cwd)
    upwards = (cwd, *cwd.parents)
    return list(upwards[: upwards.index(top) + 1])
