"""`flowctl run --rehearse`: run in a layer over the project, and show what that changed."""

from __future__ import annotations

import msgspec

from flowctl.errors import failure_of
from flowctl.starting import start
from flowctl.text import harmless, plural, size
from flowctl.watch import counted_interrupts, watch
from flowproto.client import RemoteError
from flowproto.rehearsal import ChangeRow, RehearsalResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

_MARKS = {"created": ("+", "green"), "changed": ("~", "yellow"), "deleted": ("-", "red")}
_STANDS_IN = {
    "overlay": "without network, in an overlay of {} that is thrown away now",
    "copy": "without network, in a copy of {} (no overlay can be had) that is thrown away now",
}


def rehearse(daemon: Daemon, console: Console, request: dict[str, Any]) -> int:
    """Run it, show the changes it would have made, and give the exit code of the run.

    With `--json` the changes are one more line, after the run's events: its type is `rehearsal`.
    """
    run = start(daemon, console, {**request, "rehearse": True})
    with counted_interrupts() as interrupts:
        code = watch(daemon, console, run, interrupts, cancels=True).code
    try:
        answer = daemon.request("flow/rehearsal", {"run": run})
    except RemoteError as error:
        raise failure_of(error) from error
    if console.json:
        console.print_json({"type": "rehearsal", **answer})
        return code
    for line in lines(msgspec.convert(answer, RehearsalResult), console, failed=bool(code)):
        console.print(line)
    return code


def lines(result: RehearsalResult, console: Console, *, failed: bool) -> list[str]:
    """Give the changes as text."""
    said = [
        "",
        console.style("Rehearsed", "bold")
        + f" {_STANDS_IN[result.how].format(harmless(result.project))}: nothing was changed.",
    ]
    if failed:
        said.append(
            "It failed. What needs the network, or is outside of the project, fails in a rehearsal."
        )
    if not result.changes:
        said.append("It would change no file of the project.")
        return said
    count = len(result.changes) + result.left_out
    said.append(f"It would change {plural(count, 'path')}:")
    for change in result.changes:
        said += _told(change, console)
    if result.left_out:
        said.append(f"  … and {result.left_out} more")
    return said


def _told(change: ChangeRow, console: Console) -> list[str]:
    mark, style = _MARKS[change.change]
    what = "" if change.kind == "file" else f", a {change.kind}" if change.kind != "other" else ""
    about = size(change.size) if change.kind == "file" else ""
    notes = "; ".join(part for part in (about, change.note) if part)
    told = f"  {console.style(f'{mark} {harmless(change.path)}', style)} {change.change}{what}"
    said = [f"{told} ({harmless(notes)})" if notes else told]
    for line in change.diff.splitlines()[2:]:  # the names are above
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
        said.append(f"      {console.style(harmless(line), colour)}")
    return said
