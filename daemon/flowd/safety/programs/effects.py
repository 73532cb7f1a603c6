"""What a program does, as data: prints, writes, sends, runs. The walk carries it further.

A program's model looks at its command and at what the script has set up so far, and never decides
whether something is dangerous: that is the rules' work.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct, field

from flowd.safety.command import Command
from flowd.safety.state import State
from flowd.safety.syntax import Span
from flowd.safety.value import Argument, Value

Language = Literal[
    "shell",
    "python",
    "perl",
    "ruby",
    "node",
    "php",
    "lua",
    "awk",
    "sed",
    "sql",
    "tcl",
    "lisp",
    "other",
]


class Write(Struct, frozen=True):
    """A file gets new content. `tool` is False for a redirect of the shell itself."""

    target: Argument
    value: Value
    append: bool = False
    tool: bool = True


class Send(Struct, frozen=True):
    """Content leaves for another machine. `files`: it is the content of local files.

    `trusted`: to an account the user has there (ssh, rsync), not to any listener.
    """

    value: Value
    host: str
    span: Span
    files: bool = False
    trusted: bool = False


class Run(Struct, frozen=True):
    """Another program is run. None keeps what the outer program has.

    `bypass` are kinds of names not looked up: `command` skips functions and aliases.
    """

    arguments: tuple[Argument, ...]
    stdin: Value | None = None
    variables: tuple[tuple[str, Value], ...] = ()
    forget_variables: tuple[str, ...] = ()
    clears_environment: bool = False
    skips_functions: bool = False
    folder: str | None = None


class Code(Struct, frozen=True):
    """A text is run as code. `unseen`: it is a file or stream whose text is not in the script.

    `remote`: on another machine, or in a container. `shares`: in the current shell, as eval does.
    `name` is a file's; `zero` is what `$0` stands for.
    """

    language: Language
    source: Value
    span: Span
    arguments: tuple[Argument, ...] | None = None
    unseen: bool = False
    remote: bool = False
    shares: bool = False
    stdin: Value | None = None
    name: str = ""
    zero: Argument | None = None


class Effects(Struct, frozen=True):
    """Everything one call does. `output` None: printed by what it runs, or not known."""

    output: Value | None = None
    writes: tuple[Write, ...] = ()
    sends: tuple[Send, ...] = ()
    runs: tuple[Run, ...] = ()
    codes: tuple[Code, ...] = ()
    reads: tuple[Argument, ...] = field(default=())


NOTHING = Effects()
Model = Callable[[Command, State], Effects]
Models = dict[str, Model]
