"""The source of a manual page (macros of man or mdoc) → its one line, and its paragraphs with tags.

No formatter is called: a machine may have none, it takes a tenth of a second, and its output hides
which words are the tag. Only what tells options apart is understood; tables and lists stay text.
"""

import re
from collections.abc import Iterator

from msgspec import Struct

LONGEST_TEXT = 240  # characters of a description: its first sentence, or as much of it
LONGEST_TAG = 300
_SHORT_SENTENCE = 25  # one that is shorter says little without the next
_SAYS_WHAT_IS_NOT = ("By default", "Normally")  # the next sentence says what the option does
_TAG_BEFORE_INDENT = re.compile(r"[-+]|[a-z][\w-]*(?: |=|$)")

_FONT = re.compile(
    r"\\(?:f(?:\[[^]]*\]|\(..|.)|[&,/:%^|cdu)]|s[-+]?\d+|m\[[^]]*\]|[hvwlL]'[^']*'|k.|z|F\[[^]]*\]|n\(?..?)"
)
_DASH = re.compile(r"\\(?:-|\(mi|\(hy|\[u2010\]|\[mi\]|\[hy\]|\(en|\[en\]|\(em|\[em\])")
_NAMED = {
    "aq": "'", "cq": "'", "oq": "'", "Aq": "'", "dq": '"', "lq": '"', "rq": '"', "Lq": '"',
    "Rq": '"', 'L"': '"', 'R"': '"', "bu": "*", "rs": "\\", "bv": "|", "ba": "|", "ha": "^",
    "ti": "~", "sh": "#", "at": "@", "lB": "[", "rB": "]", "la": "<", "ra": ">", "co": "(C)",
    "ga": "`", "->": "->", "<=": "<=", ">=": ">=", "C+": "C++",
}  # fmt: skip
_SPECIAL = re.compile(r"\\\*?(?:\((..)|\[([^]]*)\])|\\([ ~0e.'`\\])")
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\ |\S)+)')
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
    for line in _plain_lines(source):
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


# ------------------------------------------------------------------------------------------- lines

_FALSE_BLOCK = re.compile(r"[.']\s*(?:el|(?:if|ie)\s+(?!n\b)\S+.*?)\s*\\\{")
_CONDITION = re.compile(r"[.']\s*(?:if|ie)\s+n\s*(?:\\\{\\?)?\s*")
_FALSE_LINE = re.compile(r"[.']\s*(?:el\b|if\b|ie\b)")
_DEFINITION = re.compile(r"[.']\s*(?:de1?|am|ig)\b")


def _plain_lines(source: str) -> Iterator[str]:
    """The lines that a terminal would be shown, without definitions, comments and conditions."""
    within = ""
    depth = 0
    for line in source.split("\n"):
        if within == "definition":
            within = "" if re.match(r"[.']\s*\.", line) else within
        elif within == "false":
            depth += line.count("\\{") - line.count("\\}")
            within = "false" if depth > 0 else ""
        elif line.startswith(('.\\"', "'\\\"", ".\\}", '\\"')):
            continue
        elif _DEFINITION.match(line):
            within = "definition"
        elif _FALSE_BLOCK.match(line):
            depth = line.count("\\{") - line.count("\\}")
            within = "false" if depth > 0 else ""
        elif condition := _CONDITION.match(line):
            rest = line[condition.end() :].replace("\\}", "").strip("\\ ")
            if rest:
                yield rest
        elif not _FALSE_LINE.match(line):
            yield re.sub(r'\\".*', "", line)


def _clean(text: str) -> str:
    """Text without fonts, with characters for their names."""
    text = _DASH.sub("-", _FONT.sub("", text))
    return _SPECIAL.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return {"e": "\\", "\\": "\\"}.get(match[3], match[3] if match[3] in ".'`" else " ")
    return _NAMED.get(match[1] or match[2], "")


def _arguments(text: str) -> list[str]:
    return [
        (quoted.replace('""', '"') if quoted or not bare else bare)
        for quoted, bare in _ARGUMENT.findall(text)
    ]


# ------------------------------------------------------------------------------------------ macros

