"""Shell text → `syntax`: the only package that knows the parser.

The grammar's nodes never leave it. What the grammar cannot read is listed in `Script.unreadable`;
what stands around it is still converted, so that a danger beside an unreadable place is found.
"""

import re
import time
from collections.abc import Iterator

import tree_sitter
import tree_sitter_bash

from flowd.safety.parsing.source import Source, TooDeep
from flowd.safety.parsing.statements import statements_of
from flowd.safety.parsing.words import BRACE
from flowd.safety.syntax import Script, Span

MAX_CHARACTERS = 65_536
PARSE_SECONDS = 0.25
_CHUNK_BYTES = 2048

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


_BRACE_FIRST = re.compile(r"(?<![^\s;&|(])\{(?=[^\s{}]*,[^\s{}]*\})")
"""A brace expansion where a command begins: the grammar takes it for a group of commands."""


_HIDDEN = re.compile("[\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069\x08\x1b]")


class NotUnderstood(Exception):
    """The text is too long, too deeply nested, or takes too long to parse; the text says which."""


def parse(text: str, at: Span | None = None) -> Script:
    """Convert shell text. With `at`, every span is that one. Raises NotUnderstood."""
    if len(text) > MAX_CHARACTERS:
        raise NotUnderstood(f"it is longer than {MAX_CHARACTERS} characters")
    source = Source(text, at, statements_of)
    root = _parse_in_time(source.data).root_node
    if root.has_error and _BRACE_FIRST.search(text):
        source = Source(_BRACE_FIRST.sub(BRACE, text), at, statements_of)
        root = _parse_in_time(source.data).root_node
    try:
        statements = tuple(statements_of(root, source))
    except TooDeep:
        raise NotUnderstood("it is nested too deeply") from None
    if not root.has_error:
        return Script(statements)
    errors = (node for node in _errors(root) if node.id not in source.repaired)
    return Script(statements, tuple(source.span(node) for node in errors))


def hidden_characters(text: str) -> Iterator[Span]:
    """Give the first place with a character that does not show, or that reorders what shows."""
    match = None if text.isascii() and "\x1b" not in text else _HIDDEN.search(text)
    if match:
        yield match.span()


def _parse_in_time(data: bytes) -> tree_sitter.Tree:
    """Parse; when the time is over, the text simply ends for the parser."""
    deadline = time.monotonic() + PARSE_SECONDS
    late = False

    def read(offset: int, _point: object) -> bytes:
        nonlocal late
        late = late or time.monotonic() > deadline
        return b"" if late else data[offset : offset + _CHUNK_BYTES]

    tree = _PARSER.parse(read, encoding="utf8")
    if late:
        raise NotUnderstood("it takes too long to parse")
    return tree


def _errors(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            stack.extend(reversed(node.children))
