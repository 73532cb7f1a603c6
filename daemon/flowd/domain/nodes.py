"""YAML text as a tree that knows where every piece stands, within fixed bounds.

The tree is built from libyaml's events and not by its composer, which recurses: a file of a hundred
thousand brackets would take the daemon with it. Scalars stay text; what they mean is decided by the
type that is wanted where they stand, so a version 1.10 never turns into the number 1.1.
"""

import itertools
import re
from collections.abc import Iterator
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence as SequenceABC

import yaml
from msgspec import Struct

MAX_TEXT_CHARACTERS = 4 * 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 32

_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Scalar(Struct):
    """Text. `plain` says that it stood without quotes, so it may also be a number or true.

    `style` is YAML's: "" for plain, a quote character, "|" or ">" for blocks.
    """

    text: str
    span: tuple[int, int]
    plain: bool
    style: str = ""
    size: int = 1


class Sequence(Struct):
    """A list. `size` counts the nodes in it, those reached through aliases each time."""

    items: "list[Node]"
    span: tuple[int, int]
    size: int = 1


class Mapping(Struct):
    """Keys with values, in order; the same key may be there twice."""

    entries: "list[tuple[Scalar, Node]]"
    span: tuple[int, int]
    size: int = 1


Node = Scalar | Sequence | Mapping


class Unreadable(Exception):
    """The text is not YAML, or not the part of YAML the language uses."""

    def __init__(self, message: str, fix: str, span: tuple[int, int]):
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.span = span


def read_nodes(text: str) -> Node:
    """Build the tree of one YAML document. Unreadable says where and why not."""
    offset = 1 if text.startswith("\ufeff") else 0
    if len(text) > MAX_TEXT_CHARACTERS:
        raise Unreadable(
            f"the file is longer than {MAX_TEXT_CHARACTERS:,} characters",
            "move long scripts to files of their own and call them",
            (0, 0),
        )
    strange = _NOT_YAML.search(text, offset)
    if strange is not None:
        code = ord(strange.group())
        what = "a byte that is not UTF-8" if 0xDC80 <= code <= 0xDCFF else f"character U+{code:04X}"
        raise Unreadable(f"{what} may not stand in a workflow file", "remove it", strange.span())
    return _Builder(text, offset).build()


