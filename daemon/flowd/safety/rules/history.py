"""Covering tracks: shell history, system logs, audit."""

from collections.abc import Iterator

from flowd.domain.ports import Finding
from flowd.safety.command import Command
from flowd.safety.findings import confirm
from flowd.safety.rules.table import Rules
from flowd.safety.state import State

_MESSAGE = "Removes or stops the record of what was done on this machine."


def _history(command: Command, _state: State) -> Iterator[Finding]:
    if any(a.text.startswith("-") and set(a.text[1:]) & set("cd") for a in command.arguments):
        yield confirm("history.clear", _MESSAGE, command.span)


def _unset(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("HISTFILE", "HISTSIZE", "PROMPT_COMMAND"):
        yield confirm("history.off", _MESSAGE, command.span)


def _set(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("+o") and command.has_word("history"):
        yield confirm("history.off", _MESSAGE, command.span)


def _journal(command: Command, _state: State) -> Iterator[Finding]:
    if any(a.text.startswith(("--vacuum", "--rotate", "--flush")) for a in command.arguments):
        yield confirm("history.logs", _MESSAGE, command.span)


def _audit(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("-D", "-e", "-d", "-W"):
        yield confirm("history.audit", _MESSAGE, command.span)


def _kernel_log(command: Command, _state: State) -> Iterator[Finding]:
    if command.has_word("-c", "-C", "--clear", "--read-clear"):
        yield confirm("history.logs", _MESSAGE, command.span)


RULES: Rules = {
    "history": (_history,),
    "unset": (_unset,),
    "set": (_set,),
    "journalctl": (_journal,),
    "auditctl": (_audit,),
    "dmesg": (_kernel_log,),
}
