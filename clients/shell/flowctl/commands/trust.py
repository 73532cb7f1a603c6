"""`flowctl trust`: whose workflow files and policies may count."""

from __future__ import annotations

import os
import time

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.text import age, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Trust a folder, trust it no more, or list those that are trusted."""
    daemon = Daemon(arguments, console)
    if arguments.flag("list"):
        if arguments.given("folder") or arguments.flag("revoke"):
            raise UsageError("--list goes alone", cure="see flowctl trust --help")
        return _list(daemon, console)
    path = os.path.abspath(os.path.expanduser(arguments.text("folder") or "."))  # noqa: PTH100, PTH111
    params = {"path": path, "revoke": arguments.flag("revoke")}
    answer = daemon.request("flow/trust", params)
    if console.json:
        console.print_json(answer)
    else:
        state = "trusted, with all below it" if answer["trusted"] else "not trusted any more"
        console.print(f"{harmless(answer['path'])}: {state}")
    return exits.DONE


def _list(daemon: Daemon, console: Console) -> int:
    answer = daemon.request("flow/trusted", {})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["folders"]:
        console.say("no folder is trusted; your own files need no trust", "dim")
    now = time.time() * 1000
    console.table(
        [
            [harmless(row["path"]), f"trusted {age(now - row['trusted_at'])}"]
            for row in answer["folders"]
        ]
    )
    return exits.DONE
