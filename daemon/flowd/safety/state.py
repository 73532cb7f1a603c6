"""What a script has set up so far: variables, functions, files, descriptors, the folder it is in.

A `State` is copied where the shell would fork and joined where two ways through the script meet, so
it holds every possibility that is still open. Nothing here touches the machine: a variable nobody
set is the conventional value it has on most machines, or unknown.
"""

from typing import Self

from msgspec import Struct, field
from msgspec.structs import replace

from flowd.safety.syntax import Script, Statement
from flowd.safety.value import ANYTHING, EMPTY, UNKNOWN, Argument, Value, either, value_of

HOME = "/home/user"
SCRATCH = "/tmp"  # noqa: S108 - what TMPDIR is on most machines, not a path we write to
OUTPUT = f"{SCRATCH}/flow/output"  # what FLOW_OUTPUT stands for
TERMINAL = "/dev/tty"


class Variable(Struct, frozen=True):
    """A variable's possible values; `elements` are an array's, each with its possibilities.

    `readonly` None: perhaps.
    """

    value: Value
    maybe_unset: bool = False
    elements: tuple[Value, ...] | None = None
    exported: bool = False
    readonly: bool | None = False


UNSET = Variable(Value(("",)), maybe_unset=True)
_NOBODY_KNOWS = Variable(ANYTHING, maybe_unset=True, exported=True)

_USUAL = {
    "HOME": HOME,
    "PATH": f"/usr/local/bin:/usr/bin:/bin:{UNKNOWN}",
    "USER": "user",
    "LOGNAME": "user",
    "SHELL": "/bin/bash",
    **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), SCRATCH),
    "RUNNER_TEMP": f"{SCRATCH}/runner",
    "EDITOR": "editor",
    "VISUAL": "editor",
    "PAGER": "less",
    "BROWSER": "browser",
    "PYTHON": "python3",
    "CC": "cc",
    "CXX": "c++",
    "MAKE": "make",
    "IFS": " \t\n",
    "BASH": "/bin/bash",
    "OSTYPE": "linux-gnu",
    "XDG_CONFIG_HOME": f"{HOME}/.config",
    "XDG_DATA_HOME": f"{HOME}/.local/share",
    "XDG_STATE_HOME": f"{HOME}/.local/state",
    "XDG_CACHE_HOME": f"{HOME}/.cache",
    "FLOW_OUTPUT": OUTPUT,
}
_USUAL_VARIABLES = {name: Variable(value_of(text), exported=True) for name, text in _USUAL.items()}

Body = Statement | None
"""What a function name may run; None when the name may still be an ordinary program."""


class State(Struct):
    """Everything earlier commands can change for later ones.

    `arrived`: the script is in `folders[0]` if the last `cd` worked.
    `start` is the folder the script begins in, "" when unknown.
    `elsewhere` is what parts of the script that run side by side may have written to files.
    """

    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, tuple[Body, ...]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    hashed: dict[str, str] = field(default_factory=dict)
    files: dict[str, Value] = field(default_factory=dict)
    elsewhere: dict[str, Value] = field(default_factory=dict)
    consumers: dict[str, Script] = field(default_factory=dict)
    descriptors: dict[int, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ("",)
    start: str = ""
    arrived: bool = True
    positional: tuple[Argument, ...] | None = None
    inherits: bool = True
    stops_on_error: bool = False
    disabled: set[str] = field(default_factory=set)

    @property
    def folder(self) -> str:
        """Where the script is when every `cd` worked; "" when unknown.

        `folders[1:]` is where it may be if one failed and nobody looked.
        """
        return self.folders[0]

    def assume_arrived(self) -> None:
        """The script only goes on here if the last `cd` worked."""
        if self.arrived:
            self.folders = self.folders[:1]

    def fork(self) -> Self:
        """A subshell's state: its own but for the files, which are the machine's."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
            hashed=dict(self.hashed),
            descriptors=dict(self.descriptors),
            disabled=set(self.disabled),
        )

    def copy(self) -> Self:
        """An independent copy: another way the script may go."""
        copied = self.fork()
        copied.files = dict(self.files)
        copied.consumers = dict(self.consumers)
        return copied

    def variable(self, name: str) -> Variable:
        """What is known of a variable, set by the script or not."""
        known = self.variables.get(name)
        if known is not None:
            return known
        if not self.inherits:
            return UNSET
        return _USUAL_VARIABLES.get(name, _NOBODY_KNOWS)

    def assign(self, name: str, value: Value, elements: tuple[Value, ...] | None = None) -> None:
        """Set a variable, unless it is readonly."""
        old = self.variables.get(name)
        if old is None:
            exported = self.inherits and name in _USUAL_VARIABLES
            self.variables[name] = Variable(value, elements=elements, exported=exported)
        elif old.readonly is None:
            self.variables[name] = replace(old, value=either([old.value, value]), elements=None)
        elif not old.readonly:
            self.variables[name] = Variable(value, elements=elements, exported=old.exported)

    def unset(self, name: str) -> None:
        """Forget a variable, unless it is readonly."""
        old = self.variable(name)
        if old.readonly is None:
            value = either([old.value, EMPTY])
            self.variables[name] = replace(old, value=value, maybe_unset=True)
        elif not old.readonly:
            self.variables[name] = UNSET

    def text_of(self, name: str) -> str:
        """A variable's text, UNKNOWN unless there is only one possibility."""
        texts = self.variable(name).value.texts
        return texts[0] if len(texts) == 1 else UNKNOWN


def join(left: State, right: State) -> None:
    """Make `left` hold what either may hold. Names only one of them set may also be unset."""
    only_left = left.variables.keys() - right.variables.keys()
    for name in [*right.variables, *only_left]:
        first, second = left.variables.get(name), right.variables.get(name)
        if first is not second:
            first, second = left.variable(name), right.variable(name)
            left.variables[name] = Variable(
                either([first.value, second.value]),
                first.maybe_unset or second.maybe_unset,
                first.elements if first.elements is not None else second.elements,
                first.exported or second.exported,
                first.readonly if first.readonly is second.readonly else None,
            )
    for name in left.functions.keys() | right.functions.keys():
        bodies = (*left.functions.get(name, (None,)), *right.functions.get(name, (None,)))
        left.functions[name] = tuple(dict.fromkeys(bodies))
    for path, value in right.files.items():
        mine = left.files.get(path)
        left.files[path] = value if mine is None or mine == value else either([mine, value])
    left.aliases |= right.aliases
    left.hashed |= right.hashed
    left.disabled |= right.disabled
    left.consumers |= right.consumers
    left.descriptors |= right.descriptors
    if left.folders != right.folders:
        left.folders = tuple(dict.fromkeys((*left.folders, *right.folders)))[:4]
        left.arrived = False
    if left.positional != right.positional:
        left.positional = None
