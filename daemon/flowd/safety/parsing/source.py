"""The text being converted: bytes for the grammar, characters for everybody else."""

import re
from collections.abc import Callable, Iterator

import tree_sitter

from flowd.safety.parsing.grammar import errors_in, tree_of
from flowd.safety.parsing.standins import bearable
from flowd.safety.syntax import Script, Span, Statement

MAX_DEPTH = 60


class TooDeep(Exception):
    """Statements or substitutions are nested beyond MAX_DEPTH."""


class Source:
    """Reads nodes' text and spans; remembers depth and which grammar errors were put right.

    `shape` is what the grammar reads, in bytes: the text with stand-ins (see `standins`) and a
    little more between some backticks. Positions are always those in `shape`.
    `lost` are places beside those that the grammar could not read.
    `convert` makes statements of a node's children: words need it for the scripts inside them.
    """

    def __init__(
        self,
        text: str,
        at: Span | None,
        convert: Callable[[tree_sitter.Node, "Source"], list[Statement]],
    ):
        kept = _without_continuations(text)
        joined = text if kept is None else "".join(text[i] for i in kept)
        self._data = joined.encode("utf-8", "replace")
        self.shape, self._places = _backticks_apart(bearable(self._data.decode()).encode())
        self.at = at
        self._convert = convert
        self.repaired: set[int] = set()
        self.lost: list[Span] = []
        self._depth = 0
        self._inner: list[tuple[Source, tree_sitter.Node]] = []
        plain = len(self._data) == len(text)
        self._offsets = None if plain else _character_offsets(self._data, kept)

    def text(self, node: tree_sitter.Node) -> str:
        """The node's source text."""
        return self.slice(node.start_byte, node.end_byte)

    def slice(self, start: int, end: int) -> str:
        """The source text between two byte positions."""
        if self._places is not None:
            start, end = self._places[start], self._places[end]
        return self._data[start:end].decode("utf-8", "replace")

    def script(self, node: tree_sitter.Node) -> Script:
        """The statements among the node's children."""
        return Script(tuple(self._convert(node, self)))

    def inside(self, text: str, span: Span) -> tuple["Source", tree_sitter.Node]:
        """Parse text that stands in this one in another form; everything in it has this span."""
        inner = Source(text, self.at or span, self._convert)
        inner._depth = self._depth
        inner.enter()
        root = tree_of(inner.shape).root_node
        self._inner.append((inner, root))
        return inner, root

    def unreadable(self, root: tree_sitter.Node) -> Iterator[Span]:
        """Give the places that could not be read, here and inside."""
        for node in errors_in(root) if root.has_error else ():
            if node.id not in self.repaired:
                yield self.span(node)
        yield from self.lost
        for inner, inner_root in self._inner:
            yield from inner.unreadable(inner_root)

    def span(self, node: tree_sitter.Node) -> Span:
        """Where the node stands, in characters."""
        return self.span_between(node.start_byte, node.end_byte)

    def span_between(self, start: int, end: int) -> Span:
        """Two byte positions as characters."""
        if self.at is not None:
            return self.at
        if self._places is not None:
            start, end = self._places[start], self._places[end]
        if self._offsets is None:
            return (start, end)
        return (self._offsets[start], self._offsets[end])

    def span_within(self, start: int, end: int, before: str, text: str) -> Span:
        """The span of `text`, which comes after `before` in what stands between two positions."""
        if self.at is not None or self._places is not None:
            return self.span_between(start, end)
        first = start + len(before.encode("utf-8", "replace"))
        return self.span_between(first, first + len(text.encode("utf-8", "replace")))

    def enter(self) -> None:
        """Go one level down; raises TooDeep. Every call is paired with `leave`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise TooDeep

    def leave(self) -> None:
        """Come back up."""
        self._depth -= 1


_BESIDE_ANOTHER = re.compile(rb"`(?=(\s*)`)")
_WHITE_SPACE = rb"\ "  # to the grammar; it does not end a comment or a here-document's line
_NOTHING = b'""'


def _backticks_apart(shape: bytes) -> tuple[bytes, list[int] | None]:
    """Put something after a backtick that another one follows, to no effect but to part them.

    The grammar takes the end of one `...` and the beginning of the next for one word, and so the
    second command for arguments of the first. Gives for every position now the one before, too.
    """
    pieces: list[bytes] = []
    places: list[int] = []
    position = 0
    for match in _BESIDE_ANOTHER.finditer(shape):
        between = _WHITE_SPACE if match[1] else _NOTHING
        pieces += [shape[position : match.end()], between]
        places.extend(range(position, match.end()))
        places.extend([match.end()] * len(between))
        position = match.end()
    if not pieces:
        return shape, None
    places.extend(range(position, len(shape) + 1))
    return b"".join([*pieces, shape[position:]]), places


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
