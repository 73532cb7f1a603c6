"""`flowctl providers`: who can be asked for suggestions, and whether one of them works."""

from __future__ import annotations

from flowctl import exits
from flowctl.commands.usage import dollars, print_calls
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.text import duration, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_SECONDS = 30
_SPARE_SECONDS = 10.0  # the daemon keeps to the deadline itself


def run(arguments: Arguments, console: Console) -> int:
    """List the providers, or try one."""
    daemon = Daemon(arguments, console)
    if arguments.text("action", "list") == "test":
        name = arguments.text("name")
        if not name:
            raise UsageError("NAME is missing", cure="flowctl providers lists them")
        return _test(daemon, console, name, arguments.number("timeout", _SECONDS))
    if arguments.given("name"):
        raise UsageError("list takes no name", cure="see flowctl providers --help")
    answer = daemon.request("flow/providers", {})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    titles = ("PROVIDER", "STATE", "MODEL", "PRICE", "TODAY", "LEFT TODAY")
    rows = [[console.style(title, "dim") for title in titles]]
    rows += [_cells(row, console) for row in answer["providers"] if row["configured"]]
    console.table(rows, elastic=1)
    for line in _below(answer):
        console.print(line)
    return exits.DONE


def _cells(row: dict[str, Any], console: Console) -> list[str]:
    price = row["price"]
    shown_price = "" if not row["model"] and price is None else "unknown"
    if price is not None:
        free = not price["input"] and not price["output"]
        shown_price = "free" if free else f"${price['input']:g} in, ${price['output']:g} out / M"
    spent = f"{row['tokens_today']} tokens, {dollars(row['dollars_today'])}"
    return [
        harmless(row["name"]),
        _state(row, console),
        harmless(row["model"]),
        shown_price,
        spent if row["tokens_today"] else "",
        _left(row["budget"]),
    ]


def _state(row: dict[str, Any], console: Console) -> str:
    if not row["usable"]:
        return console.style("not usable", "dim")
    if row["rests_ms"]:
        return console.style(f"left alone for {duration(row['rests_ms'])}", "yellow")
    return console.style("asked", "green") if row["asked"] else "ready"


def _left(budget: dict[str, Any] | None) -> str:
    if budget is None:
        return ""
    tokens, money = budget["tokens_left_today"], budget["dollars_left_today"]
    shown = [f"{tokens} tokens"] if tokens is not None else []
    shown += [dollars(money)] if money is not None else []
    return ", ".join(shown)


def _below(answer: dict[str, Any]) -> Iterator[str]:
    """Say what the others lack, in which order some are asked, and what is left for all."""
    for row in answer["providers"]:
        if row["configured"] and not row["usable"]:
            yield harmless(f"{row['problem']}: {row['cure']}")
    others = [row["name"] for row in answer["providers"] if not row["configured"]]
    if others:
        yield f"also known, by [providers.NAME] in config.toml: {harmless(', '.join(others))}"
    if answer["fallback"]:
        yield f"one after the other: {harmless(', '.join(answer['fallback']))}"
    left = _left(answer["budget"])
    if left:
        yield f"left today for all together: {left}"


def _test(daemon: Daemon, console: Console, name: str, seconds: int) -> int:
    """Try one provider; exit code 7 when it does not give a usable suggestion."""
    params = {"provider": name, "deadline_ms": seconds * 1000}
    answer = daemon.request("flow/providers/test", params, timeout=seconds + _SPARE_SECONDS)
    code = exits.of_error("provider_failed") if answer["error"] else exits.DONE
    if console.json:
        console.print_json(answer)
        return code
    took = duration(answer["elapsed_ms"])
    if answer["error"]:
        console.print(console.style(harmless(f"{name}: {answer['error']}"), "red"))
        if answer["cure"]:
            console.print(f"  {harmless(answer['cure'])}")
    else:
        console.print(f"{harmless(name)} works: {harmless(answer['title'])} ({took})")
    if answer["calls"]:
        print_calls(answer["calls"], console)
    return code
