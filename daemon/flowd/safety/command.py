"""One program call after expansion, and its arguments sorted into options and operands."""

from collections.abc import Iterable

from msgspec import Struct

from flowd.safety.syntax import Span
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN, Argument, Value

NO_VALUES: frozenset[str] = frozenset()


class Command(Struct, frozen=True):
    """A program about to run. `name` is its base name, `stdin` what it will read."""

    name: str
    program: Argument
    arguments: tuple[Argument, ...]
    stdin: Value
    span: Span
    stdin_path: str = ""
    stdout_path: str = ""

    @property
    def words(self) -> tuple[Argument, ...]:
        """Program and arguments."""
        return (self.program, *self.arguments)

    def has_word(self, *texts: str) -> bool:
        """Whether one of the arguments is exactly one of these."""
        return any(argument.text in texts for argument in self.arguments)


class Option(Struct, frozen=True):
    """`-x`, `-x value`, `--name`, `--name=value`; `name` keeps its dashes."""

    name: str
    value: Argument | None = None


_NEVER_SHORT = listed("--force --delete --all --no --dry --prune")
"""Options that begin like longer ones but are options of their own."""


class Options(Struct, frozen=True):
    """Arguments in two heaps; the order within each is kept.

    `complete` are names that are never taken for the beginning of a longer one.
    """

    given: tuple[Option, ...]
    operands: tuple[Argument, ...]
    complete: frozenset[str] = _NEVER_SHORT

    def _means(self, option: Option, name: str) -> bool:
        given = option.name
        if given == name:
            return True
        abbreviated = len(given) > 3 and given.startswith("--") and name.startswith(given)
        return abbreviated and given not in self.complete

    def has(self, *names: str) -> bool:
        """Whether one of these options was given; long ones may be abbreviated."""
        return any(self._means(option, name) for option in self.given for name in names)

    def value(self, *names: str) -> Argument | None:
        """The last value given to one of these options."""
        values = self.values(*names)
        return values[-1] if values else None

    def values(self, *names: str) -> list[Argument]:
        """All values given to these options."""
        return [
            option.value
            for option in self.given
            if option.value is not None and any(self._means(option, name) for name in names)
        ]

    def last_of(self, *names: str) -> str | None:
        """Of options that cancel each other, the one given last."""
        for option in reversed(self.given):
            for name in names:
                if self._means(option, name):
                    return name
        return None

    @property
    def asks_for_help(self) -> bool:
        """Whether the program would only print its help or version."""
        return self.has("--help", "--version")


def split(
    arguments: Iterable[Argument],
    takes_value: frozenset[str] = NO_VALUES,
    *,
    first_operand_ends: bool = False,
    long_with_one_dash: bool = False,
) -> Options:
    """Sort arguments as getopt does.

    `takes_value` are the options, with their dashes, whose value is the next word unless it is
    attached. `first_operand_ends`: everything from the first operand on is one (wrappers).
    `long_with_one_dash`: `-name` is one option, not four (find, openssl, terraform).
    """
    given: list[Option] = []
    operands: list[Argument] = []
    rest = iter(arguments)
    for argument in rest:
        text = argument.text
        if text == "--":
            operands.extend(rest)
        elif len(text) < 2 or text[0] != "-" or text.startswith(UNKNOWN):
            operands.append(argument)
            if first_operand_ends:
                operands.extend(rest)
        elif text.startswith("--") or long_with_one_dash:
            name, equals, value = text.partition("=")
            if equals:
                given.append(Option(name, argument.with_text(value)))
            elif name in takes_value:
                given.append(Option(name, next(rest, None)))
            else:
                given.append(Option(name))
        else:
            for position, letter in enumerate(text[1:], 2):
                name = f"-{letter}"
                if name in takes_value:
                    attached = text[position:]
                    value_word = argument.with_text(attached) if attached else next(rest, None)
                    given.append(Option(name, value_word))
                    break
                given.append(Option(name))
    return Options(tuple(given), tuple(operands), takes_value | _NEVER_SHORT)
