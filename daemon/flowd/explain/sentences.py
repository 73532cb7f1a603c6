"""A sentence for a command, from the patterns in `programs.yaml`.

A pattern is text with places: `{1}`, `{2}` operands by number; `{all}`, `{rest}` (all but the
first), `{front}` (all but the last), `{last}`, `{words}` (all as one text); `{-C --directory}` the
value of an option; `{inner}` the sentence of the command it runs. What stands in `[…]` is left out
when a place in it is empty, or when none of the options before a `?` is given: `[-r -R? with all
that is in them]`; `|` parts what is tried one after the other, as in `[{1}|the home folder]`. A
pattern with an empty place outside of brackets does not fit, and the next one is tried.

Patterns are found by the options that must be given: `-x --extract` is any of these, `&` joins
what must all be given, `!` is for none of these, and "" always fits.
"""

import re
from collections.abc import Iterator

from flowd.explain.options import Sorted
from flowd.explain.programs import Program
from flowd.explain.words import Given

MOST_NAMED = 4
LONGEST_WORD = 60  # characters
_SEGMENT = re.compile(r"\[([^\[\]]*)\]")
_STANDS_FOR = {"{}": "it", "-": "its input"}  # what find and xargs put in; what many programs read
_ONE_WORD = re.compile(r"[\w./@%+=:,~^*?{}$…-]+")
_PLACE = re.compile(r"\{([^{}]*)\}")


class _Empty(Exception):
    """A place of a pattern has nothing to fill it."""


def sentence_of(program: Program, words: Sorted) -> str:
    """Give the verb phrase that fits first ("unpacks the archive a.tgz"), or ""."""
    for when, patterns in program.says.items():
        if not fits(when, words):
            continue
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            try:
                return " ".join(_filled(pattern, words).split())
            except _Empty:
                continue
    return ""


def roles_of(program: Program, words: Sorted) -> Iterator[str]:
    """Give what each operand is for, in order; "" where nobody says."""
    roles = program.operands
    if isinstance(roles, dict):
        roles = next((each for when, each in roles.items() if fits(when, words)), [])
    count = len(words.operands)
    for number in range(count):
        yield _role(roles, number, count)


def _role(roles: list[str], number: int, count: int) -> str:
    many = next((place for place, role in enumerate(roles) if role.endswith("...")), None)
    if many is None:
        return roles[number] if number < len(roles) else ""
    after = len(roles) - many - 1
    if number < many:
        return roles[number]
    if number >= count - after and count > many + after:
        return roles[len(roles) - (count - number)]
    return roles[many].removesuffix("...")


def fits(when: str, words: Sorted) -> bool:
    """Whether the options are given that a pattern asks for."""
    return all(_given(part.strip(), words) for part in when.split("&"))


def _given(names: str, words: Sorted) -> bool:
    if names[:1] == "!" and names[1:2] not in ("", " "):  # `!` alone is a word of find's
        return not words.has(*names[1:].split())
    return not names or words.has(*names.split())


def _filled(pattern: str, words: Sorted) -> str:
    def segment(match: re.Match[str]) -> str:
        condition, question, text = match[1].partition("?")
        if question and not fits(condition, words):
            return ""
        for alternative in (text if question else match[1]).split("|"):
            try:
                return _places(alternative, words)
            except _Empty:
                continue
        return ""

    made = ""
    position = 0
    for match in _SEGMENT.finditer(pattern):
        made += _places(pattern[position : match.start()], words) + segment(match)
        position = match.end()
    return made + _places(pattern[position:], words)


def _places(text: str, words: Sorted) -> str:
    def place(match: re.Match[str]) -> str:
        value = _value(match[1], words)
        if not value:
            raise _Empty
        return value

    return _PLACE.sub(place, text)


def _value(name: str, words: Sorted) -> str:
    operands = words.operands
    if name == "words":
        return quoted(" ".join(word.shown for word in operands)) if operands else ""
    if name == "inner":
        return words.inner
    if name.isdigit():
        return quoted(operands[int(name) - 1].shown) if len(operands) >= int(name) else ""
    if name.startswith("-") or name.endswith("="):
        value = words.value(*name.split())
        return quoted(value) if value else ""
    chosen = {"all": operands, "rest": operands[1:], "front": operands[:-1], "last": operands[-1:]}
    return listed(chosen[name])


def quoted(text: str) -> str:
    """A word as part of a sentence."""
    if text in _STANDS_FOR:
        return _STANDS_FOR[text]
    if len(text) > LONGEST_WORD:
        text = text[: LONGEST_WORD - 1] + "…"
    return text if _ONE_WORD.fullmatch(text) or text[:1] in "'\"$" else f'"{text}"'


def listed(words: list[Given]) -> str:
    """`a`, `a and b`, `a, b, c and 7 more`."""
    names = [quoted(word.shown) for word in words]
    if len(names) > MOST_NAMED:
        names = [*names[: MOST_NAMED - 1], f"{len(names) - MOST_NAMED + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