class _Builder:
    """Turns events into nodes without recursion."""

    def __init__(self, text: str, offset: int) -> None:
        self._text = text
        self._offset = offset
        self._open: list[tuple[Sequence | Mapping, str | None, Scalar | None]] = []
        self._anchors: dict[str, Node | None] = {}
        self._root: Node | None = None
        self._pending_key: Scalar | None = None

    def build(self) -> Node:
        loader = yaml.CBaseLoader(self._text[self._offset :])
        try:
            while loader.check_event():
                event = loader.get_event()
                assert event is not None
                self._take(event)
        except yaml.MarkedYAMLError as error:
            raise self._syntax_error(error) from None
        finally:
            loader.dispose()
        if self._root is None:
            raise Unreadable(
                "there is no workflow here: the file is empty",
                "start it with `flow: 1`, a `name:` and `steps:`",
                (0, 0),
            )
        return self._root

    def _take(self, event: yaml.Event) -> None:
        assert event.start_mark is not None
        assert event.end_mark is not None
        span = (event.start_mark.index + self._offset, event.end_mark.index + self._offset)
        if isinstance(event, yaml.ScalarEvent):
            if event.tag:
                raise _tagged(event.tag, span)
            node = Scalar(event.value, span, event.implicit[0], event.style or "")
            self._place(node, event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            if event.tag:
                raise _tagged(event.tag, span)
            self._begin(event, span)
        elif isinstance(event, yaml.CollectionEndEvent):
            collection, anchor, self._pending_key = self._open.pop()
            collection.span = (collection.span[0], span[1])
            self._place(collection, anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._place_alias(str(event.anchor), span)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            raise Unreadable(
                "a second document begins here",
                "keep one workflow a file: remove the `---` and what follows",
                span,
            )

    def _begin(self, event: yaml.CollectionStartEvent, span: tuple[int, int]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unreadable(
                f"lists and maps are nested more than {MAX_DEPTH} deep",
                "a workflow needs six levels: look for a stray [ or {",
                span,
            )
        is_sequence = isinstance(event, yaml.SequenceStartEvent)
        node: Sequence | Mapping = Sequence([], span) if is_sequence else Mapping([], span)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append((node, event.anchor, self._pending_key))
        self._pending_key = None

    def _place_alias(self, anchor: str, span: tuple[int, int]) -> None:
        if anchor not in self._anchors:
            raise Unreadable(
                f"*{anchor} refers to nothing", f"put &{anchor} on the value it stands for", span
            )
        target = self._anchors[anchor]
        if target is None:
            raise Unreadable(f"*{anchor} stands inside &{anchor} itself", "write it out", span)
        self._place(target, None)

    def _place(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1][0]
        parent.size += node.size
        if parent.size > MAX_NODES:
            raise _too_many(node.span)
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif self._pending_key is not None:
            parent.entries.append((self._pending_key, node))
            self._pending_key = None
        elif isinstance(node, Scalar):
            self._pending_key = node
        else:
            raise Unreadable("a key must be text", "write `key: value`", node.span)

    def _syntax_error(self, error: yaml.MarkedYAMLError) -> Unreadable:
        problem = error.problem or ""
        where = error.problem_mark or error.context_mark
        if "end of stream" in problem and error.context_mark is not None:
            where = error.context_mark  # where the quote was opened helps, the end of file does not
        index = (where.index if where is not None else 0) + self._offset
        at = self._text[index : index + 1]
        span = (index, index + len(at))
        if at == "\t":
            return Unreadable("a tab stands where YAML wants blanks", "indent with spaces", span)
        if "start any token" in problem:
            return Unreadable(
                f"a value may not begin with {at}", "put quotes round the value", span
            )
        for known, message, fix in _SYNTAX_ERRORS:
            if known in problem:
                return Unreadable(message, fix, span)
        return Unreadable(f"not valid YAML: {problem}", "check the indentation and quotes", span)


def _too_many(span: tuple[int, int]) -> Unreadable:
    return Unreadable(
        f"the workflow holds more than {MAX_NODES:,} values (aliases count each time)",
        "split it into several workflows, or use fewer aliases",
        span,
    )


def _tagged(tag: str, span: tuple[int, int]) -> Unreadable:
    return Unreadable(f"the tag {tag} is not part of the language", "remove the tag", span)


_SYNTAX_ERRORS = (
    ("mapping values are not allowed", "a colon stands where no key can be",
     "put quotes round a value with a colon in it, or mend the indentation"),
    ("end of stream", "a quote is opened and never closed", "close it"),
    ("document indicator", "a quote is opened and never closed", "close it"),
    ("expected node content", "a list or map is opened and never closed", "close the [ or {"),
    ("expected ',' or", "a list or map is opened and never closed", "close the [ or {"),
    ("expected '-' indicator", "this line does not continue the list above it",
     "indent it like the text it belongs to, or begin it with a dash"),
    ("expected key", "this line does not fit under the lines above it",
     "indent it like its neighbours; put quotes round a value that begins with a quote"),
    ("expected ':'", "a key without a colon", "write `key: value`"),
    ("unknown escape", "a backslash in double quotes must be one of YAML's escapes",
     "use single quotes, or a | block"),
    ("block sequence entries are not allowed", "a list item cannot begin here",
     "begin the list on a line of its own"),
    ("found character that cannot", "this character cannot stand here", "put quotes round it"),
)  # fmt: skip


def nodes_of(value: object) -> Node:
    """Build the tree of JSON-shaped input, so that one set of checks serves both.

    Numbers and true become plain scalars, text a quoted one. Unreadable for what is not JSON, and
    beyond the bounds a text has.
    """
    return _node_of(value, 0, itertools.count(1))


def _node_of(value: object, depth: int, numbers: Iterator[int]) -> Node:
    if next(numbers) > MAX_NODES:
        raise _too_many((0, 0))
    if depth > MAX_DEPTH:
        raise Unreadable(
            f"lists and maps are nested more than {MAX_DEPTH} deep", "flatten it", (0, 0)
        )
    if value is None:
        return Scalar("null", (0, 0), True)
    if isinstance(value, bool):
        return Scalar("true" if value else "false", (0, 0), True)
    if isinstance(value, int | float):
        return Scalar(_number_text(value), (0, 0), True)
    if isinstance(value, str):
        return Scalar(value, (0, 0), False)
    if isinstance(value, MappingABC):
        return Mapping(
            [
                (Scalar(str(key), (0, 0), False), _node_of(item, depth + 1, numbers))
                for key, item in value.items()
            ],
            (0, 0),
        )
    if isinstance(value, SequenceABC) and not isinstance(value, bytes | bytearray):
        return Sequence([_node_of(item, depth + 1, numbers) for item in value], (0, 0))
    raise Unreadable(f"{type(value).__name__} is not a JSON type", "use text or numbers", (0, 0))


def _number_text(value: int | float) -> str:
    if value in (float("inf"), float("-inf")) or value != value:
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    if abs(value) >= 1e300:
        raise Unreadable("a number is too large", "give a smaller one", (0, 0))
    return str(value)


def focus(node: Node) -> tuple[int, int]:
    """Give the characters to point at: of a collection its first key, not its whole text."""
    if isinstance(node, Mapping) and node.entries:
        return node.entries[0][0].span
    if isinstance(node, Sequence) and node.items:
        return focus(node.items[0])
    return node.span


def find_node(root: Node, path: tuple[str | int, ...]) -> Node:
    """Give the node at `path`, or the nearest one above it that is there."""
    node = root
    for part in path:
        below: Node | None = None
        if isinstance(part, int) and isinstance(node, Sequence) and part < len(node.items):
            below = node.items[part]
        elif isinstance(node, Mapping):
            below = next((value for key, value in node.entries if key.text == part), None)
        if below is None:
            return node
        node = below
    return node


def span_inside(node: Scalar, source: str, start: int, end: int) -> tuple[int, int] | None:
    """Give where the characters [start, end) of a scalar's text stand in the source.

    None when they do not stand there as they are (folded lines, escapes, JSON-shaped input).
    """
    if node.style != "|":
        quote = 0 if node.plain else 1
        begin, finish = node.span[0] + quote, node.span[1] - quote
        unchanged = source[begin:finish] == node.text
        return (begin + start, begin + end) if unchanged and node.text else None
    places = [_place_in_block(node, source, offset) for offset in (start, end)]
    if places[0] is None or places[1] is None:
        return None
    return places[0], places[1]


def _place_in_block(node: Scalar, source: str, offset: int) -> int | None:
    """Follow a literal block line by line: its text is the source without the indentation."""
    lines = source[node.span[0] : node.span[1]].splitlines(keepends=True)[1:]
    written = [line for line in lines if line.strip(" \r\n")]
    indent = min((len(line) - len(line.lstrip(" ")) for line in written), default=0)
    place = source.find("\n", node.span[0]) + 1
    for line, meant in zip(lines, node.text.splitlines(keepends=True), strict=False):
        if offset < len(meant) or (offset == len(meant) and not meant.endswith("\n")):
            same = line[indent:].rstrip("\r\n") == meant.rstrip("\n")
            return place + indent + offset if same else None
        offset -= len(meant)
        place += len(line)
    return place if offset == 0 else None
