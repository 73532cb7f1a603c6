"""Shell text → `syntax`: the only package that knows the parser.

The grammar's nodes never leave it. What the grammar cannot read is listed in `Script.unreadable`;
what stands around it is still converted, so that a danger beside an unreadable place is found.
"""

import re
from collections.abc import Iterator

from flowd.safety.parsing.grammar import NotUnderstood, tree_of
from flowd.safety.parsing.source import Source, TooDeep
from flowd.safety.parsing.standins import TooManyCharacters
from flowd.safety.parsing.statements import statements_of
from flowd.safety.parsing.words import BRACE
from flowd.safety.syntax import Script, Span

MAX_CHARACTERS = 65_536

__all__ = ["MAX_CHARACTERS", "NotUnderstood", "hidden_characters", "parse"]

_BEFORE_COMPOUND = re.compile(
    r"((?:^|[\n;&|({]|\b(?:then|do|else))[ \t]*)((?:(?:time(?:[ \t]+-p)?|!)[ \t]+)+)"
    r"(?=(?:for|while|until|if|case|select)\s|[({]|[A-Za-z_]\w*\+?=)"
)
"""`time` or `!` before a compound command or an assignment: the grammar would take it wrong."""

_BRACE_FIRST = re.compile(r"(?<![^\s;&|(])\{(?=[^\s{}]*,[^\s{}]*\})")
"""A brace expansion where a command begins: the grammar takes it for a group of commands."""


_TESTS_ROOT = re.compile(r"((?:^|[\s(!])\[\[?\s+(?:!\s+)?-[a-zA-Z]\s+)/(?=\s+\]\]?(?:[\s;)&|]|$))")
"""`[ -d / ]`: the grammar would divide by what follows. Which folder is asked for is no matter."""

_HIDDEN = re.compile("[\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\x08\x1b]")


def parse(text: str, at: Span | None = None) -> Script:
    """Convert shell text. With `at`, every span is that one. Raises NotUnderstood."""
    if len(text) > MAX_CHARACTERS:
        raise NotUnderstood(f"it is longer than {MAX_CHARACTERS} characters")
    text = _BEFORE_COMPOUND.sub(lambda match: match[1] + " " * len(match[2]), text)
    text = _TESTS_ROOT.sub(r"\1.", text)
    try:
        source = Source(text, at, statements_of)
        root = tree_of(source.shape).root_node
        if root.has_error and _BRACE_FIRST.search(text):
            source = Source(_BRACE_FIRST.sub(BRACE, text), at, statements_of)
            root = tree_of(source.shape).root_node
        statements = tuple(statements_of(root, source))
    except TooDeep:
        raise NotUnderstood("it is nested too deeply") from None
    except TooManyCharacters:
        raise NotUnderstood("it uses too many different characters") from None
    return Script(statements, tuple(source.unreadable(root)))


def hidden_characters(text: str) -> Iterator[Span]:
    """Give the first place with a character that does not show, or that reorders what shows."""
    match = None if text.isascii() and "\x1b" not in text else _HIDDEN.search(text)
    if match:
        yield match.span()
