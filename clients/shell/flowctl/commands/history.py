"""`flowctl history`: all runs, by name, id or state."""

from __future__ import annotations

from flowctl.connect import Daemon
from flowctl.listing import DEFAULT_LIMIT, print_runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """List them, newest first."""
    params: dict[str, Any] = {
        "query": arguments.text("query"),
        "limit": arguments.number("limit", DEFAULT_LIMIT),
    }
    if arguments.given("state"):
        params["state"] = arguments.texts("state")
    answer = Daemon(arguments, console).request("flow/list", params)
    return print_runs(answer, console, if_none="no run matches")
