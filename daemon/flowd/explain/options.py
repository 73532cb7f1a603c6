"""The words of one command sorted into options and operands, as its manual says they are.

A manual tells which options a value follows and whether `-name` is one option or four, so that
every program's own rules count. Where there is none, `programs.yaml` and getopt's rules do.
"""

import re
from collections.abc import Sequence

from msgspec import Struct

from flowd.exec.option_texts import NO_MANUAL, NUMBER, Manual, OptionText, Takes
from flowd.explain.programs import Program
from flowd.explain.words import Given
from flowd.safety.syntax import Span
from flowd.safety.value import UNKNOWN

_EVERYWHERE = {
    "--help": "shows a short help and does nothing else",
    "--version": "shows the version and does nothing else",
}
_ENDS_OPTIONS = "what follows are no options, even if it begins with a dash"
_NUMBER_OR_SIGNAL = re.compile(r"-(?:\d+|(?:SIG)?[A-Z]{3,}\d?)")
_SHORT = 2  # characters of `-x`


class Option(Struct, frozen=True):
    """An option that was given, by all its names; `meaning` is "" when nobody explains it."""

    names: tuple[str, ...]
    value: str
    span: Span
    meaning: str


class Sorted(Struct):
    """The words of a command behind its name."""

    options: list[Option]
    operands: list[Given]
    inner: str = ""
    """The sentence of the command that this one runs."""

    def has(self, *names: str) -> bool:
        """Whether one of these options was given, by whatever name."""
        return any(name in option.names for option in self.options for name in names)

    def value(self, *names: str) -> str:
        """The values given to these options."""
        found = (o.value for o in self.options if o.value and any(n in o.names for n in names))
        return ", ".join(found)


def sort_words(
    words: Sequence[Given], manuals: Sequence[Manual], programs: Sequence[Program]
) -> Sorted:
    """Sort words; the manuals, like what else is known, are those of the part first."""
    return _Sorting(words, manuals, programs).sort()


