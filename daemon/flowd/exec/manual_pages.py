"""The source of a manual page (macros of man or mdoc) → its one line, and its paragraphs with tags.

Only what tells options apart is understood; tables and lists stay text.
"""

import re

from msgspec import Struct

from flowd.exec.roff import ALTERNATING, FONTS, MDOC_TEXT, arguments, clean, mdoc, plain_lines

LONGEST_TEXT = 240  # characters of a description: its first sentence, or as much of it
LONGEST_TAG = 300
_SHORT_SENTENCE = 25  # one that is shorter says little without the next
_SAYS_WHAT_IS_NOT = ("By default", "Normally")  # the next sentence says what the option does
_TAG_BEFORE_INDENT = re.compile(r"[-+]|[a-z][\w-]*(?: |=|$)")

_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)(?<! vs)(?<!etc)[.!?:](?=\s+[\"'(A-Z-])")


class Entry(Struct, frozen=True):
    """A paragraph with its tag: `-f, --file=ARCHIVE` and the beginning of what is said of it."""

    tag: str
    text: str


class Page(Struct, frozen=True):
    """A manual page: what its NAME section says of the program, and its entries in order."""

    about: str
    entries: tuple[Entry, ...]


def read_page(source: str) -> Page:
    """Read the source of a page; what is not understood is left out."""
    reader = _Reader()
    for line in plain_lines(source):
        reader.take(line)
    reader.end_entry()
    return Page(first_sentence(reader.about), tuple(reader.entries))


def first_sentence(text: str) -> str:
    """Give the first sentence that says something, on one line."""
    text = " ".join(text.split())
    ends = list(_SENTENCE_END.finditer(text))
    for end in ends[1:] if text.startswith(_SAYS_WHAT_IS_NOT) else ends:
        if end.end() >= _SHORT_SENTENCE:
            text = text[: end.start()] if end[0] == ":" else text[: end.end()]
            break
    if len(text) <= LONGEST_TEXT:
        return text
    return text[:LONGEST_TEXT].rpartition(" ")[0].rstrip(" ,;:") + " …"


_BREAKS = frozenset(("PP", "P", "LP", "Pp", "Bl", "El", "Bd", "Ed"))


class _Reader:
    """Goes through the lines once; `tag` is what the paragraph being read is about."""

    def __init__(self) -> None:
        self.about = ""
        self.entries: list[Entry] = []
        self._section = ""
        self._tags: list[str] = []
        self._body: list[str] = []
        self._next_is: str = ""  # "tag", of one line; "hanging", up to a macro; "longer tag"
        self._program = ""

    def take(self, line: str) -> None:
        """Take the next line."""
        if line[:1] in (".", "'"):
            match = re.match(r"[.']\s*([A-Za-z]+)\s*(.*)", line)
            if match is not None:
                self._macro(match[1], match[2])
            return
        self._text(clean(line))

    def end_entry(self) -> None:
        """Keep what was read of an entry."""
        if self._tags and self._body and len(self._tags) < 12:
            tag = ", ".join(self._tags)[:LONGEST_TAG]
            self.entries.append(Entry(tag, first_sentence(" ".join(self._body))))
        self._tags, self._body, self._next_is = [], [], ""

    def _text(self, text: str) -> None:
        if self._section == "NAME":
            if not self.about and re.search(r"\s-+\s|^-+\s", text):
                self.about = re.split(r"\s-+\s|^-+\s", text, maxsplit=1)[1]
            elif self.about:
                self.about += " " + text
            return
        if not text.strip():
            self._end_paragraph()
        elif self._next_is == "tag":
            self._tags.append(text.strip())
            self._next_is = ""
        elif self._next_is == "hanging":
            self._tags.append(text.strip())
        elif self._next_is == "longer tag":
            self._tags[-1] += f" {text.strip()}"
        else:
            self._body.append(text.strip())

    def _end_paragraph(self) -> None:
        """A break within an entry: its first paragraph is enough."""
        if self._tags and self._body:
            self.end_entry()
        elif not self._tags:
            self._body = []

    def _macro(self, name: str, rest: str) -> None:
        if name in ("SH", "SS", "Sh", "Ss"):
            self.end_entry()
            self._section = clean(" ".join(arguments(rest))).strip().upper()
        elif name == "TP":
            self.end_entry()
            self._next_is = "tag"
        elif name == "TQ":
            self._next_is = "tag"
        elif name == "HP":
            self.end_entry()
            self._next_is = "hanging"
        elif name == "IP":
            self._indented(arguments(rest))
        elif name == "It":
            if self._body:
                self.end_entry()
            self._tags.append(mdoc(rest.removesuffix("Xo").rstrip(), self._program))
            self._next_is = "longer tag" if rest.endswith("Xo") else ""
        elif name == "Xc":
            self._next_is = ""
        elif name in ("RS", "RE"):
            self._indent(deeper=name == "RS")
        elif name in _BREAKS:
            if name in ("PP", "P", "LP", "El"):
                self.end_entry()
            else:
                self._end_paragraph()
        elif name == "sp":
            self._end_paragraph()
        elif name == "br" and not self._tags and self._body:
            self._body[-1] += ","  # names of one option, each on its line
        elif name in ALTERNATING:
            self._text(clean("".join(arguments(rest))))
        elif name in FONTS:
            self._text(clean(" ".join(arguments(rest))))
        else:
            self._mdoc_macro(name, rest)

    def _mdoc_macro(self, name: str, rest: str) -> None:
        if name == "Nd":
            self.about = clean(rest)
        elif name == "Nm" and self._section == "NAME":
            self._program = self._program or rest.strip()
        elif name in MDOC_TEXT:
            self._text(mdoc(f"{name} {rest}", self._program))

    def _indented(self, arguments: list[str]) -> None:
        tag = clean(arguments[0]).strip() if arguments else ""
        if self._next_is == "hanging":
            self._next_is = ""
        elif tag and tag not in "*-o" and not re.fullmatch(r"\d+[.)]?", tag):
            if self._body or not self._tags:
                self.end_entry()
            self._tags.append(tag)
        else:
            self._end_paragraph()

    def _indent(self, *, deeper: bool) -> None:
        """What stands before an indented paragraph may be its tag (as asciidoc writes them)."""
        before = " ".join(self._body)
        if not deeper or self._tags:
            if self._body or not deeper:
                self.end_entry()
        elif len(before) <= LONGEST_TAG and _TAG_BEFORE_INDENT.match(before):
            self._tags, self._body = [before.rstrip(",")], []
        else:
            self._body = []
