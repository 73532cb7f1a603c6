"""Words → what the shell would make of them, with every possibility that is still open.

One word may become no argument, one or several, and may have several readings; a reading nobody
can know becomes UNKNOWN. Scripts inside words are run, abstractly, by the `Runner`.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Protocol

from msgspec import Struct

from flowd.safety import arithmetic, parameters
from flowd.safety.findings import TooMuch
from flowd.safety.state import UNSET, State, Variable
from flowd.safety.syntax import (
    Arithmetic,
    Assignment,
    Parameter,
    Script,
    Substitution,
    Text,
    Word,
)
from flowd.safety.value import (
    ANYTHING,
    EMPTY,
    MAX_TEXTS,
    NOWHERE,
    UNKNOWN,
    Argument,
    Origins,
    Value,
    either,
    joined,
    value_of,
)

MAX_ARGUMENTS = 5_000

_KEY = re.compile(r"\[(\d{1,9})?[^\]]*\]=")
"""What may stand before an element, as in `([name]=value)`."""


class Runner(Protocol):
    """Runs, abstractly, the scripts that stand inside words."""

    def capture(self, script: Script, state: State) -> Value:
        """Give what `$(script)` is replaced by."""
        ...

    def channel(self, substitution: Substitution, state: State) -> str:
        """Give the path that `<(script)` or `>(script)` is replaced by."""
        ...

    def prompt(self, text: str, state: State) -> Value:
        """Give what a text becomes as a prompt, as `${x@P}` does: what stands in it is run."""
        ...

    def note_reading(self, name: str) -> None:
        """Hear of a variable that is read and that the script has not set."""
        ...


class _Piece(Struct, frozen=True):
    """Part of a field. `splits`: spaces in it end fields; `ends`: the field ends after it."""

    text: str
    splits: bool = False
    ends: bool = False


_Reading = tuple[_Piece, ...]
Arguments = tuple[Argument, ...]


def expand_words(words: Iterable[Word], state: State, runner: Runner) -> list[Arguments]:
    """Give every argument list these words may become (at least one).

    Raises TooMuch beyond MAX_ARGUMENTS.
    """
    readings: list[list[Argument]] = [[]]
    for word in words:
        if word.plain is not None:
            fields: list[Arguments] = [(Argument(word.plain, word.span),)]
        else:
            fields = _expand_word(word, state, runner)
        if len(fields) > 1 and len(readings) * len(fields) > MAX_TEXTS:
            origins = frozenset(o for each in fields for field in each for o in field.origins)
            fields = [(Argument(UNKNOWN, word.span, origins),)]
        if len(fields) == 1:
            for reading in readings:
                reading.extend(fields[0])
        else:
            readings = [[*reading, *each] for reading in readings for each in fields]
        if len(readings[0]) > MAX_ARGUMENTS:
            raise TooMuch
    return [tuple(reading) for reading in readings]


def expand_value(word: Word, state: State, runner: Runner) -> Value:
    """Give the text of a word where the shell does not split: assignments, redirects, bodies."""
    if word.plain is not None:
        return value_of(word.plain)
    value = EMPTY
    for position, part in enumerate(word.parts):
        readings, origins = _part(part, state, runner, first=position == 0)
        texts = tuple("".join(piece.text for piece in reading) for reading in readings)
        value = joined(value, Value(texts, origins))
    return value


def expand_assigned(
    assignment: Assignment, state: State, runner: Runner
) -> tuple[Value, tuple[Value, ...] | None]:
    """Give an assignment's value, and its elements when it makes an array."""
    if not isinstance(assignment.value, tuple):
        return expand_value(assignment.value, state, runner), None
    readings = expand_words(assignment.value, state, runner)
    elements = tuple(
        value_of(_KEY.sub("", argument.text), argument.origins)
        for argument in sorted(readings[0], key=_place_in_array)
    )
    if len(readings) > 1:
        origins = frozenset(o for each in readings for field in each for o in field.origins)
        elements = (Value((UNKNOWN,), origins),)
    return (elements[0] if elements else EMPTY), elements


def _place_in_array(element: Argument) -> int:
    """`[2]=x` comes after `[1]=y`, wherever it stands."""
    key = _KEY.match(element.text)
    return int(key[1]) if key and key[1] else 0


def _expand_word(word: Word, state: State, runner: Runner) -> list[Arguments]:
    readings: list[_Reading] = [()]
    origins: Origins = NOWHERE
    for position, part in enumerate(word.parts):
        more, where = _part(part, state, runner, first=position == 0)
        origins |= where
        if len(readings) * len(more) > MAX_TEXTS:
            return [(Argument(UNKNOWN, word.span, origins),)]
        readings = [head + tail for head, tail in product(readings, more)]
    made: dict[tuple[str, ...], None] = {}
    for separators in state.variable("IFS").value.texts:
        for reading in readings:
            made[tuple(_fields(reading, separators))] = None
    return [tuple(Argument(text, word.span, origins) for text in fields) for fields in made]


def _fields(pieces: Sequence[_Piece], separators: str) -> list[str]:
    """Cut pieces into fields, as the shell does after expansion."""
    fields: list[str] = []
    current, started = "", False
    for piece in pieces:
        if not piece.splits:
            current += piece.text
            started = True
        else:
            for character in piece.text:
                if character in separators:
                    if started:
                        fields.append(current)
                    current, started = "", False
                else:
                    current += character
                    started = True
        if piece.ends and started:
            fields.append(current)
            current, started = "", False
    return [*fields, current] if started else fields