_ALTERNATING = frozenset(("BR", "RB", "BI", "IB", "IR", "RI"))
_FONTS = frozenset(("B", "I", "SM", "SB", "R", "CW"))
_BREAKS = frozenset(("PP", "P", "LP", "Pp", "Bl", "El", "Bd", "Ed"))
_MDOC_TEXT_TEXT = """
    Fl Ar Op Nm Pa Sy Em Li Cm Ic Dv Ev Xr Dq Sq Ql Qq Va Vt Fn Fa Ad An Er Tn Oo Oc Pq Bq Aq
    Brq Dl No Ns Sm Bx Ux At Do Dc So Sc Po Pc Lk Mt Cd Nx Fx Ox St
"""
_MDOC_TEXT = frozenset(_MDOC_TEXT_TEXT.split())


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
        self._text(_clean(line))

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
            self._section = _clean(" ".join(_arguments(rest))).strip().upper()
        elif name == "TP":
            self.end_entry()
            self._next_is = "tag"
        elif name == "TQ":
            self._next_is = "tag"
        elif name == "HP":
            self.end_entry()
            self._next_is = "hanging"
        elif name == "IP":
            self._indented(_arguments(rest))
        elif name == "It":
            if self._body:
                self.end_entry()
            self._tags.append(_mdoc(rest.removesuffix("Xo").rstrip(), self._program))
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
        elif name in _ALTERNATING:
            self._text(_clean("".join(_arguments(rest))))
        elif name in _FONTS:
            self._text(_clean(" ".join(_arguments(rest))))
        else:
            self._mdoc_macro(name, rest)

    def _mdoc_macro(self, name: str, rest: str) -> None:
        if name == "Nd":
            self.about = _clean(rest)
        elif name == "Nm" and self._section == "NAME":
            self._program = self._program or rest.strip()
        elif name in _MDOC_TEXT:
            self._text(_mdoc(f"{name} {rest}", self._program))

    def _indented(self, arguments: list[str]) -> None:
        tag = _clean(arguments[0]).strip() if arguments else ""
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


_QUOTES = {
    "Dq": '"',
    "Qq": '"',
    "Sq": "'",
    "Ql": "'",
    "Pq": "()",
    "Bq": "[]",
    "Aq": "<>",
    "Op": "[]",
}
_CLOSING = frozenset(",.;:)]?!")


def _mdoc(text: str, program: str) -> str:
    """The text of a line of mdoc: `Fl o Ar file` is `-o file`."""
    words = _arguments(text)
    made = ""
    joins = True  # the next word follows without a space
    closing: list[str] = []
    flag = False
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word in _QUOTES:
            pair = _QUOTES[word]
            made += ("" if joins else " ") + pair[0]
            closing.append(pair[-1])
            joins, flag = True, False
        elif word in ("Oo", "Oc"):
            made += ("" if joins or word == "Oc" else " ") + ("[" if word == "Oo" else "]")
            joins, flag = word == "Oo", False
        elif word == "Ns":
            joins = True
        elif word == "Fl":
            if words[position : position + 1] == ["Fl"]:
                position += 1
                dashes = "--"
            else:
                dashes = "-"
            made += ("" if joins else " ") + dashes
            joins, flag = True, False
            if position < len(words) and words[position] not in _MDOC_TEXT:
                made += _clean(words[position])
                position += 1
                joins, flag = False, True
        elif word in _MDOC_TEXT:
            flag = False
            if word == "Ar" and (position == len(words) or words[position] in _MDOC_TEXT):
                made += ("" if joins else " ") + "file"
                joins = False
            elif word == "Nm" and position == len(words):
                made += ("" if joins else " ") + program
                joins = False
            elif word == "Xr" and position + 1 < len(words):
                made += ("" if joins else " ") + f"{words[position]}({words[position + 1]})"
                position, joins = position + 2, False
        else:
            spaced = "" if joins or word in _CLOSING else " "
            dashed = "-" if flag and re.fullmatch(r"[\w-]+", word) else ""
            made += spaced + dashed + _clean(word)
            joins = word in "(["
    return made + "".join(reversed(closing))
