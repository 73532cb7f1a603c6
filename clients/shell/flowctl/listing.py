"""Lists of runs. The rows stay JSON data: msgspec alone would double the time of `ps`."""

from __future__ import annotations

import os
import time

from flowctl.text import age, clip, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NotRequired, TypedDict

    from flowctl.console import Console

    class Row(TypedDict):
        """As `flowproto.runs.RunRow`."""

        id: str
        name: str
        state: str
        cwd: str
        created_at: int
        updated_at: int
        steps: int
        steps_done: int
        question: str
        terminals: NotRequired[list[str]]

    class Answer(TypedDict):
        """As `flowproto.runs.ListResult`."""

        runs: list[Row]


DEFAULT_LIMIT = 100
LATELY_SECONDS = 3 * 86_400

_STYLES = {
    "succeeded": ("green",),
    "failed": ("red",),
    "compensation_failed": ("red",),
    "cancelled": ("yellow",),
    "waiting": ("yellow", "bold"),
    "running": ("blue",),
    "compensating": ("cyan",),
    "compensated": ("cyan",),
}


def print_runs(answer: Answer, console: Console, *, if_none: str) -> int:
    """Print a list of runs as JSON or as a table, with the questions that wait."""
    if console.json:
        console.print_json(answer)
        return 0
    if not answer["runs"]:
        console.say(if_none, "dim")
        return 0
    now = time.time() * 1000
    rows = [
        [console.style(title, "dim") for title in ("RUN", "NAME", "STATE", "STEPS", "AGE", "IN")]
    ]
    rows += [_cells(row, now, console) for row in answer["runs"]]
    console.table(rows, elastic=1)
    for row in answer["runs"]:
        for line in _wanted(row):
            console.print(clip(line, console.columns) if console.terminal else line)
    return 0


def print_left_behind(answer: Answer, console: Console) -> None:
    """Print which of these runs, not undone completely, ended lately: nobody else tells later."""
    oldest = (time.time() - LATELY_SECONDS) * 1000
    for row in answer["runs"]:
        if row["updated_at"] >= oldest:
            told = f"{row['id']} {harmless(row['name'])} could not be undone completely"
            line = f"{told}: flowctl show {row['id']}"
            console.print(clip(line, console.columns) if console.terminal else line)


def _wanted(row: Row) -> Iterator[str]:
    """Say what a run wants of a person."""
    if row["question"]:
        yield f"{row['id']} waits: {harmless(row['question'])} (flowctl attach {row['id']})"
    for step in row.get("terminals", ()):  # an older daemon sends none
        yield f"{row['id']} runs {step} on a terminal, type there with: flowctl attach {row['id']}"


def _cells(row: Row, now: float, console: Console) -> list[str]:
    return [
        row["id"],
        harmless(row["name"]),
        console.style(row["state"].replace("_", " "), *_STYLES.get(row["state"], ())),
        f"{row['steps_done']}/{row['steps']}",
        age(now - row["created_at"]),
        harmless(_short_folder(row["cwd"])),
    ]


def _short_folder(folder: str) -> str:
    home = os.environ.get("HOME", "")
    return f"~{folder[len(home) :]}" if home and f"{folder}/".startswith(f"{home}/") else folder
