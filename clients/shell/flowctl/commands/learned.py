"""`flowctl learned`: what Flow learned from what you did with its suggestions."""

from __future__ import annotations

import time

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.prompt import confirm
from flowctl.text import age, harmless, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def list_(arguments: Arguments, console: Console) -> int:
    """Print everything that was learned, a line each."""
    answer = Daemon(arguments, console).request("flow/learned", {})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["learned"]:
        console.say("nothing is learned yet", "dim")
        return exits.DONE
    titles = ("ID", "WHAT", "SEEN", "AGAINST", "LAST", "")
    rows = [[console.style(title, "dim") for title in titles]]
    now = time.time() * 1000
    rows += [_cells(row, now, console) for row in answer["learned"]]
    console.table(rows, elastic=1)
    return exits.DONE


def _cells(row: dict[str, Any], now: float, console: Console) -> list[str]:
    state = "" if row["active"] else console.style("does not count", "dim")
    return [
        row["id"],
        harmless(f"{row['kind']}: {row['text']}"),
        str(row["seen"]),
        str(row["against"]),
        age(now - row["last_at"]),
        state,
    ]


def show(arguments: Arguments, console: Console) -> int:
    """Print one thing that was learned, with what it was seen in."""
    answer = Daemon(arguments, console).request("flow/learned", {})
    wanted = arguments.text("id")
    found = [row for row in answer["learned"] if row["id"].startswith(wanted)]
    if len(found) != 1:
        raise exits.Failure(
            f"{'several things are' if found else 'nothing is'} learned as {wanted!r}",
            code="not_found",
            cure="flowctl learned list shows the ids",
        )
    row = found[0]
    if console.json:
        console.print_json(row)
        return exits.DONE
    counts = "counts" if row["active"] else "does not count"
    console.print(f"{console.style(row['kind'], 'bold')}  {harmless(row['text'])}")
    console.print(f"  seen {row['seen']} times, {row['against']} times otherwise: it {counts}")
    for example in row["examples"]:
        console.print(f"  {harmless(' '.join(example.split()))}")
    return exits.DONE


def forget(arguments: Arguments, console: Console) -> int:
    """Unlearn one thing, or everything."""
    every, wanted = arguments.flag("all"), arguments.text("id")
    if every == bool(wanted):
        raise UsageError("give an ID or --all", cure="flowctl learned list shows the ids")
    daemon = Daemon(arguments, console)
    if not every:
        row = daemon.request("flow/learned/forget", {"id": wanted})
        return _told(console, row, f"forgotten: {harmless(row['text'])}")
    if console.asks and not confirm("Forget everything that was learned?", default=False):
        return exits.DONE
    answer = daemon.request("flow/learned/forget_all", {})
    return _told(console, answer, f"forgotten: all of it ({plural(answer['facts'], 'fact')})")


def _told(console: Console, answer: Any, text: str) -> int:
    if console.json:
        console.print_json(answer)
    else:
        console.print(text)
    return exits.DONE
