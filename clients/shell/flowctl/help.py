"""`--help`, made of the command table."""

from __future__ import annotations

from flowctl import table
from flowctl.text import wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SUMMARY = "Say what you want done, see what it would do, run it, undo it."
VERSION = table.Argument("--version", "print the version", kind=table.FLAG, short="-V")
EXIT_CODES = {
    0: "done",
    1: "run failed or was rolled back",
    2: "usage",
    3: "invalid workflow",
    4: "blocked by policy",
    5: "needs confirmation",
    6: "not found or conflict",
    7: "provider failed",
    8: "daemon unreachable",
    130: "cancelled",
}

_FIRST_COLUMN = 26
_WIDTH = 100


def overview() -> str:
    """Give `flowctl --help`."""
    parts = [
        "usage: flowctl [OPTIONS] COMMAND ...",
        "",
        SUMMARY,
        "",
        "commands:",
        *(_row(command.name, command.summary) for command in table.COMMANDS),
        "",
        *_options((*table.GLOBAL_OPTIONS, VERSION)),
        "",
        "exit codes:",
        *(f"  {code:<4}{meaning}" for code, meaning in EXIT_CODES.items()),
        "",
        "`flowctl COMMAND --help` explains one command.",
    ]
    return "\n".join(parts)


def of_command(path: tuple[str, ...], command: table.Command) -> str:
    """Give `flowctl COMMAND --help`."""
    parts = [
        f"usage: {usage(path, command)}",
        "",
        f"{command.summary[0].upper()}{command.summary[1:]}.",
    ]
    if command.details:
        parts += ["", command.details]
    if command.actions:
        parts += ["", "actions:"]
        parts += [_row(action.name, action.summary) for action in command.actions]
    positions = [argument for argument in command.arguments if not argument.is_option]
    if positions:
        parts += ["", "arguments:"]
        parts += [_row(argument.value, described(argument)) for argument in positions]
    own = [argument for argument in command.arguments if argument.is_option]
    parts += ["", *_options((*own, *table.GLOBAL_OPTIONS))]
    return "\n".join(parts)


def usage(path: tuple[str, ...], command: table.Command) -> str:
    """Give one line: the command and what it takes."""
    words = ["flowctl", *path]
    if command.actions:
        words.append("ACTION")
    for argument in command.arguments:
        if argument.is_option:
            shown = argument.name + (f" {argument.value}" if argument.takes_value else "")
            words.append(f"[{shown}]" + ("..." if argument.kind == table.MANY else ""))
        else:
            shown = "|".join(argument.choices) or argument.value
            words.append(shown if argument.required else f"[{shown}]")
    return " ".join(words)


def _options(options: Iterable[table.Argument]) -> list[str]:
    return ["options:", *(_row(spelled(option), described(option)) for option in options)]


def spelled(option: table.Argument) -> str:
    """Give an option as one writes it: `-n, --limit N`."""
    names = f"{option.short}, {option.name}" if option.short else option.name
    return f"{names} {option.value}" if option.takes_value else names


def described(argument: table.Argument) -> str:
    """Give what an argument is for, and what it takes when that is not free."""
    more = [f"one of: {', '.join(argument.choices)}"] if argument.choices else []
    if argument.kind == table.MANY:
        more.append("may be repeated")
    return f"{argument.help} ({'; '.join(more)})" if more else argument.help


def _row(left: str, right: str) -> str:
    indent = " " * (_FIRST_COLUMN + 2)
    text = f"\n{indent}".join(wrap(right, _WIDTH - len(indent)))
    if len(left) <= _FIRST_COLUMN - 2:
        return f"  {left.ljust(_FIRST_COLUMN)}{text}"
    return f"  {left}\n{indent}{text}"
