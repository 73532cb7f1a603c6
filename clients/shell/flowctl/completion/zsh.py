"""A completion script for zsh, with descriptions."""

from __future__ import annotations

from flowctl import table
from flowctl.completion.words import positions_of, single_quoted, spellings

_ZSH = """\
#compdef flowctl
_flowctl_runs() {{
    local -a runs
    runs=(${{(f)"$(flowctl ps --json --no-start --all 2>/dev/null |
        grep -o '{{"id":"[^"]*","name":"[^"]*"' | sed 's/^{{"id":"//; s/","name":"/:/; s/"$//')"}})
    _describe run runs
}}
_flowctl() {{
    local -a shared=(
{shared}
    )
    local context state line curcontext=$curcontext
    typeset -A opt_args
    _arguments -C $shared '(-V --version)'{{-V,--version}}'[print the version]' \\
        '1: :->command' '*:: :->rest'
    case $state in
        command)
            local -a commands=(
{commands}
            )
            _describe command commands ;;
        rest)
            case $line[1] in
{cases}
            esac ;;
    esac
}}
if [[ $funcstack[1] == _flowctl ]]; then
    _flowctl "$@"
else
    compdef _flowctl flowctl
fi
"""


def script() -> str:
    """Give the script."""
    shared = "\n".join(f"        {_zsh_option(option)}" for option in table.GLOBAL_OPTIONS)
    commands = "\n".join(f"                {_zsh_described(c)}" for c in table.COMMANDS)
    cases = []
    for command in table.COMMANDS:
        cases.append(f"                {command.name})")
        if command.actions:
            cases += _zsh_actions(command)
        else:
            cases.append(f"                    _arguments $shared{_zsh_arguments(command)} ;;")
    return _ZSH.format(shared=shared, commands=commands, cases="\n".join(cases))


def _zsh_actions(command: table.Command) -> list[str]:
    described = " ".join(_zsh_described(action) for action in command.actions)
    lines = [
        "                    if ((CURRENT == 2)); then",
        f"                        local -a actions=({described})",
        "                        _describe action actions",
        "                        return",
        "                    fi",
        "                    shift words; ((CURRENT--))",
        "                    case $words[1] in",
    ]
    for action in command.actions:
        lines.append(f"                        {action.name})")
        lines.append(f"                            _arguments $shared{_zsh_arguments(action)} ;;")
    return [*lines, "                    esac ;;"]


def _zsh_described(command: table.Command) -> str:
    return single_quoted(f"{command.name}:{command.summary}")


def _zsh_arguments(command: table.Command) -> str:
    words = [_zsh_option(argument) for argument in command.arguments if argument.is_option]
    for argument in positions_of(command):
        many = "*" if argument.kind == table.WORDS else ""
        optional = "" if argument.required or many else ":"
        words.append(single_quoted(f"{many}:{optional}{argument.value}:{_zsh_action(argument)}"))
    return "".join(f" \\\n                        {word}" for word in words)


def _zsh_option(option: table.Argument) -> str:
    about = option.help.replace("[", "(").replace("]", ")")
    text = f"[{about}]"
    if option.takes_value:
        text += f":{option.value}:{_zsh_action(option)}"
    if option.kind == table.MANY:
        return single_quoted(f"*{option.name}{text}")
    if not option.short:
        return single_quoted(f"{option.name}{text}")
    both = f"({option.short} {option.name})"
    return " ".join(single_quoted(f"{both}{name}{text}") for name in spellings(option))


def _zsh_action(argument: table.Argument) -> str:
    if argument.choices:
        return f"({' '.join(argument.choices)})"
    return {"file": "_files", "run": "_flowctl_runs"}.get(argument.complete, " ")
