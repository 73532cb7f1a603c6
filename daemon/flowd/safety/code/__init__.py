"""Code in other languages than shell: what it would delete, run, write and send."""

from msgspec import Struct

from flowd.safety.programs.effects import Code, Run, Send, Write


class Inside(Struct, frozen=True):
    """What a piece of code does, in terms of shell commands: `os.remove(x)` is `rm -f x`.

    `danger` names what is dangerous about the code as a whole, if anything: see `DANGERS`.
    """

    runs: tuple[Run, ...] = ()
    codes: tuple[Code, ...] = ()
    writes: tuple[Write, ...] = ()
    sends: tuple[Send, ...] = ()
    dangers: frozenset[str] = frozenset()
    harmless: bool = False


READABLE_ONLY = Inside()

REVERSE_SHELL = "reverse-shell"
FORK_BOMB = "fork-bomb"
HIDDEN_CODE = "hidden-code"
FETCHED_CODE = "fetched-code"
UNREADABLE = "unreadable"
COMPUTED_CODE = "computed-code"
