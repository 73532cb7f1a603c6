"""`flowctl artifacts`: files that a run's steps left, listed or copied out."""
# Paths are strings here: pathlib would double the time this program takes to start.
# ruff: noqa: PTH100, PTH101, PTH103, PTH108, PTH120, PTH123

from __future__ import annotations

import hashlib
import os

from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.text import harmless, plural, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_READ_BYTES = 1 << 20


def run(arguments: Arguments, console: Console) -> int:
    """Print what `flow/artifacts` gives; with `--get` copy the files and say where they are."""
    params = {"run": arguments.text("run")}
    if arguments.given("step"):
        params["step"] = arguments.text("step")
    answer = Daemon(arguments, console).request("flow/artifacts", params)
    target = arguments.text("get")
    if target:
        for row in answer["files"]:
            row["copied_to"] = _copy(row, os.path.abspath(target))
    if console.json:
        console.print_json(answer)
        return 0
    rows = [
        [row["step"], size(row["size"]), harmless(row.get("copied_to") or row["path"])]
        for row in answer["files"]
    ]
    if rows:
        console.table(rows)
    for note in answer["notes"]:
        left = f"{plural(note['left_out'], 'file')} not kept: " if note["left_out"] else ""
        console.say(f"{note['step']}: {left}{harmless(note['reason'])}", "dim")
    if not rows and not answer["notes"]:
        console.say("no step of this run keeps artifacts", "dim")
    return 0


def _copy(row: dict[str, Any], target: str) -> str:
    """Copy one file out, over nothing that is there; give where it is."""
    place = f"{target}/{row['step']}/{row['path']}"
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(row["kept_at"], "rb") as source, open(place, "xb") as copy:
            whole = _copy_content(source, copy) == row["sha256"]
            os.chmod(place, row["mode"])
    except FileExistsError as error:
        raise Failure(
            f"{error.filename} is there already",
            code="conflict",
            cure="give --get another folder",
        ) from error
    except OSError as error:
        raise Failure(
            f"{row['path']} of step {row['step']} cannot be copied: {error}",
            code="not_found",
            cure="see that the folder can be written to and that the run is still there",
        ) from error
    if not whole:
        os.unlink(place)
        raise Failure(
            f"{row['path']} of step {row['step']} is not what was kept",
            code="not_found",
            cure=f"somebody changed {row['kept_at']}",
        )
    return place


def _copy_content(source: BinaryIO, copy: BinaryIO) -> str:
    """Copy all; give the digest of it."""
    made = hashlib.sha256()
    while chunk := source.read(_READ_BYTES):
        made.update(chunk)
        copy.write(chunk)
    return made.hexdigest()
