"""Which rules look at which programs. A rule is a function in a table: see `table.Rule`.

`judge` asks every rule of a command's program, then the few that look at any command. To add a
rule, write the function in the module of its family and name it in that module's `RULES`.
"""

from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety import read_only
from flowd.safety.command import Command
from flowd.safety.paths import is_matched
from flowd.safety.programs import MODELS, interpreters, wrappers
from flowd.safety.rules import (
    cloud,
    code,
    containers,
    databases,
    disks,
    elsewhere,
    files,
    git,
    history,
    network,
    packages,
    permissions,
    privileges,
    processes,
    secrets,
)
from flowd.safety.rules.table import Rule
from flowd.safety.state import State

_FAMILIES = (
    files.RULES,
    permissions.RULES,
    disks.RULES,
    git.RULES,
    packages.RULES,
    containers.RULES,
    cloud.RULES,
    databases.RULES,
    processes.RULES,
    network.RULES,
    secrets.RULES,
    history.RULES,
    privileges.RULES,
    elsewhere.RULES,
)
_ANY_COMMAND: tuple[Rule, ...] = (secrets.reading, network.shell_on_network, code.hook)


def _merge() -> dict[str, tuple[Rule, ...]]:
    merged: dict[str, tuple[Rule, ...]] = {}
    for family in _FAMILIES:
        for name, rules in family.items():
            merged[name] = (*merged.get(name, ()), *rules)
    return merged


RULES = _merge()

_DESTRUCTIVE = frozenset(
    {
        *files.RULES,
        *disks.RULES,
        "dd",
        "sudo",
        "doas",
        "chmod",
        "chown",
        "kill",
        "killall",
        "pkill",
        "reboot",
        "shutdown",
        "bash",
        "sh",
        "zsh",
    }
) - {"find", "gfind", "mount", "umount", "fd", "truncate"}
_HELP_DECIDED_ELSEWHERE = frozenset(
    {
        *wrappers.MODELS,
        *interpreters.MODELS,
        "find",
        "gfind",
        "xargs",
        "gxargs",
        "parallel",
        "curl",
        "wget",
        "git",
        "hub",
        "echo",
        "printf",
        "docker",
        "podman",
        "kubectl",
        "ssh",
        "eval",
        "exec",
    }
) - {"sudo", "doas"}


def judge(command: Command, state: State) -> Iterator[Finding]:
    """Give what any rule has against a command."""
    for rule in _ANY_COMMAND:
        yield from rule(command, state)
    rules = RULES.get(command.name)
    if rules is None or only_shows_help(command):
        return
    for rule in rules:
        yield from rule(command, state)


def only_shows_help(command: Command) -> bool:
    """Whether the program only prints its help or version, whatever else it is given."""
    if command.name in _HELP_DECIDED_ELSEWHERE:
        return False
    for argument in command.arguments:
        if argument.text == "--":
            return False
        if argument.text in ("--help", "--version"):
            return True
    return False


def is_known(name: str) -> bool:
    """Whether anything is known about a program."""
    return name in RULES or name in MODELS or read_only.knows(name)


def destructive_name_like(pattern: str) -> str | None:
    """The name of a program that deletes, overwrites or runs code, if a shell pattern finds one."""
    return next((name for name in sorted(_DESTRUCTIVE) if is_matched(name, pattern)), None)


def is_destructive_name(text: str) -> bool:
    """Whether a text begins with the name of a program that deletes, overwrites or takes rights."""
    return text.split(" ", 1)[0].rpartition("/")[2] in _DESTRUCTIVE
