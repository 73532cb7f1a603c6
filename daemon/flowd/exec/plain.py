"""Scripts that are one plain command need no shell.

`pytest -q` or `git push origin main` costs a start of bash, a millisecond of CPU, to say no more
than what is there already. GNU make does without a shell for the same reason, when a line holds no
word that a shell would understand (`construct_command_argv` in its job.c). What is taken for plain
here is less than what is: one line of literal words, the first of them a program on the run's PATH
and no builtin, in an environment that gives bash nothing to change a command with. Whatever is in
doubt, and whatever cannot be executed in the end, is left to the shell, which has words for it.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache

from flowd.domain.workflow import Shell

MOST_CHARACTERS = 4096  # of a script that is looked at; longer ones are hardly one command

_QUOTED = r"""'[^'\n]*'|"[^"$`\\!\n]*\""""
_WORD = re.compile(rf"(?:[A-Za-z0-9_@%+=:,./-]|{_QUOTED})+")
_PART = re.compile(rf"{_QUOTED}|[^'\"]+")
_LINE = re.compile(
    rf"[ \t\n]*([A-Za-z0-9_./][\w./+-]*)((?:[ \t]+{_WORD.pattern})*)[ \t\n]*", re.ASCII
)
_SHELLS: tuple[Shell, ...] = ("bash", "sh")

# What the shells say with `compgen -b` and `compgen -k`, and what dash and ksh have besides.
_SHELLS_OWN = """
    . : [ alias autoload bg bind break builtin caller case cd chdir command compgen complete
    compopt continue coproc declare dirs disown do done echo elif else enable end esac eval exec
    exit export false fc fg fi float for foreach function functions getopts hash help hist history
    if in integer jobs kill let local logout mapfile nameref popd print printf pushd pwd read
    readarray readonly repeat return select set shift shopt source stop suspend test then time
    times trap true type typeset ulimit umask unalias unset until wait whence while
"""
_NOT_A_PROGRAM = frozenset(_SHELLS_OWN.split())
_ALONE = frozenset(("true", "false"))  # builtins, too, but nothing can be told from the programs
# `setsid` forks, and is over at once, when it leads a process group, as it would here.
_WANTS_A_SHELL = frozenset(("setsid",))
_CHANGES_COMMANDS = frozenset(("BASH_ENV", "BASHOPTS", "SHELLOPTS", "ENV"))


def without_shell(shell: Shell, script: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Give the program's path and the command's words; empty when a shell is needed.

    A name with a slash is given as it stands: relative to the working folder.
    """
    if shell not in _SHELLS or len(script) > MOST_CHARACTERS:
        return ()
    words = _words_of(script)
    if not words or not _leaves_commands_alone(environment):
        return ()
    name = words[0]
    path = name if "/" in name else _on_path(name, environment.get("PATH", ""))
    return (path, *words) if path else ()


@lru_cache(maxsize=256)
def _words_of(script: str) -> tuple[str, ...]:
    """Give the words of one plain command, or none."""
    match = _LINE.fullmatch(script)
    if match is None:
        return ()
    name, rest = match.groups()
    if name in _NOT_A_PROGRAM | _WANTS_A_SHELL and not (name in _ALONE and not rest):
        return ()
    return (name, *("".join(map(_unquoted, _PART.findall(word))) for word in _WORD.findall(rest)))


def is_shells_own(name: str) -> bool:
    """Whether a shell does this itself, or understands the word in its own way."""
    return name in _NOT_A_PROGRAM


def _unquoted(part: str) -> str:
    return part[1:-1] if part[0] in "'\"" else part


def _leaves_commands_alone(environment: Mapping[str, str]) -> bool:
    """Whether a shell started so would run what the words say: no functions, no start-up file."""
    if not _CHANGES_COMMANDS.isdisjoint(environment):
        return False
    return "\nBASH_FUNC_" not in "\n".join(("", *environment))  # at the beginning of a name


def _on_path(name: str, path: str) -> str:
    """Look for the program as a shell would; empty when it is for the shell to say.

    Nothing is remembered: the step before may have installed it.
    """
    for folder in _folders_of(path):
        if not folder.startswith("/"):  # relative to a folder that we are not in
            return ""
        candidate = f"{folder}/{name}"
        # A folder can be "executed", too. What is not there costs no exception this way.
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):  # noqa: PTH113
            return candidate
    return ""


@lru_cache(maxsize=16)
def _folders_of(path: str) -> tuple[str, ...]:
    """Give the folders of a PATH, each once: many name some of theirs again and again."""
    return tuple(dict.fromkeys(path.split(":")))
