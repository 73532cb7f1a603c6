"""A completion script for fish, with descriptions."""

from __future__ import annotations

from flowctl import table
from flowctl.completion.words import every_command, kind_of, positions_of, single_quoted

_FISH = """\
# fish completion for flowctl
function __flowctl_runs
    flowctl ps --json --no-start --all 2>/dev/null |
        string match --all --regex --groups-only '\\{{"id":"([^"]*)","name":"([^"]*)"' |
        while read --local id; read --local name; printf '%s\\t%s\\n' $id $name; end
end
# Whether the words before the cursor, without options, begin with these, and, with a number
# first, whether that many come after them.
function __flowctl_at
    set --local words (commandline -opc)
    set --erase words[1]
    set --local plain
    for word in $words
        string match --quiet -- '-*' $word; or set --append plain $word
    end
    set --local more
    if string match --quiet --regex '^[0-9]+$' -- $argv[1]
        set more $argv[1]
        set --erase argv[1]
    end
    test -z "$more"; or test (count $plain) -eq (math (count $argv) + $more); or return 1
    test (count $argv) -eq 0; or test "$plain[1..$(count $argv)]" = "$argv"
end
complete --command flowctl --no-files
{lines}
"""


def script() -> str:
    """Give the script."""
    lines = [_line("", _option(option)) for option in table.GLOBAL_OPTIONS]
    lines.append(_line("__flowctl_at 0", "--long-option version --description version"))
    lines += [_line("__flowctl_at 0", _word(command)) for command in table.COMMANDS]
    for name, command in every_command():
        lines += [_line(f"__flowctl_at 0 {name}", _word(action)) for action in command.actions]
        for argument in command.arguments:
            if argument.is_option:
                lines.append(_line(f"__flowctl_at {name}", _option(argument)))
        for number, argument in enumerate(positions_of(command)):
            if kind_of(argument):
                lines.append(_line(f"__flowctl_at {number} {name}", _values(argument)))
    return _FISH.format(lines="\n".join(lines))


def _line(condition: str, what: str) -> str:
    when = f" --condition '{condition}'" if condition else ""
    return f"complete --command flowctl{when} {what}"


def _word(command: table.Command) -> str:
    return f"--arguments {command.name} --description {single_quoted(command.summary)}"


def _option(option: table.Argument) -> str:
    words = [f"--long-option {option.name[2:]}"]
    if option.short:
        words.append(f"--short-option {option.short[1]}")
    if option.takes_value:
        words.append(f"--require-parameter {_values(option)}".rstrip())
    return " ".join([*words, "--description", single_quoted(option.help)])


def _values(argument: table.Argument) -> str:
    if argument.choices:
        return f"--arguments '{' '.join(argument.choices)}'"
    return {"file": "--force-files", "run": "--arguments '(__flowctl_runs)'"}.get(
        argument.complete, ""
    )
