"""`flowctl logs`: what the steps of a run wrote."""

from __future__ import annotations

import sys

from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.lines import LineBuffer
from flowctl.text import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_PATIENCE_SECONDS = 30.0


def run(arguments: Arguments, console: Console) -> int:
    """Print output from the beginning; with `--follow` until the run is finished.

    To a terminal the text comes without anything but colours; to a pipe or file, byte for byte as
    it was written. With several steps in one log each line says whose it is.
    """
    daemon = Daemon(arguments, console)
    step = arguments.text("step")
    shown = daemon.request("flow/show", {"run": arguments.text("run")})
    steps = [row["id"] for row in shown["steps"]]
    items = {item["id"] for row in shown["steps"] for item in row.get("items") or ()}
    if step and step not in steps and step not in items:
        raise Failure(
            f"run {shown['id']} has no step {step!r}",
            code="not_found",
            cure=f"its steps: {', '.join(steps)}",
        )
    writer = _Writer(console, labelled=_is_of_several(step, steps, items))
    if arguments.flag("follow"):
        _follow(daemon, shown["id"], step, writer)
    else:
        _print_all(daemon, shown["id"], step, writer)
    writer.finish()
    return 0


def _is_of_several(step: str, steps: list[str], items: set[str]) -> bool:
    """Whether what is shown is of several steps, or of several items of one."""
    shown = [name for name in (*steps, *items) if _is_part(name, step)]
    return len(shown) > 1


def _is_part(name: str, step: str) -> bool:
    """Whether a step or item is among those that were asked for; "" asks for all."""
    return step in ("", name) or name.startswith(f"{step}.")


def _print_all(daemon: Daemon, run_id: str, step: str, writer: _Writer) -> None:
    params: dict[str, Any] = {"run": run_id, "from": 0}
    if step:
        params["step"] = step
    with daemon.connect() as connection:
        while True:
            answer = connection.request("flow/logs", params)
            for chunk in answer["chunks"]:
                writer.write(chunk)
            if not answer["more"]:
                return
            params["from"] = answer["position"]


def _follow(daemon: Daemon, run_id: str, step: str, writer: _Writer) -> None:
    with daemon.connect() as connection:
        for event in connection.events(run_id, patience=_PATIENCE_SECONDS):
            if event["type"] == "step_output" and _is_part(event["step"], step):
                writer.write(event)


class _Writer:
    """Writes chunks of output as they come."""

    def __init__(self, console: Console, *, labelled: bool):
        self._console = console
        self._labelled = labelled
        self._buffers: dict[tuple[str, str], LineBuffer] = {}

    def write(self, chunk: dict[str, Any]) -> None:
        """Write one chunk: a `LogChunk`, or a `step_output` event, which has the same fields."""
        if self._console.json:
            self._console.print_json(chunk)
            return
        if chunk["skipped"]:
            self._console.say(f"{chunk['step']}: {chunk['skipped']} bytes were left out", "dim")
        if not self._labelled and not self._console.terminal:
            sys.stdout.write(chunk["text"])
        else:
            key = (chunk["step"], chunk["stream"])
            buffer = self._buffers.setdefault(key, LineBuffer())
            self._print(key, buffer.feed(chunk["text"]))
        sys.stdout.flush()

    def finish(self) -> None:
        """Write what had no newline at its end."""
        for key, buffer in self._buffers.items():
            self._print(key, buffer.flush())

    def _print(self, key: tuple[str, str], lines: list[str]) -> None:
        step, stream = key
        mark = "|" if stream == "stdout" else "!"
        label = self._console.style(f"{step} {mark} ", "dim") if self._labelled else ""
        for line in lines:
            text = harmless(line, colours=self._console.colour) if self._console.terminal else line
            self._console.print(label + text)
