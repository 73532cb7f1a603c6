"""What a completion script needs to know of the command table."""

from __future__ import annotations

from flowctl import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def every_command() -> Iterator[tuple[str, table.Command]]:
    """Give all commands with their full names, `daemon start` after `daemon`."""
    for command in table.COMMANDS:
        yield command.name, command
        for action in command.actions:
            yield f"{command.name} {action.name}", action


def options_of(command: table.Command) -> list[table.Argument]:
    """Give the options a command takes, the global ones last."""
    own = [argument for argument in command.arguments if argument.is_option]
    return [*own, *table.GLOBAL_OPTIONS]


def spellings(option: table.Argument) -> list[str]:
    """Give the long and, where there is one, the short form of an option."""
    return [option.name, option.short] if option.short else [option.name]


def positions_of(command: table.Command) -> list[table.Argument]:
    """Give what a command takes besides options, in order."""
    return [argument for argument in command.arguments if not argument.is_option]


def kind_of(argument: table.Argument) -> str:
    """Name what completes a value: `words:…`, `file`, `run` or nothing."""
    return f"words:{' '.join(argument.choices)}" if argument.choices else argument.complete


def single_quoted(text: str) -> str:
    """Quote text for any of the shells."""
    return "'" + text.replace("'", "'\\''") + "'"
