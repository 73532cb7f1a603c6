"""The words of a command line, read by the table in `table.py`.

argparse is not used: it is as slow to import as all the rest of `flowctl ps`, and it cannot take
global flags before as well as after the command.
"""

from __future__ import annotations

from flowctl import table
from flowctl.exits import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Value = str | int | bool | list[str]


class Arguments:
    """What was given, by the name in the table without its dashes."""

    def __init__(self, values: dict[str, Value]):
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """Give one value as text."""
        value = self._values.get(name, default)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        """Give every value of an option that may be repeated."""
        value = self._values.get(name)
        return value if isinstance(value, list) else []

    def number(self, name: str, default: int) -> int:
        """Give a whole number, or the default when it was left out."""
        value = self._values.get(name)
        return value if isinstance(value, int) else default

    def flag(self, name: str) -> bool:
        """Whether the flag was given."""
        return self._values.get(name) is True

    def given(self, name: str) -> bool:
        """Whether it was given at all."""
        return name in self._values


class Call:
    """A command line, understood: which command, with what.

    `path` is the command's name, for an action `("daemon", "start")`. `command` is None when none
    was named (`flowctl --help`).
    """

    def __init__(self, path: tuple[str, ...], command: table.Command | None, arguments: Arguments):
        self.path = path
        self.command = command
        self.arguments = arguments


def parse(words: Sequence[str]) -> Call:
    """Understand the words after the program's name; UsageError when they make no sense.

    With `--help` among them nothing is missed: the call comes back as far as it was understood.
    """
    reader = _Reader(words)
    reader.read()
    return Call(reader.path, reader.command, Arguments(reader.values))


class _Reader:
    """Goes through the words once, from left to right."""

    def __init__(self, words: Sequence[str]):
        self.words = list(words)
        self.next = 0
        self.path: tuple[str, ...] = ()
        self.command: table.Command | None = None
        self.values: dict[str, Value] = {}
        self.positions: list[str] = []

    def read(self) -> None:
        only_positions = False
        while self.next < len(self.words):
            word = self.words[self.next]
            self.next += 1
            if only_positions or word == "-" or not word.startswith("-"):
                self._take_position(word)
            elif word == "--":
                only_positions = True
            elif word.startswith("--"):
                self._take_long(word)
            else:
                self._take_short(word)
        if self.values.get("help") is not True:
            self._assign_positions()

    # ------------------------------------------------------------------------------- positions

    def _take_position(self, word: str) -> None:
        if self.command is None:
            self.command = _find(word, table.COMMANDS, "command")
            self.path = (word,)
        elif self.command.actions:
            self.command = _find(word, self.command.actions, f"action of `flowctl {self.path[0]}`")
            self.path = (*self.path, word)
        else:
            self.positions.append(word)

    def _assign_positions(self) -> None:
        if self.command is None:
            return
        if self.command.actions:
            names = ", ".join(action.name for action in self.command.actions)
            raise UsageError(f"flowctl {self.path[0]} needs one of: {names}", cure=self._cure())
        left = list(self.positions)
        for argument in self.command.arguments:
            if argument.is_option:
                continue
            if not left:
                if argument.required:
                    raise UsageError(f"{argument.value} is missing", cure=self._cure())
            elif argument.kind == table.WORDS:
                self.values[argument.name] = " ".join(left)
                left = []
            else:
                self._set(argument, argument.value, left.pop(0))
        if left:
            raise UsageError(f"one word too many: {left[0]!r}", cure=self._cure())

    # --------------------------------------------------------------------------------- options

    def _take_long(self, word: str) -> None:
        name, equals, value = word.partition("=")
        argument = self._option("name", name)
        if argument is None:
            raise UsageError(f"unknown option {name}{self._meant(name)}", cure=self._cure())
        if not argument.takes_value:
            if equals:
                raise UsageError(f"{name} takes no value", cure=self._cure())
            self._set(argument, name, True)
        else:
            self._set(argument, name, value if equals else self._value_after(name))

    def _take_short(self, word: str) -> None:
        """Read `-n 3`, `-n3`, `-n=3`, and flags put together as in `-dy`."""
        letters = word[1:]
        while letters:
            letter, letters = f"-{letters[0]}", letters[1:]
            argument = self._option("short", letter)
            if argument is None:
                raise UsageError(f"unknown option {letter} in {word}", cure=self._cure())
            if argument.takes_value:
                value = letters.removeprefix("=") if letters else self._value_after(letter)
                return self._set(argument, letter, value)
            self._set(argument, letter, True)
        return None

    def _value_after(self, name: str) -> str:
        if self.next == len(self.words):
            raise UsageError(f"{name} needs a value", cure=self._cure())
        self.next += 1
        return self.words[self.next - 1]

    def _option(self, spelling: str, word: str) -> table.Argument | None:
        own = self.command.arguments if self.command else ()
        for argument in (*own, *table.GLOBAL_OPTIONS):
            if argument.is_option and getattr(argument, spelling) == word:
                return argument
        return None

    # ---------------------------------------------------------------------------------- values

    def _set(self, argument: table.Argument, shown: str, value: str | bool) -> None:
        key = argument.name.lstrip("-")
        if argument.choices and value not in argument.choices:
            choices = ", ".join(argument.choices)
            raise UsageError(
                f"{shown} is {value!r}; it must be one of: {choices}", cure=self._cure()
            )
        if argument.kind == table.MANY:
            given = self.values.setdefault(key, [])
            assert isinstance(given, list)
            given.append(str(value))
        elif argument.kind == table.NUMBER:
            self.values[key] = self._whole_number(shown, str(value))
        else:
            self.values[key] = value

    def _whole_number(self, shown: str, value: str) -> int:
        if not (value.isascii() and value.isdigit() and len(value) <= 18):
            raise UsageError(f"{shown} is {value!r}; it must be a whole number", cure=self._cure())
        return int(value)

    # ---------------------------------------------------------------------------------- advice

    def _cure(self) -> str:
        return " ".join(("see flowctl", *self.path, "--help"))

    def _meant(self, name: str) -> str:
        own = self.command.arguments if self.command else ()
        return _did_you_mean(
            name, [option.name for option in (*own, *table.GLOBAL_OPTIONS) if option.is_option]
        )


def _find(word: str, among: tuple[table.Command, ...], what: str) -> table.Command:
    found = table.find(word, among)
    if found is None:
        names = [command.name for command in among]
        hint = _did_you_mean(word, names) or f"; there are: {', '.join(names)}"
        raise UsageError(f"{word!r} is no {what}{hint}")
    return found


def _did_you_mean(word: str, names: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(word, names, 1)
    return f"; did you mean {close[0]}?" if close else ""
