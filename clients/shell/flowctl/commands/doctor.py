"""`flowctl doctor`: is everything there that Flow needs, and what mends what is not."""

from __future__ import annotations

from flowctl import exits
from flowctl.doctor import checks, isolation
from flowctl.text import harmless, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console
    from flowctl.doctor.checks import Check

_MARKS = {"ok": ("✓", "+", "green"), "warn": ("!", "!", "yellow"), "fail": ("✗", "x", "red")}


def run(arguments: Arguments, console: Console) -> int:
    """Look at everything; exit code 1 when something is broken, 0 when there is only advice."""
    found = [*checks.look(arguments, console), *isolation.look(arguments, console)]
    if console.json:
        rows = [
            {
                "name": check.name,
                "status": check.status,
                "message": check.message,
                "cure": check.cure,
            }
            for check in found
        ]
        console.print_json({"checks": rows})
    else:
        for check in found:
            _print(check, console)
    return exits.RUN_FAILED if any(check.status == "fail" for check in found) else exits.DONE


def _print(check: Check, console: Console) -> None:
    unicode_mark, ascii_mark, style = _MARKS[check.status]
    mark = console.style(unicode_mark if console.unicode else ascii_mark, style)
    console.print(f"{mark} {check.name}: {harmless(check.message)}")
    if check.cure:
        for line in check.cure.splitlines():
            console.print(
                "\n".join(f"    {part}" for part in wrap(harmless(line), console.columns - 5))
            )
