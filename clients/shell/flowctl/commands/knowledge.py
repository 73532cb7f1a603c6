"""`flowctl knowledge`: collections of commands that suggestions look through."""

from __future__ import annotations

import os

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.sources import folder
from flowctl.text import harmless, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_PATIENCE = 600.0  # seconds; tens of thousands of commands take five


def list_(arguments: Arguments, console: Console) -> int:
    """Print what was imported, and how much is built in."""
    answer = Daemon(arguments, console).request("flow/knowledge", {})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    console.print(f"{'built in':<20} {answer['built_in']:>7,} recipes")
    for row in answer["sources"]:
        name, origin = harmless(row["name"]), console.style(harmless(row["origin"]), "dim")
        console.print(f"{name:<20} {row['examples']:>7,} commands ({row['kind']})  {origin}")
    if not answer["sources"]:
        console.say("nothing imported; `flowctl knowledge import PATH` adds tldr pages and others")
    return exits.DONE


def import_(arguments: Arguments, console: Console) -> int:
    """Import a file, a folder or an archive; without one, what is in the usual places."""
    params: dict[str, Any] = {"cwd": folder("")}
    if arguments.given("path"):
        params["path"] = os.path.expanduser(arguments.text("path"))  # noqa: PTH111
    if arguments.given("name"):
        params["name"] = arguments.text("name")
    daemon = Daemon(arguments, console)
    answer = daemon.request("flow/knowledge/import", params, timeout=_PATIENCE)
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["imported"]:
        raise Failure(
            "there are no collections in the usual places of this machine",
            code="not_found",
            cure=f"give a PATH; looked in {', '.join(answer['looked_in'])}",
        )
    for row in answer["imported"]:
        commands = f"{row['examples']:,} command{'s' * (row['examples'] != 1)}"
        console.print(f"{harmless(row['name'])}: {commands} of {harmless(row['origin'])}")
        if row["skipped"]:
            skipped = plural(row["skipped"], "file")
            console.say(f"  {skipped} could not be read: {harmless(row['reason'])}", "yellow")
    return exits.DONE


def remove(arguments: Arguments, console: Console) -> int:
    """Forget a collection."""
    name = arguments.text("name")
    Daemon(arguments, console).request("flow/knowledge/remove", {"name": name})
    if console.json:
        console.print_json({})
    else:
        console.print(f"{harmless(name)} is forgotten")
    return exits.DONE
