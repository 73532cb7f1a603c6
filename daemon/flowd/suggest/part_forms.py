"""How a form of clause is written, and the pattern it becomes.

    '<create> [empty] folder {folder}' -> matches "make the directory called src "

See the head of `recipes/parts/parts.yaml` for the writing. A clause is compared with one space
between its words and one at its end, so that every piece takes its space along.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from flowd.suggest.slot_patterns import EXTENSIONS, NUMBER_WORDS

_BEGINNING = 80  # characters, enough for the first words
_FIRST_WORDS = 1
_PIECE = re.compile(r"<\w+>|\{\w+(?::\w+)?\}|[()\[\]|]|[^\s()\[\]|{}]+")
_FILLER = (
    r"(?:(?:the|a|an|my|our|this|these|that|new|called|named|with the name|all|every|just|"
    r"resulting) )*?"
)
_FOLDER = {"folder": "(?:folder|directory|dir)", "folders": "(?:folders|directories|dirs)"}
_ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "1st": "1", "2nd": "2", "3rd": "3", "4th": "4",
}  # fmt: skip
_QUOTED = "\"[^\"]*\"|'[^']*'|`[^`]*`|“[^”]*”"
_NO_VALUE = (
    r"(?!(?:it|its|them|there|all|everything|current|and|or|then|this|that|the|to|in|of|from|"
    r"with|into|for|on|by|files?|folders?|director(?:y|ies)|branch|branches|tags?|tables?|lines?|"
    r"duplicates?|empty|called|named) )"
)
_NO_TEXT = r"(?:(?:the|a|an) )?(?:(?:commit )?message|text|contents?|line|words?|command) "
_KINDS = {
    "any": rf"{_QUOTED}|{_NO_VALUE}[^\s,;]+",
    "path": (rf"{_QUOTED}|{_NO_VALUE}(?:[^\s,;]*[./~][^\s,;]*|Makefile|Dockerfile|README|LICENSE)"),
    "text": rf"{_QUOTED}|(?![\"'`“]|{_NO_TEXT}).+?",
    "list": r".+?",
    "columns": r"[\w ,]+?",
    "glob": (
        r"\*[\w.*-]+(?: (?:files|scripts))?|\.\w+(?: (?:files|scripts))|"
        rf"(?:{'|'.join(sorted(EXTENSIONS, key=len, reverse=True))}) (?:files|scripts)"
    ),
    "extension": r"\*?\.\w+|\w{1,5}",
    "number": rf"\d+|{'|'.join((*_ORDINALS, *NUMBER_WORDS))}",
    "mode": r"[0-7]{3,4}|[ugoa]*[+=-][rwxXst]+",
    "email": r"[^\s@]+@[^\s@]+",
    "script": r"\S+\.sh",
    "python": r"\S+\.py",
    "local": r"\./\S+",
    "row": r"\([^()]+\)(?:(?:, | and | |,)\([^()]+\))*",
}
_KIND_OF = {
    "file": "path", "archive": "path", "database": "path", "output": "path", "mode": "mode",
    "email": "email",
}  # fmt: skip


class Form(Struct, frozen=True):
    """A pattern, the kind of each of its groups, and every word it may begin with (and more).

    A name met twice has `__` and a number.
    """

    pattern: str
    kinds: dict[str, str]
    words: frozenset[str]

    def match(self, clause: str) -> "re.Match[str] | None":
        """Compare a clause, written with one space after each word, with the form."""
        if not self.words.isdisjoint(clause[:_BEGINNING].lower().split()[:_FIRST_WORDS]):
            return _compiled(self.pattern).fullmatch(clause)
        return None

    @property
    def names(self) -> set[str]:
        """The values it can give."""
        return {name.partition("__")[0] for name in self.kinds}


def form_of(written: str, words: Mapping[str, str]) -> Form:
    """Read a written form. ValueError when brackets do not match or a word or kind is unknown."""
    reader = _Reader(words)
    pattern = _FILLER + reader.read(written)
    return Form(pattern, reader.kinds, frozenset(reader.literals))


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile when first wanted: all forms together would take half a second."""
    return re.compile(pattern, re.IGNORECASE)


class _Reader:
    def __init__(self, words: Mapping[str, str]):
        self._words = words
        self.kinds: dict[str, str] = {}
        self.literals: set[str] = set()

    def read(self, written: str) -> str:
        """Give the pattern of a form or of alternatives. Each word takes the articles after it."""
        pattern, depth = "", 0
        for piece in _PIECE.findall(written):
            if piece in ("(", "["):
                depth += 1
                pattern += "(?:" if piece == "(" else "(?:(?:"
            elif piece in (")", "]"):
                depth -= 1
                pattern += ")" if piece == ")" else "))?"
            elif piece == "|":
                pattern += "|"
            else:
                pattern += self._piece(piece)
        if depth:
            raise ValueError(f"the brackets of {written!r} do not match")
        return pattern

    def _piece(self, piece: str) -> str:
        if piece.startswith("<"):
            if piece[1:-1] not in self._words:
                raise ValueError(f"no word {piece} is known")
            return f"(?:{self.read(self._words[piece[1:-1]])})"
        if not piece.startswith("{"):
            self.literals.add(piece)
            return _FOLDER.get(piece, re.escape(piece)) + " " + _FILLER
        name, _, kind = piece[1:-1].partition(":")
        kind = kind or _KIND_OF.get(name, "any")
        group = name
        while group in self.kinds:
            group = f"{name}__{len(self.kinds)}"
        self.kinds[group] = kind
        return f"(?P<{group}>{_KINDS[kind]}) {_FILLER}"


def value_of(kind: str, said: str) -> str:
    """Give a value as scripts take it: without quotes, a number in digits, a list as words."""
    if kind == "list":
        return " ".join(bare(each) for each in re.split(r"[ ,]+(?:and |, )?|,", said) if each)
    if kind == "row":
        return re.sub(r"\)[ ,]*(?:and )?\(", "), (", said)
    if kind == "columns":
        return ", ".join(each for each in re.split(r"[ ,]+(?:and )?", said) if each != "and")
    if kind == "glob":
        word = said.split(" ")[0]
        if word.startswith("*"):
            return word
        return f"*.{EXTENSIONS.get(word.lower().lstrip('.'), word.lstrip('.'))}"
    if kind == "extension":
        return EXTENSIONS.get(said.lower(), said.lstrip("*."))
    if kind == "number":
        return _ORDINALS.get(said.lower()) or NUMBER_WORDS.get(said.lower(), said)
    return bare(said)


def bare(said: str) -> str:
    """Take the quotes from a value."""
    quoted = len(said) > 1 and said[0] in "\"'`“" and said[-1] in "\"'`”"
    return said[1:-1] if quoted else said