def _part(
    part: Text | Parameter | Substitution | Arithmetic, state: State, runner: Runner, *, first: bool
) -> tuple[list[_Reading], Origins]:
    if isinstance(part, Text):
        if first and not part.quoted and part.text.startswith("~"):
            return [(_Piece(text),) for text in _tilde(part.text, state)], NOWHERE
        return [(_Piece(part.text),)], NOWHERE
    if isinstance(part, Parameter):
        for script in part.inner:
            runner.capture(script, state)
        return _parameter(part, state, runner)
    if isinstance(part, Substitution):
        if part.kind != "$":
            return [(_Piece(runner.channel(part, state)),)], NOWHERE
        value = runner.capture(part.script, state)
        return _readings(value, splits=not part.quoted), value.origins
    for script in part.inner:
        runner.capture(script, state)
    result = arithmetic.evaluate(part.expression, state.text_of)
    return [(_Piece(result),)], NOWHERE


def _readings(value: Value, *, splits: bool) -> list[_Reading]:
    return [(_Piece(text, splits),) for text in value.texts]


def _tilde(text: str, state: State) -> list[str]:
    user, slash, rest = text[1:].partition("/")
    homes: tuple[str, ...]
    if user == "":
        homes = state.variable("HOME").value.texts
    elif user == "+":
        homes = (state.folder or ".",)
    elif user == "-":
        homes = (UNKNOWN,)
    else:
        homes = ("/root" if user == "root" else f"/home/{user}",)
    return [home + slash + rest for home in homes]


def _parameter(part: Parameter, state: State, runner: Runner) -> tuple[list[_Reading], Origins]:
    many = _elements(part, state)
    if many is not None and not part.operator:
        origins = frozenset(origin for value in many for origin in value.origins)
        separate = not part.quoted or part.name == "@" or part.index == "@"
        pieces = tuple(
            _Piece(value.texts[0] if len(value.texts) == 1 else UNKNOWN, not part.quoted, separate)
            for value in many
        )
        if not separate:
            pieces = (_Piece(" ".join(piece.text for piece in pieces)),)
        return [pieces], origins
    if part.name not in state.variables and part.operator not in _CONDITIONAL:
        runner.note_reading(part.name)
    value = _value(part, _variable(part, state), state, runner)
    return _readings(value, splits=not part.quoted), value.origins


def _elements(part: Parameter, state: State) -> tuple[Value, ...] | None:
    """What `$@`, `$*`, `${array[@]}` and `${array[*]}` stand for, when that is known."""
    if part.name in ("@", "*"):
        if state.positional is None:
            return None
        return tuple(value_of(each.text, each.origins) for each in state.positional)
    if part.index in ("@", "*"):
        return state.variable(part.name).elements
    return None


def _variable(part: Parameter, state: State) -> Variable:
    name = part.name
    if name.isdecimal() and name != "0":
        if state.positional is None:
            return Variable(ANYTHING, maybe_unset=True)
        number = int(name[:4]) - 1
        if number >= len(state.positional):
            return UNSET
        argument = state.positional[number]
        return Variable(value_of(argument.text, argument.origins))
    if name == "PWD" and name not in state.variables:
        return Variable(either(value_of(folder or f"/{UNKNOWN}") for folder in state.folders))
    if not name.isidentifier() and name not in state.variables:  # $?, $$, $!, $0, $@ ...
        return Variable(ANYTHING)
    variable = state.variable(name)
    if part.index and variable.elements is not None:
        index = arithmetic.evaluate(part.index, state.text_of)
        if index.lstrip("-").isdecimal() and -len(variable.elements) <= int(index) < len(
            variable.elements
        ):
            return Variable(variable.elements[int(index)])
        return Variable(either([*variable.elements, EMPTY]))
    return variable


def _value(part: Parameter, variable: Variable, state: State, runner: Runner) -> Value:
    operator = part.operator
    if not operator:
        return variable.value
    if operator == "indirect":
        return either(state.variable(name).value for name in variable.value.texts)
    if operator == "length":
        only = variable.value.only
        return value_of(str(len(only)) if only is not None else UNKNOWN)
    if operator in _CONDITIONAL:
        return _conditional(part, variable, state, runner)
    argument = expand_value(part.argument, state, runner) if part.argument else EMPTY
    if operator == "@" and argument.only == "P":
        texts = (text for text in variable.value.texts if text != UNKNOWN)
        made = [runner.prompt(text, state) for text in texts] or [ANYTHING]
        return either([Value(each.texts, each.origins | variable.value.origins) for each in made])
    replacement = expand_value(part.replacement, state, runner) if part.replacement else EMPTY
    return parameters.edited(variable.value, operator, argument, replacement)


_CONDITIONAL = frozenset({":-", "-", ":=", "=", ":+", "+", ":?", "?"})


def _conditional(part: Parameter, variable: Variable, state: State, runner: Runner) -> Value:
    """The operators that use their argument, or not, by whether the variable is set."""
    colon = part.operator[0] == ":"
    kind = part.operator[-1]
    missing = parameters.may_be_missing(variable, empty_counts=colon)
    present = parameters.may_be_present(variable, empty_counts=colon)
    mine = [parameters.present(variable, empty_counts=colon)] if present else []
    if kind == "?":
        return either(mine or [EMPTY])
    if kind == "+":
        mine, missing = ([EMPTY] if missing else []), present
    if missing:
        mine.append(expand_value(part.argument, state, runner) if part.argument else EMPTY)
    value = either(mine or [EMPTY])
    if kind == "=" and missing:
        state.assign(part.name, value)
    return value
