"""Where the shell expands text that is read as between double quotes: a scanner of our own.

The grammar overlooks backticks in here-documents and in `${x:-...}`, and in a here-document the
first expansion of all after white space. Only the ends of expansions are found here; what is
inside them goes to the grammar.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

MAX_DEPTH = 60
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]", re.ASCII)
_CLOSING = {"(": ")", "{": "}", "[": "]"}
_ESCAPED = re.compile(r"\\([$`\\])")
_ESCAPED_IN_QUOTES = re.compile(r'\\([$`\\"])')


class Piece(NamedTuple):
    """A part of a text: literal, an expansion from its `$` on, or a script between backticks.

    `start` and `end` are positions in the text; `text` of a script is as the shell will read it.
    """

    kind: Literal["literal", "expansion", "script"]
    text: str
    start: int
    end: int


class Unclosed(Exception):
    """An expansion has no end, or is nested too deeply to look for it."""


def pieces_of(text: str, *, in_quotes: bool = False) -> Iterator[Piece]:
    """Cut text where the shell expands it. `in_quotes`: it stands between double quotes.

    Raises Unclosed.
    """
    start = position = 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 2
            continue
        end = position
        if character == "`":
            end = _backtick(text, position)
        elif character == "$":
            end = _expansion(text, position)
        if end == position:
            position += 1
            continue
        if start < position:
            yield Piece("literal", text[start:position], start, position)
        inside = text[position:end]
        if character == "`":
            yield Piece("script", unescape(inside[1:-1], in_quotes=in_quotes), position, end)
        else:
            yield Piece("expansion", inside, position, end)
        start = position = end
    if start < len(text):
        yield Piece("literal", text[start:], start, len(text))


def unescape(text: str, *, in_quotes: bool) -> str:
    r"""Give a script between backticks without the backslashes that the backticks call for.

    These protect `$`, backticks and backslashes, between double quotes also `"` (POSIX 2.6.3).
    """
    return (_ESCAPED_IN_QUOTES if in_quotes else _ESCAPED).sub(r"\1", text)


def _backtick(text: str, start: int) -> int:
    """Give the position after the backtick that belongs to the one at `start`."""
    position = start + 1
    while position < len(text) and text[position] != "`":
        position += 2 if text[position] == "\\" else 1
    if position >= len(text):
        raise Unclosed
    return position + 1


def _expansion(text: str, start: int, depth: int = 0) -> int:
    """Give the position after the expansion whose `$` is at `start`; `start` when it is none."""
    opening = text[start + 1 : start + 2]
    if opening in _CLOSING and opening:
        return _closed(text, start + 2, _CLOSING[opening], depth)
    name = _NAME.match(text, start + 1)
    return start if name is None else name.end()


def _closed(text: str, position: int, closing: str, depth: int) -> int:
    """Give the position after the bracket that closes what was opened before `position`."""
    if depth > MAX_DEPTH:
        raise Unclosed
    is_script = closing == ")"
    while position < len(text):
        character = text[position]
        if character == closing:
            return position + 1
        if character == "\\":
            position += 2
        elif character == "`":
            position = _backtick(text, position)
        elif character == '"':
            position = _double_quoted(text, position + 1, depth + 1)
        elif character == "'" and is_script:
            position = text.find("'", position + 1) + 1
            if position == 0:
                raise Unclosed
        elif character == "(" and is_script:
            position = _closed(text, position + 1, ")", depth + 1)
        elif character == "$":
            position = max(_expansion(text, position, depth + 1), position + 1)
        elif character == "#" and is_script and text[position - 1] in " \t\n;(":
            position = max(text.find("\n", position), position + 1)
        else:
            position += 1
    raise Unclosed


def _double_quoted(text: str, position: int, depth: int) -> int:
    """Give the position after the quote that ends what began before `position`."""
    while position < len(text) and text[position] != '"':
        character = text[position]
        if character == "\\":
            position += 2
        elif character == "`":
            position = _backtick(text, position)
        elif character == "$":
            position = max(_expansion(text, position, depth + 1), position + 1)
        else:
            position += 1
    if position >= len(text):
        raise Unclosed
    return position + 1
