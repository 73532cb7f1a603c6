"""The text being converted: bytes for the grammar, characters for everybody else."""

import re
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
        kept = _without_continuations(text)
        data = (text if kept is None else "".join(text[i] for i in kept)).encode("utf-8", "replace")
        self.data = data
        self.at = at
        self._convert = convert
        self.repaired: set[int] = set()
        self._depth = 0
        self._offsets = None if len(data) == len(text) else _character_offsets(data, kept)

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


_CONTINUED = re.compile(r"\\(.)", re.DOTALL)
_COMMENT = re.compile(r"(?:^|\s)#")


def _without_continuations(text: str) -> list[int] | None:
    """Positions that stay when lines broken inside a word are joined; None when there are none.

    The grammar would make two words of one. A comment is not continued by a backslash.
    """
    if "\\\n" not in text:
        return None
    dropped: set[int] = set()
    for match in _CONTINUED.finditer(text):
        start, end = match.span()
        inside = text[start - 1 : start].strip() and text[end : end + 1].strip()
        line = text[text.rfind("\n", 0, start) + 1 : start]
        if match[1] == "\n" and inside and not _COMMENT.search(line):
            dropped.update((start, start + 1))
    return [position for position in range(len(text)) if position not in dropped]


def _character_offsets(data: bytes, kept: list[int] | None) -> list[int]:
    """For every byte position, the position of its character in the text."""
    offsets = []
    characters = -1
    for byte in data:
        characters += byte & 0xC0 != 0x80
        offsets.append(characters)
    offsets.append(characters + 1)
    if kept is None:
        return offsets
    end = kept[-1] + 1 if kept else 0
    return [kept[offset] if offset < len(kept) else end for offset in offsets]
