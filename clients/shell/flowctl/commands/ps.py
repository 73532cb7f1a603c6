"""`flowctl ps`: the runs that are not finished. Quick: prompts and completion call it often."""

from __future__ import annotations

from flowctl.connect import Daemon
from flowctl.listing import DEFAULT_LIMIT, print_left_behind, print_runs
from flowctl.text import harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_LIVE = ["pending", "running", "waiting", "compensating"]
_MOST_LEFT_BEHIND = 5


def run(arguments: Arguments, console: Console) -> int:
    """List them, newest first, with what they want of a person."""
    params: dict[str, Any] = {"limit": arguments.number("limit", DEFAULT_LIMIT)}
    daemon = Daemon(arguments, console)
    if arguments.flag("all"):
        return print_runs(daemon.request("flow/list", params), console, if_none="no runs yet")
    with daemon.connect() as connection:
        live = connection.request("flow/list", {**params, "state": _LIVE})
        failed: dict[str, Any] = {"state": "compensation_failed", "limit": _MOST_LEFT_BEHIND}
        left_behind = None if console.json else connection.request("flow/list", failed)
        status = {} if console.json else connection.request("flow/daemon/status", {})
        daemon.mention_skew(connection)
    hint = "no run is live; the finished ones: flowctl history"
    code = print_runs(live, console, if_none=hint)
    if status.get("store_error"):  # else nobody tells why nothing goes on
        console.print(f"nothing can be recorded, so runs wait: {harmless(status['store_error'])}")
    if left_behind is not None:
        print_left_behind(left_behind, console)
    return code
