"""A workflow in the user's own editor, opened again until it is valid or given up."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from flowctl.exits import Failure
from flowctl.text import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

_NOTE = "#! "
_EDITORS = ("sensible-editor", "editor", "nano", "vi")


def edit_workflow(daemon: Daemon, console: Console, text: str, *, cwd: str) -> str | None:
    """Let the user edit workflow text; give the new text once it is valid.

    None when it was given up: saved empty, or closed without a change although problems were
    noted. Nothing typed is lost: a text that was given up with problems stays in its file.
    """
    folder = Path(tempfile.mkdtemp(prefix="flow-edit-"))
    file = folder / "workflow.flow.yaml"
    notes: list[str] = []
    while True:
        shown = "".join(f"{line}\n" for line in notes) + text
        file.write_text(shown, encoding="utf-8")
        _open_editor(file)
        saved = file.read_text(encoding="utf-8", errors="replace")
        edited = without_notes(saved)
        if not edited.strip():
            console.say("given up: the file is empty", "dim")
            break
        if notes and saved == shown:
            console.say(f"given up; what you wrote is in {file}", "dim")
            return None
        answer = daemon.request("flow/check", {"text": edited, "cwd": cwd})
        if answer["valid"]:
            shutil.rmtree(folder)
            return edited
        text, notes = edited, problem_notes(answer["problems"])
    shutil.rmtree(folder)
    return None


def problem_notes(problems: list[dict[str, Any]]) -> list[str]:
    """Give comment lines that tell the problems; their line numbers count these lines too."""
    told: list[tuple[dict[str, Any], str]] = []
    for problem in problems:
        told.append((problem, "line {line}, column {column}: {message}"))
        if problem.get("fix"):
            told.append((problem, "    fix: {fix}"))
    offset = len(told) + 2
    body = [
        template.format(
            line=problem["line"] + offset,
            column=problem["column"],
            message=harmless(problem["message"]),
            fix=harmless(problem.get("fix", "")),
        )
        for problem, template in told
    ]
    first = "This is not a valid workflow yet:"
    last = "Mend it and save; save an empty file to give up. These lines go by themselves."
    return [f"{_NOTE}{line}" for line in (first, *body, last)]


def without_notes(text: str) -> str:
    """Give the text without the notes at its top."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith(_NOTE.rstrip()):
        lines.pop(0)
    return "".join(lines)


def _open_editor(file: Path) -> None:
    command = _editor()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the editor's now
    try:
        status = subprocess.call([*command, str(file)])
    except OSError as error:
        raise Failure(
            f"the editor {command[0]} cannot be started: {error.strerror}",
            code="usage",
            cure="set EDITOR to one that can",
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    if status != 0:
        raise Failure(
            f"the editor {command[0]} ended with status {status}",
            code="usage",
            cure=f"what you wrote is in {file}",
        )


def _editor() -> list[str]:
    for name in ("VISUAL", "EDITOR"):
        words = shlex.split(os.environ.get(name, ""))
        if words:
            return words
    for program in _EDITORS:
        if shutil.which(program):
            return [program]
    raise Failure("there is no editor", code="usage", cure="set EDITOR")
