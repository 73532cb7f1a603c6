"""A load of many kinds of runs, each of which tells what must have become of it.

Scripts note in a file, the witness, which attempt they are. They do so by a program of ours, since
files that a script is seen to write to would be saved and put back.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTE = '#!/bin/sh\necho "$FLOW_ATTEMPT_ID" >> "$WITNESS"\n'
OLD = "as it was\n"
RETRIES = 9
PAUSE = "0.0{0}"  # seconds, of a step that takes a moment

Step = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One kind of run. `{note}`, `{n}` and `{pause}` in scripts are filled in for each run.

    `ran` says how often a script may have run, by step and kind: once, where it does not say.
    `then` is what a client asks for when the run came to `at`: the type of an event.
    """

    steps: tuple[Step, ...]
    ends: str = "succeeded"
    then: str = ""
    at: str = "run_finished"
    ran: dict[str, int] = field(default_factory=dict)
    files_before: tuple[str, ...] = ()
    artifacts: int = 0

    def most_runs(self, script: str, *, failing: bool) -> int:
        """How often a script may run, `failing` when it may be made to."""
        if failing and script in self.ran:
            return RETRIES
        return self.ran.get(script, 1)


def _step(name: str, run: str = "{note}", **more: Any) -> Step:
    return {"id": name, "run": run, **more}


_SLOW = "{note}; sleep {pause}; echo done"

STORIES: dict[str, Story] = {
    "sequence": Story((_step("a"), _step("b", "{note}; echo out; echo k=v >&2"), _step("c"))),
    "parallel": Story(
        (
            _step("a"),
            _step("b", _SLOW, needs=["a"]),
            _step("c", _SLOW, needs=["a"]),
            _step("d", needs=["b", "c"]),
        )
    ),
    "items": Story(
        (
            _step("each", _SLOW, for_each=["p", "q", "r", "s"], parallel=2, undo="{note}"),
            _step("last", "{note}; exit 1"),
        ),
        ends="compensated",
    ),
    "failing": Story(
        (
            _step("a", undo="{note}"),
            _step(
                "b",
                undo={
                    "run": '{note}; [ "$FLOW_ATTEMPT" -gt 1 ]',
                    "retry": {"attempts": RETRIES, "delay": "20ms"},
                },
            ),
            _step("c", "{note}; sleep {pause}; exit 3"),
        ),
        ends="compensated",
        ran={"b/undo": 2},
    ),
    "approval": Story(
        (_step("a"), _step("b", confirm="Go on?"), _step("c")), then="answer", at="question_asked"
    ),
    "retries": Story(
        (
            _step(
                "a",
                '{note}; [ "$FLOW_ATTEMPT" -gt 1 ]',
                retry={"attempts": RETRIES, "delay": "30ms"},
            ),
            _step("b"),
        ),
        ran={"a/run": 2},
    ),
    "saved": Story(
        (_step("a", "sed -i s/was/is/ old.{n}"), _step("b"), _step("c", "truncate -s 0 older.{n}")),
        ends="compensated",
        then="undo",
        files_before=("old.{n}", "older.{n}"),
    ),
    "artifacts": Story(
        (
            _step(
                "a",
                "{note}; for f in 1 2 3; do echo $f > made.{n}.$f; done",
                artifacts=["made.{n}.*"],
            ),
            _step("b"),
        ),
        artifacts=3,
    ),
    "finally": Story(
        (
            _step("a", undo="{note}"),
            _step("b", "{note}; exit 1"),
            _step("f", _SLOW, **{"finally": True}),
        ),
        ends="compensated",
    ),
    "marked retry": Story((_step("a", _SLOW, on_interrupt="retry"), _step("b"))),
    "marked check": Story((_step("a", _SLOW, on_interrupt="check", check="true"), _step("b"))),
    "marked undo": Story((_step("a", _SLOW, on_interrupt="undo", undo="{note}"), _step("b"))),
    "cancelled": Story(
        (_step("a"), _step("b", "{note}; sleep 600"), _step("c")),
        ends="cancelled",
        then="cancel",
        at="step_started",
    ),
    "undone": Story(
        (_step("a", undo="{note}"), _step("b", _SLOW, undo="{note}; sleep {pause}")),
        ends="compensated",
        then="undo",
    ),
    "retried": Story(
        (_step("a"), _step("b", "{note}; [ -e go.{n} ]", on_error="stop"), _step("c")),
        then="retry",
        ran={"b/run": 2},
    ),
    "talks": Story((_step("a", "{note}; for n in 1 2 3 4; do echo $n; sleep 0.1; done"),)),
    "overdue": Story(
        (_step("a", "{note}; sleep 600", timeout="150ms", on_error="continue"), _step("b"))
    ),
}


def prepare(folder: Path) -> None:
    """Put what the scripts need into a folder: the program that notes, and its file."""
    (folder / "bin").mkdir()
    note = folder / "bin" / "note"
    note.write_text(NOTE)
    note.chmod(0o755)
    (folder / "witness").touch()


def environment_of(folder: Path) -> dict[str, str]:
    """What the scripts see."""
    return {"PATH": f"{folder}/bin:{os.environ['PATH']}", "WITNESS": f"{folder}/witness"}


def workflow_of(kind: str, number: int, folder: Path) -> dict[str, Any]:
    """The workflow of run `number`; the files that it needs are made."""
    story = STORIES[kind]
    fill = _filler(number, folder)
    for name in story.files_before:
        if not (file := folder / fill(name)).exists():
            file.write_text(OLD)
    return {
        "flow": 1,
        "name": f"{kind} {number}",
        "steps": [_filled(step, fill) for step in story.steps],
    }


def files_of(kind: str, number: int, folder: Path) -> list[Path]:
    """The files that a run changes and that it must leave as they were."""
    fill = _filler(number, folder)
    return [folder / fill(name) for name in STORIES[kind].files_before]


def _filler(number: int, folder: Path) -> Callable[[str], str]:
    words = {
        "{note}": "note",
        "{n}": str(number),
        "{pause}": PAUSE.format(number % 9 + 1),
    }

    def fill(text: str) -> str:
        for mark, word in words.items():
            text = text.replace(mark, word)
        return text

    return fill


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    match value:
        case str():
            return fill(value)
        case dict():
            return {key: _filled(item, fill) for key, item in value.items()}
        case list():
            return [_filled(item, fill) for item in value]
    return value
