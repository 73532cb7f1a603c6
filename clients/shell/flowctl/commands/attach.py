"""`flowctl attach`: watch a run that is under way, or see how a finished one went."""

from __future__ import annotations

from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.watch import counted_interrupts, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Watch it until it is finished."""
    daemon = Daemon(arguments, console)
    run_id = arguments.text("run") or _newest_live(daemon)
    with counted_interrupts() as interrupts:
        return watch(daemon, console, run_id, interrupts, after=arguments.number("from", 0)).code


def _newest_live(daemon: Daemon) -> str:
    params = {"state": ["pending", "running", "waiting", "compensating"], "limit": 1}
    rows = daemon.request("flow/list", params)["runs"]
    if not rows:
        raise Failure(
            "no run is live", code="not_found", cure="name a finished one: flowctl history"
        )
    run_id: str = rows[0]["id"]
    return run_id
