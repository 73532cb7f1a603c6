"""A completion script for bash."""

from __future__ import annotations

from flowctl import table
from flowctl.completion.words import every_command, kind_of, options_of, positions_of, spellings

_BASH = """\
# bash completion for flowctl
_flowctl_runs() {{
    flowctl ps --json --no-start --all 2>/dev/null |
        grep -o '{{"id":"[^"]*"' | cut -d'"' -f4
}}
_flowctl_fill() {{
    case $1 in
        words:*) COMPREPLY=($(compgen -W "${{1#words:}}" -- "$cur")) ;;
        run) COMPREPLY=($(compgen -W "$(_flowctl_runs)" -- "$cur")) ;;
        file) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
}}
_flowctl() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} command= position=0 skip= word i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ $skip ]]; then skip=; continue; fi
        case "$command/$word" in
{takes_value}
            */-*) ;;
            /*) command=$word ;;
{has_actions}
            *) ((++position)) ;;
        esac
    done
    if [[ $skip ]]; then
        case "$command/${{COMP_WORDS[COMP_CWORD-1]}}" in
{values}
        esac
        return
    fi
    if [[ $cur == -* ]]; then
        case $command in
{options}
        esac
        return
    fi
    case "$command/$position" in
{positions}
    esac
}}
complete -F _flowctl flowctl
"""


def script() -> str:
    """Give the script."""
    takes_value: set[str] = set()
    values, options, positions, actions = [], [], [], []
    names = " ".join(command.name for command in table.COMMANDS)
    shared = " ".join(s for option in table.GLOBAL_OPTIONS for s in spellings(option))
    positions.append(f'        /0) _flowctl_fill "words:{names}" ;;')
    options.append(f'            "") _flowctl_fill "words:{shared} --version" ;;')
    for name, command in every_command():
        words = " ".join(s for option in options_of(command) for s in spellings(option))
        options.append(f'            "{name}") _flowctl_fill "words:{words}" ;;')
        for option in options_of(command):
            if option.takes_value:
                patterns = "|".join(f'"{name}/{s}"' for s in spellings(option))
                takes_value.add(patterns)
                values.append(f'            {patterns}) _flowctl_fill "{kind_of(option)}" ;;')
        if command.actions:
            inner = " ".join(action.name for action in command.actions)
            positions.append(f'        "{name}/0") _flowctl_fill "words:{inner}" ;;')
            both = "|".join(f'"{name}/{action.name}"' for action in command.actions)
            actions.append(f'            {both}) command="$command $word" ;;')
        for number, argument in enumerate(positions_of(command)):
            if kind_of(argument):
                positions.append(
                    f'        "{name}/{number}") _flowctl_fill "{kind_of(argument)}" ;;'
                )
    for option in table.GLOBAL_OPTIONS:
        if option.takes_value:
            takes_value.add(f'"/{option.name}"')
            values.append(f'            "/{option.name}") _flowctl_fill "{kind_of(option)}" ;;')
    return _BASH.format(
        takes_value=f"            {'|'.join(sorted(takes_value))}) skip=1 ;;",
        has_actions="\n".join(actions),
        values="\n".join(values),
        options="\n".join(options),
        positions="\n".join(positions),
    )
