"""`flowctl stats`: figures."""

from __future__ import annotations

from flowctl.connect import Daemon
from flowctl.text import duration, plural, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Print what `flow/stats` gives."""
    figures = Daemon(arguments, console).request("flow/stats", {})
    if console.json:
        console.print_json(figures)
        return 0
    by_state = ", ".join(
        f"{count} {state.replace('_', ' ')}" for state, count in figures["runs_by_state"].items()
    )
    events, outputs = figures.get("event_bytes", 0), figures.get("output_bytes", 0)
    rows = [
        ["runs", f"{figures['runs']}" + (f" ({by_state})" if by_state else "")],
        ["events", f"{figures['events']}, the newest at position {figures['last_position']}"],
        ["database", f"{size(figures['database_bytes'])} + log {size(figures['wal_bytes'])}"],
        ["of it", f"{size(events)} events, {size(outputs)} long outputs"],
        ["artifacts", _artifacts(figures)],
        ["retention", _due(figures)],
        ["schema", str(figures["schema_version"])],
        ["memory", size(figures["memory_bytes"])],
        ["up", duration(figures["uptime_s"] * 1000)],
    ]
    console.table(rows)
    return 0


def _artifacts(figures: dict[str, Any]) -> str:
    """Say what steps made is kept, beside the database."""
    files = figures.get("artifact_files", 0)
    return f"{plural(files, 'file')}, {size(figures.get('artifact_bytes', 0))}"


def _due(figures: dict[str, Any]) -> str:
    """Say what retention will remove."""
    runs, outputs = figures.get("due_runs", 0), figures.get("due_outputs", 0)
    if not runs and not outputs:
        return "nothing to remove"
    what = f"{plural(runs, 'run')}, {plural(outputs, 'long output')}"
    return f"{what} to remove, {size(figures['due_bytes'])}"