class _Sorting:
    """Goes through the words once."""

    def __init__(
        self, words: Sequence[Given], manuals: Sequence[Manual], programs: Sequence[Program]
    ):
        self._words = list(words)
        self._next = 0
        self._manuals = manuals or (NO_MANUAL,)
        self._values = frozenset(" ".join(program.values for program in programs).split())
        self._number = next((program.number for program in programs if program.number), "")
        self._own = [program.options for program in programs]
        self._long_with_one_dash = any(program.long for program in programs)
        self._bundle_first = any(program.first for program in programs)
        self._made = Sorted([], [])

    def sort(self) -> Sorted:
        made = self._made
        while self._next < len(self._words):
            word = self._words[self._next]
            self._next += 1
            text = word.text
            if text == "--":
                made.options.append(Option(("--",), "", word.span, _ENDS_OPTIONS))
                made.operands += self._words[self._next :]
                break
            if self._bundle_first and self._next == 1 and text.isalpha():
                self._bundle(word, 0)
            elif text[:1] not in ("-", "+") or len(text) < _SHORT or text[1] in UNKNOWN + " ":
                self._operand(word)
            elif text.startswith("--"):
                self._long(word)
            elif text[0] == "-" or self._find(text):
                self._short(word)
            else:
                made.operands.append(word)
        return made

    def _operand(self, word: Given) -> None:
        """An operand, or what some programs take for an option: `name=value`, `!`, `-`."""
        meaning = next((options[word.text] for options in self._own if word.text in options), "")
        if meaning:
            self._made.options.append(Option((word.text,), "", word.span, meaning))
            return
        name, equals, value = word.text.partition("=")
        text = next((m.words[name + "="] for m in self._manuals if name + "=" in m.words), "")
        if equals and text:
            self._made.options.append(Option((name + "=",), value, word.span, text))
        else:
            self._made.operands.append(word)

    def _find(self, name: str) -> OptionText | None:
        found = next((m.options[name] for m in self._manuals if name in m.options), None)
        if found is not None:
            return found
        text = next((options[name] for options in self._own if name in options), "")
        takes: Takes = "a value" if name in self._values else "nothing"
        return OptionText((name,), takes, text) if text else None

    def _long(self, word: Given) -> None:
        name, equals, value = word.text.partition("=")
        option = self._find(name) or self._abbreviated(name) or self._negated(name)
        if equals:
            self._add(option, name, _shown(value, word), word.span)
        else:
            self._with_next(option, name, word.span)

    def _abbreviated(self, name: str) -> OptionText | None:
        """GNU programs take the beginning of an option, if it is of one only."""
        found = {
            option.names: option
            for manual in self._manuals
            for each, option in manual.options.items()
            if each.startswith(name) and len(name) > _SHORT + 1
        }
        return next(iter(found.values())) if len(found) == 1 else None

    def _negated(self, name: str) -> OptionText | None:
        positive = self._find(f"--{name.removeprefix('--no-')}") if name[:5] == "--no-" else None
        if positive is None:
            return None
        return OptionText((name,), "nothing", f"the opposite of: {positive.text}")

    def _short(self, word: Given) -> None:
        text = word.text
        name, equals, value = text.partition("=")
        if self._find(text) or (self._long_with_one_dash and text in self._values):
            self._with_next(self._find(text), text, word.span)
        elif equals and self._find(name) and len(name) > _SHORT:
            self._add(self._find(name), name, value, word.span)
        elif _NUMBER_OR_SIGNAL.fullmatch(text) and self._is_number(text):
            of_program = OptionText((text,), "nothing", self._number) if self._number else None
            self._add(self._find(NUMBER) or of_program, text, "", word.span)
        else:
            self._bundle(word, 1)

    def _is_number(self, text: str) -> bool:
        """Whether it is one as in `head -20` or `kill -TERM`, and no bundle of options."""
        if text[1:].isdigit():
            return self._find(text[:_SHORT]) is None
        return bool(self._number)

    def _bundle(self, word: Given, first: int) -> None:
        """Letters in one word; the one that takes a value takes the rest, or the next word."""
        text = word.text
        flag = text[:_SHORT]
        unknown = not self._find(flag) or self._long_with_one_dash
        if first and unknown and len(text) > _SHORT and flag not in self._values:
            self._add(None, text, "", word.span)  # one long option with one dash, it seems
            return
        for position in range(first, len(text)):
            name = f"-{text[position]}"
            option = (None if first else self._letter(text[position])) or self._find(name)
            start = 0 if position == first else position
            takes = option.takes if option is not None else "nothing"
            if name in self._values:
                takes = "a value"
            rest = text[position + 1 :]
            if takes != "nothing" and rest and first and self._is_value(takes, rest):
                span = (word.piece(start, position)[0], word.span[1])
                self._add(option, name, _shown(rest.removeprefix("="), word), span)
                return
            span = word.piece(start, position + 1)
            if takes == "a value" and (not rest or not first):
                self._with_next(option, name, span, certain=True)
            else:
                self._add(option, name, "", span)

    def _letter(self, letter: str) -> OptionText | None:
        """`ps aux`: letters that are options without a dash."""
        text = next((m.words[letter] for m in self._manuals if letter in m.words), "")
        return OptionText((letter,), "nothing", text) if text else None

    def _is_value(self, takes: str, rest: str) -> bool:
        """`-iname` of sed is `-i` with a suffix; `-ri` may be two options all the same."""
        return takes == "a value" or not all(self._find(f"-{letter}") for letter in rest)

    def _with_next(
        self, option: OptionText | None, name: str, span: Span, *, certain: bool = False
    ) -> None:
        takes = certain or name in self._values or (option and option.takes == "a value")
        if not takes or self._next >= len(self._words):
            self._add(option, name, "", span)
            return
        value = self._words[self._next]
        self._next += 1
        self._add(option, name, value.shown, (span[0], max(span[1], value.span[1])))

    def _add(self, option: OptionText | None, name: str, value: str, span: Span) -> None:
        names = (name, *(option.names if option is not None else ()))
        meaning = option.text if option is not None else _EVERYWHERE.get(name, "")
        self._made.options.append(Option(tuple(dict.fromkeys(names)), value, span, meaning))


def _shown(value: str, word: Given) -> str:
    """A part of a word for people; as it is written, where its text is not known."""
    if UNKNOWN not in value:
        return value
    return word.shown.partition("=")[2] or word.shown
