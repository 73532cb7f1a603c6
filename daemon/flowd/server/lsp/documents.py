"""The texts an editor has open, as it sees them.

pygls has such a model; it splits lines at characters that are no line ends in the protocol (form
feed, U+2028), so positions would drift, and splits the whole text at every look at it.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from urllib.parse import unquote, urlsplit

from lsprotocol import types

MAX_DOCUMENT_CHARACTERS = 2_000_000
MAX_OPEN_CHARACTERS = 32_000_000
MAX_OPEN_DOCUMENTS = 1_000

_LINE_END = re.compile(r"\r\n|\r|\n")
_IS_WORKFLOW = re.compile(r"^flow:[ \t]*1\b", re.MULTILINE)

Change = types.TextDocumentContentChangePartial | types.TextDocumentContentChangeWholeDocument
Encoding = types.PositionEncodingKind | str


class Text:
    """One state of a text. Offsets count characters, positions as the client counts."""

    def __init__(self, text: str, encoding: Encoding) -> None:
        self.text = text
        self._encoding = encoding

    @cached_property
    def line_starts(self) -> list[int]:
        """The offset each line begins at."""
        return [0, *(found.end() for found in _LINE_END.finditer(self.text))]

    def line(self, number: int) -> str:
        """The text of a line without its end; empty when there is no such line."""
        if not 0 <= number < len(self.line_starts):
            return ""
        start = self.line_starts[number]
        last = number + 1 == len(self.line_starts)
        end = len(self.text) if last else self.line_starts[number + 1]
        return self.text[start:end].rstrip("\r\n")

    def offset(self, position: types.Position) -> int:
        """Give the offset of a position; one beyond a line's end, or the text's, is that end."""
        if position.line >= len(self.line_starts):
            return len(self.text)
        line = self.line(position.line)
        return self.line_starts[position.line] + _characters(
            line, position.character, self._encoding
        )

    def position(self, offset: int) -> types.Position:
        """Give the position of an offset."""
        line = bisect_right(self.line_starts, offset) - 1
        before = self.text[self.line_starts[line] : offset]
        return types.Position(line, _units(before, self._encoding))

    def range(self, start: int, end: int) -> types.Range:
        """Give the range of two offsets."""
        return types.Range(self.position(start), self.position(end))

    def place(self, line: int, column: int) -> int:
        """Give the offset of a line and column that count from 1, in characters."""
        if line > len(self.line_starts):
            return len(self.text)
        return min(self.line_starts[line - 1] + column - 1, len(self.text))

    def between(self, chosen: types.Range) -> str:
        """The text of a range."""
        return self.text[self.offset(chosen.start) : self.offset(chosen.end)]


class Document(Text):
    """An open text. `revision` grows with every change; `too_large` ones are not kept at all."""

    def __init__(self, opened: types.TextDocumentItem, encoding: Encoding, budget: int) -> None:
        super().__init__("", encoding)
        self.uri = opened.uri
        self.language = opened.language_id
        self.version: int | None = opened.version
        self.revision = 0
        self.too_large = False
        self._replace(opened.text, budget)

    @property
    def is_workflow(self) -> bool:
        """Whether this is a workflow file to look at, by its name or by how it begins."""
        if self.too_large:
            return False
        name = urlsplit(self.uri).path.lower()
        if name.endswith((".flow.yaml", ".flow.yml")):
            return True
        return self.language == "yaml" and _IS_WORKFLOW.search(self.text, 0, 10_000) is not None

    def apply(self, changes: Sequence[Change], version: int | None, budget: int) -> None:
        """Take changes in order. `budget` is how many characters the text may come to have."""
        self.version = version
        for change in changes:
            if isinstance(change, types.TextDocumentContentChangeWholeDocument):
                self._replace(change.text, budget)
            elif not self.too_large:
                start = self.offset(change.range.start)
                end = max(start, self.offset(change.range.end))
                self._replace(self.text[:start] + change.text + self.text[end:], budget)

    def _replace(self, text: str, budget: int) -> None:
        self.too_large = len(text) > min(budget, MAX_DOCUMENT_CHARACTERS)
        self.text = "" if self.too_large else text
        self.revision += 1
        self.__dict__.pop("line_starts", None)


class Documents:
    """All open texts of one client, within bounds: what is beyond them is not looked at."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._open: dict[str, Document] = {}

    def get(self, uri: str) -> Document | None:
        """The open text of that name."""
        return self._open.get(uri)

    def open(self, opened: types.TextDocumentItem) -> Document:
        """Begin to keep a text; opening it again replaces it."""
        self._open.pop(opened.uri, None)
        full = len(self._open) >= MAX_OPEN_DOCUMENTS
        document = Document(opened, self._encoding, 0 if full else self._budget(None))
        if not full:
            self._open[opened.uri] = document
        return document

    def change(self, params: types.DidChangeTextDocumentParams) -> Document | None:
        """Take changes; None when the text is not open."""
        document = self._open.get(params.text_document.uri)
        if document is not None:
            budget = self._budget(document)
            document.apply(params.content_changes, params.text_document.version, budget)
        return document

    def close(self, uri: str) -> None:
        """Forget a text."""
        self._open.pop(uri, None)

    def _budget(self, beside: Document | None) -> int:
        others = (document for document in self._open.values() if document is not beside)
        return MAX_OPEN_CHARACTERS - sum(len(document.text) for document in others)


def path_of(uri: str) -> str | None:
    """Give the path of a `file:` URI, None for another one."""
    parts = urlsplit(uri)
    return unquote(parts.path) if parts.scheme == "file" and parts.path else None


def _units(text: str, encoding: Encoding) -> int:
    """Count text as the client does."""
    if encoding == types.PositionEncodingKind.Utf32:
        return len(text)
    if encoding == types.PositionEncodingKind.Utf8:
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _characters(line: str, units: int, encoding: Encoding) -> int:
    """Count the characters in the first `units` of a line; half a character is not counted."""
    if encoding == types.PositionEncodingKind.Utf32 or line.isascii():
        return min(units, len(line))
    codec, width = ("utf-8", 1) if encoding == types.PositionEncodingKind.Utf8 else ("utf-16-le", 2)
    head = line.encode(codec, "surrogatepass")[: units * width]
    return len(head.decode(codec, "ignore"))
