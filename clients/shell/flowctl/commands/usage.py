"""`flowctl usage`: what asking providers took, in tokens and money."""

from __future__ import annotations

import time

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.text import age, duration, harmless, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_DAYS = 30


def run(arguments: Arguments, console: Console) -> int:
    """Print what was taken, by day, provider and model, and the newest calls if they are wanted."""
    params = {
        "days": arguments.number("days", _DAYS),
        "calls": arguments.number("calls", 0),
    }
    answer = Daemon(arguments, console).request("flow/usage", params)
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["usage"]:
        console.say(f"no model was asked in {plural(params['days'], 'day')}", "dim")
        return exits.DONE
    titles = ("DAY", "PROVIDER", "MODEL", "CALLS", "TOKENS IN", "CACHED", "OUT", "COST", "")
    rows = [[console.style(title, "dim") for title in titles]]
    rows += [_usage_cells(row) for row in answer["usage"]]
    rows.append(["", "", "", "", "", "", "", console.style(dollars(answer["dollars"]), "bold"), ""])
    console.table(rows, elastic=2)
    if answer["calls"]:
        console.print()
        print_calls(answer["calls"], console)
    return exits.DONE


def _usage_cells(row: dict[str, Any]) -> list[str]:
    notes = [
        f"{row[name]} {word}"
        for name, word in (
            ("failed", "failed"),
            ("refused", "not made"),
            ("cached", "from memory"),
            ("unpriced", "of unknown price"),
        )
        if row[name]
    ]
    return [
        row["day"],
        harmless(row["provider"]),
        harmless(row["model"]) or "-",
        str(row["calls"]),
        str(row["input_tokens"]),
        str(row["cached_tokens"]),
        str(row["output_tokens"]),
        dollars(row["dollars"]),
        ", ".join(notes),
    ]


def print_calls(calls: list[dict[str, Any]], console: Console) -> None:
    """Print one line for each call, with the reason it was made and what became of it."""
    titles = ("WHEN", "REQUEST", "PROVIDER", "WHY", "OUTCOME", "TOKENS", "COST", "TOOK", "")
    rows = [[console.style(title, "dim") for title in titles]]
    now = time.time() * 1000
    for row in calls:
        estimated = "~" if row["estimated"] else ""
        rows.append(
            [
                age(now - row["at"]),
                row["request"][:6],
                harmless(row["provider"]),
                row["why"],
                {"left": "called off"}.get(row["outcome"], row["outcome"]),
                f"{estimated}{row['input_tokens']} + {row['output_tokens']}",
                "?" if row["dollars"] is None else f"{estimated}{dollars(row['dollars'])}",
                "" if row["elapsed_ms"] is None else duration(row["elapsed_ms"]),
                harmless(row["detail"]),
            ]
        )
    console.table(rows, elastic=8)


def dollars(amount: float) -> str:
    """Say an amount of money, small ones too."""
    return f"${amount:.2f}" if amount >= 1 or not amount else f"${amount:.4f}"
