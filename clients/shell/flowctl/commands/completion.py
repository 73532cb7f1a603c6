"""`flowctl completion`: a completion script for a shell."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Print it."""
    shell = import_module(f"flowctl.completion.{arguments.text('shell')}")
    console.print(shell.script().rstrip("\n"))
    return 0
