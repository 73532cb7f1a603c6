"""`flowctl ps`: the runs that are not finished. Quick: prompts and completion call it often."""

from __future__ import annotations

from flowctl.connect import Daemon
from flowctl.listing import DEFAULT_LIMIT, print_runs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_LIVE = ["pending", "running", "waiting", "compensating"]


def run(arguments: Arguments, console: Console) -> int:
    """List them, newest first."""
    params: dict[str, Any] = {"limit": arguments.number("limit", DEFAULT_LIMIT)}
    if not arguments.flag("all"):
        params["state"] = _LIVE
    answer = Daemon(arguments, console).request("flow/list", params)
    hint = "no run is live; the finished ones: flowctl history"
    return print_runs(answer, console, if_none="no runs yet" if arguments.flag("all") else hint)
