"""`${name operator argument}` on what is known of a variable."""

import re
from collections.abc import Callable
from functools import lru_cache

from flowd.safety.parsing.quoting import unescape_ansi_c
from flowd.safety.state import UNSET, Variable
from flowd.safety.value import UNKNOWN, Value, either

_LONGEST = 512
_MOST_STARS = 3
_SLICE = re.compile(r"\s*(-?\d{1,9})\s*(?::\s*(-?\d{1,9})\s*)?")


def may_be_missing(variable: Variable, *, empty_counts: bool) -> bool:
    """Whether `${x-...}` (`${x:-...}` where empty counts) may use its argument."""
    texts = variable.value.texts
    return variable.maybe_unset or (empty_counts and any(text in ("", UNKNOWN) for text in texts))


def may_be_present(variable: Variable, *, empty_counts: bool) -> bool:
    """Whether `${x+...}` (`${x:+...}` where empty counts) may use its argument."""
    return any(variable.value.texts) if empty_counts else variable != UNSET


def present(variable: Variable, *, empty_counts: bool) -> Value:
    """The variable's values where it is present."""
    texts = variable.value.texts
    kept = tuple(text for text in texts if text) if empty_counts else texts
    return Value(kept or ("",), variable.value.origins)


def edited(value: Value, operator: str, argument: Value, replacement: Value) -> Value:
    """The operators that cut, replace, slice or change case."""
    if operator == ":":
        known = (_known_slice(text, bounds) for text in value.texts for bounds in argument.texts)
        return either([Value(tuple(known), value.origins)])
    edit = _EDITS.get(operator)
    if edit is None:
        return Value((UNKNOWN,), value.origins)
    texts = tuple(
        dict.fromkeys(
            edit(text, operator, pattern, new)
            if UNKNOWN not in text + pattern and len(text) <= _LONGEST
            else UNKNOWN
            for text in value.texts
            for pattern in argument.texts
            for new in replacement.texts
        )
    )
    return either([Value(texts, value.origins | argument.origins | replacement.origins)])


@lru_cache(maxsize=256)
def glob(pattern: str) -> re.Pattern[str] | None:
    """A shell pattern as a regular expression; None when it would be too slow to match."""
    made = ""
    position = 0
    pattern = re.sub(r"\*+", "*", pattern)
    if pattern.count("*") > _MOST_STARS or len(pattern) > _LONGEST:
        return None
    while position < len(pattern):
        character = pattern[position]
        closing = pattern.find("]", position + 2) if character == "[" else -1
        if character == "*":
            made += ".*"
        elif character == "?":
            made += "."
        elif closing != -1:
            inside = pattern[position + 1 : closing].replace("\\", "\\\\").replace("[", r"\[")
            made += f"[^{inside[1:]}]" if inside[0] in "!^" and inside[1:] else f"[{inside}]"
            position = closing
        else:
            made += re.escape(character)
        position += 1
    try:
        return re.compile(made, re.DOTALL)
    except re.error:
        return None


def matches(text: str, pattern: str) -> bool | None:
    """Whether a text matches a shell pattern; None when that is not known."""
    if UNKNOWN in text or UNKNOWN in pattern or len(text) > _LONGEST:
        return None
    compiled = glob(pattern)
    return None if compiled is None else compiled.fullmatch(text) is not None


def _cut(text: str, operator: str, pattern: str, _new: str) -> str:
    compiled = glob(pattern)
    if compiled is None:
        return UNKNOWN
    lengths = range(len(text) + 1)
    longest = len(operator) == 2
    for length in reversed(lengths) if longest else lengths:
        if operator[0] == "#" and compiled.fullmatch(text, 0, length):
            return text[length:]
        if operator[0] == "%" and compiled.fullmatch(text, len(text) - length):
            return text[: len(text) - length]
    return text


def _substitute(text: str, operator: str, pattern: str, new: str) -> str:
    compiled = glob(pattern)
    if compiled is None or UNKNOWN in new:
        return UNKNOWN
    if not pattern:
        return text
    source = compiled.pattern
    if operator == "/#":
        source = rf"\A(?:{source})"
    elif operator == "/%":
        source = rf"(?:{source})\Z"
    count = 0 if operator == "//" else 1
    return re.sub(source, lambda _: new, text, count=count, flags=re.DOTALL)


def _known_slice(text: str, bounds: str) -> str:
    """`${x:start:length}`; of a text known only at its beginning, a piece from there."""
    beginning = text.partition(UNKNOWN)[0]
    made = _slice(text if UNKNOWN not in text else beginning, bounds)
    if UNKNOWN not in text:
        return made
    match = _SLICE.fullmatch(bounds)
    inside = match is not None and match[2] is not None and int(match[1]) >= 0
    if match is None or not inside or int(match[1]) + int(match[2]) > len(beginning):
        return UNKNOWN
    return made


def _slice(text: str, bounds: str) -> str:
    match = _SLICE.fullmatch(bounds)
    if not match:
        return UNKNOWN
    start = int(match[1])
    rest = text[start:] if abs(start) <= len(text) else ""
    if match[2] is None:
        return rest
    length = int(match[2])
    return rest[:length]


def _change_case(text: str, operator: str, pattern: str, _new: str) -> str:
    if pattern:
        return UNKNOWN
    change: Callable[[str], str] = str.upper if operator[0] == "^" else str.lower
    return change(text) if len(operator) == 2 else change(text[:1]) + text[1:]


def _transform(text: str, _operator: str, letter: str, _new: str) -> str:
    if letter == "E":
        return unescape_ansi_c(text)
    return {"U": text.upper(), "L": text.lower(), "u": text[:1].upper() + text[1:]}.get(
        letter, UNKNOWN
    )


_EDITS: dict[str, Callable[[str, str, str, str], str]] = {
    **dict.fromkeys(("#", "##", "%", "%%"), _cut),
    **dict.fromkeys(("/", "//", "/#", "/%"), _substitute),
    **dict.fromkeys(("^", "^^", ",", ",,"), _change_case),
    "@": _transform,
}
