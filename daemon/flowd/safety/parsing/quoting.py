"""What quotes, backslashes and braces make of literal text."""

import re

from flowd.safety.value import UNKNOWN

MAX_BRACE_WORDS = 64

_DOUBLE_QUOTED = re.compile(r'\\([$`"\\\n])')
_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "?": "?",
}
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|0?([0-7]{1,3})|c(.)|(.))",
    re.DOTALL,
)
_SEQUENCE = re.compile(r"(-?\d{1,15}|[A-Za-z])\.\.(-?\d{1,15}|[A-Za-z])(?:\.\.(-?\d{1,15}))?")


def unescape_double_quoted(text: str) -> str:
    """Give the text between double quotes as the program will see it."""
    if "\\" not in text:
        return text
    return _DOUBLE_QUOTED.sub(lambda match: "" if match[1] == "\n" else match[1], text)


def unescape_ansi_c(text: str) -> str:
    r"""Give the text between `$'` and `'`, or what `echo -e` and `printf` print for it.

    Escapes for characters (`\x72`, `\162`, `\u0072`) become these characters.
    """

    def replace(match: re.Match[str]) -> str:
        hexadecimal = match[1] or match[2] or match[3]
        if hexadecimal:
            return _character(int(hexadecimal, 16))
        if match[4]:
            return _character(int(match[4], 8) & 0xFF)
        if match[5]:
            return _character(ord(match[5]) & 0x1F)
        return _SIMPLE_ESCAPES.get(match[6], "\\" + match[6])

    return _ESCAPE.sub(replace, text) if "\\" in text else text


def hides_characters(text: str) -> bool:
    """Tell whether printable characters are written as numeric escapes, as `\\x72` for `r`."""
    return any(
        (code := int(match[1] or match[2] or match[3] or "0", 16) or int(match[4] or "0", 8))
        >= 0x20
        and chr(code & 0x10FFFF).isprintable()
        for match in _ESCAPE.finditer(text)
        if match[1] or match[2] or match[3] or match[4]
    )


def _character(code: int) -> str:
    return chr(code) if code <= 0x10FFFF else UNKNOWN


def expand_braces(text: str) -> list[str]:
    """Give the words of `{a,b}` and `{1..3}`; one unknown word when there would be too many."""
    if text.count("{") > MAX_BRACE_WORDS:
        return [UNKNOWN]
    words = _expand(text)
    return words if len(words) <= MAX_BRACE_WORDS else [UNKNOWN]


def _expand(text: str) -> list[str]:
    start = text.find("{")
    while start != -1:
        alternatives, end = _alternatives(text, start)
        if alternatives:
            heads = [text[:start] + inner for each in alternatives for inner in _expand(each)]
            tails = _expand(text[end:])
            if len(heads) * len(tails) > MAX_BRACE_WORDS:
                return [UNKNOWN] * (MAX_BRACE_WORDS + 1)
            return [head + tail for head in heads for tail in tails]
        start = text.find("{", start + 1)
    return [text]


def _alternatives(text: str, start: int) -> tuple[list[str], int]:
    """Give what the brace at `start` may become, and the position after its end."""
    depth = 0
    cuts = [start + 1]
    for position in range(start, len(text)):
        character = text[position]
        if character == "{":
            depth += 1
        elif character == "," and depth == 1:
            cuts.append(position + 1)
        elif character == "}":
            depth -= 1
            if depth == 0:
                if len(cuts) > 1:
                    ends = [cut - 1 for cut in cuts[1:]] + [position]
                    return [text[a:b] for a, b in zip(cuts, ends, strict=True)], position + 1
                return _sequence(text[start + 1 : position]), position + 1
    return [], len(text)


def _sequence(text: str) -> list[str]:
    match = _SEQUENCE.fullmatch(text)
    if not match:
        return []
    first, last, step_text = match[1], match[2], match[3]
    numbers = not (first.isalpha() or last.isalpha())
    if not numbers and not (first.isalpha() and last.isalpha()):
        return []
    low, high = (int(first), int(last)) if numbers else (ord(first), ord(last))
    step = abs(int(step_text or "1")) or 1
    if abs(high - low) // step >= MAX_BRACE_WORDS:
        return [UNKNOWN]
    values = range(low, high + 1, step) if low <= high else range(low, high - 1, -step)
    return [str(value) if numbers else chr(value) for value in values]
