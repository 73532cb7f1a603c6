"""The text being converted: bytes for the grammar, characters for everybody else."""

from collections.abc import Callable

import tree_sitter

from flowd.safety.syntax import Script, Span, Statement

MAX_DEPTH = 60


class TooDeep(Exception):
    """Statements or substitutions are nested beyond MAX_DEPTH."""


class Source:
    """Reads nodes' text and spans; remembers depth and which grammar errors were put right.

    `convert` makes statements of a node's children: words need it for the scripts inside them.
    """

    def __init__(
        self,
        text: str,
        at: Span | None,
        convert: Callable[[tree_sitter.Node, "Source"], list[Statement]],
    ):
        data = text.encode("utf-8", "replace")
        self.data = data
        self.at = at
        self._convert = convert
        self.repaired: set[int] = set()
        self._depth = 0
        self._offsets = None if len(data) == len(text) else _character_offsets(data)

    def text(self, node: tree_sitter.Node) -> str:
        """The node's source text."""
        return self.slice(node.start_byte, node.end_byte)

    def slice(self, start: int, end: int) -> str:
        """The source text between two byte positions."""
        return self.data[start:end].decode("utf-8", "replace")

    def script(self, node: tree_sitter.Node) -> Script:
        """The statements among the node's children."""
        return Script(tuple(self._convert(node, self)))

    def span(self, node: tree_sitter.Node) -> Span:
        """Where the node stands, in characters."""
        return self.span_between(node.start_byte, node.end_byte)

    def span_between(self, start: int, end: int) -> Span:
        """Two byte positions as characters."""
        if self.at is not None:
            return self.at
        if self._offsets is None:
            return (start, end)
        return (self._offsets[start], self._offsets[end])

    def enter(self) -> None:
        """Go one level down; raises TooDeep. Every call is paired with `leave`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooDeep

    def leave(self) -> None:
        """Come back up."""
        self._depth -= 1


def _character_offsets(data: bytes) -> list[int]:
    """For every byte position, the number of characters that start before it."""
    offsets = []
    characters = 0
    for byte in data:
        offsets.append(characters)
        characters += byte & 0xC0 != 0x80
    offsets.append(characters)
    return offsets
