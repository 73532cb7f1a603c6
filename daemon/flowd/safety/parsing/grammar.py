"""The grammar itself: bytes → tree, within a bounded time."""

import time
from collections.abc import Iterator

import tree_sitter
import tree_sitter_bash

PARSE_SECONDS = 0.25
_CHUNK_BYTES = 2048

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bash.language()))


class NotUnderstood(Exception):
    """The text is too long, too deeply nested, or takes too long to parse; the text says which."""


def tree_of(data: bytes) -> tree_sitter.Tree:
    """Parse; when the time is over, the text simply ends for the parser. NotUnderstood then."""
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


def errors_in(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Give the places that the grammar could not read."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            stack.extend(reversed(node.children))
