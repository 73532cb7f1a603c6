"""How secrets are found whose values nobody knows: by what stands in front of them, or in them.

`token_kinds.py` has the table of what there is to find. Looking for a fixed word is several times
faster than any expression, and most output has none of the words. Most words can only be in what
is long and without spaces, so that is taken out first.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

_WINDOW = 20_480  # at the end of a piece, in which a beginning may stand: the longest secret fits
_LONG = 15  # characters: of the shortest secret that is one word, with its prefix
_IN_WORDS = frozenset(b"_.%+=$~:!|@-")  # no slash: paths are long words, too
_TO_SPACES = bytes(
    byte if byte in _IN_WORDS or (byte < 128 and chr(byte).isalnum()) else 32 for byte in range(256)
)

Place = Literal["long word", "text", "any case"]


compiled = cache(re.compile)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of secret.

    It can only be there with one of `words`: in a long word, anywhere in the text, or there in
    whatever case (the words are in lower case then). `whole` finds it, from the word on with
    `at_word`; group 1, if there is one, is the secret in it. `begun` finds one that the end cut.
    Both are expressions, compiled when a word is first seen: all of them take a megabyte.
    """

    words: tuple[bytes, ...]
    whole: bytes
    begun: bytes
    place: Place = "long word"
    at_word: bool = False
    least: int = 0  # characters of the long word; for kinds whose word is in many

    def spans(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Give where secrets of this kind stand."""
        whole = compiled(self.whole)
        group = whole.groups and 1
        for match in self._matches(data, whole) if self.at_word else whole.finditer(data):
            yield match.span(group)

    def _matches(self, data: bytes, whole: re.Pattern[bytes]) -> Iterator[re.Match[bytes]]:
        text = data.lower() if self.place == "any case" else data
        for word in self.words:
            at = text.find(word)
            while at >= 0:
                match = whole.match(data, at)
                if match is not None:
                    yield match
                at = text.find(word, at + 1)

    def beginning(self, data: bytes) -> int:
        """Give where one has begun that the end has cut; the end when none has."""
        start = max(0, len(data) - _WINDOW)
        begun = compiled(self.begun)
        if not self.at_word:
            match = begun.search(data, start)
            return len(data) if match is None else match.start()
        text = data.lower() if self.place == "any case" else data
        waits = len(data)
        for word in self.words:
            at = text.find(word, start)
            while 0 <= at < waits:
                if begun.match(data, at) is not None:
                    waits = at
                at = text.find(word, at + 1)
        return waits


def token(words: Iterable[bytes], of: bytes, least: int, most: int) -> Kind:
    """Give the kind of one of these prefixes, then characters `of` a class, so many."""
    words = tuple(words)
    slashes = b"/" in of or any(b"/" in word for word in words)
    prefix = b"(?:" + b"|".join(_free(re.escape(word)) + re.escape(word) for word in words) + b")"
    return Kind(
        words,
        prefix + b"[%b]{%d,%d}" % (of, least, most),
        prefix + b"[%b]{0,%d}\\Z" % (of, least - 1),
        "text" if slashes else "long word",
        at_word=True,
    )


# What a token may follow besides what is no letter or digit: the end of a colour (ECMA-48, SGR), or
# of an escape in JSON, a URL, a program.
AFTER_AN_ESCAPE = b"|".join(
    (
        *(rb"(?<=\x1b\[[0-9;]{%d}m)" % length for length in range(9)),
        rb"(?<=\\[abfnrtv0])",
        rb"(?<=\\x[0-9A-Fa-f]{2})",
        rb"(?<=\\[0-7]{3})",
        rb"(?<=\\[Uu][0-9A-Fa-f]{4})",
        rb"(?<=%[0-9A-Fa-f]{2})",
    )
)


def _free(word: bytes) -> bytes:
    return b"(?:(?<![A-Za-z0-9])|%b)" % AFTER_AN_ESCAPE if word[:1].isalnum() else b""


class Finder:
    """Tells which of some kinds are worth looking closer for."""

    def __init__(self, kinds: Iterable[Kind]):
        listed = [(word, kind) for kind in kinds for word in kind.words]
        self._in_text = [each for each in listed if each[1].place == "text"]
        self._in_any_case = [each for each in listed if each[1].place == "any case"]
        self._in_long_words = [each for each in listed if each[1].place == "long word"]

    def kinds_in(self, data: bytes) -> list[Kind]:
        """Give the kinds one of whose words is there."""
        spaced = data.translate(_TO_SPACES)
        words = spaced.split()
        last = words.pop() if words and not spaced.endswith(b" ") else b""  # it may go on
        words = [word for word in words if len(word) >= _LONG]
        longest = max(map(len, words), default=0)
        found = {id(kind): kind for word, kind in self._in_text if word in data}
        lower = data.lower()
        found |= {id(kind): kind for word, kind in self._in_any_case if word in lower}
        if words or last:
            joined = b" ".join([*words, last])
            found |= {
                id(kind): kind
                for word, kind in self._in_long_words
                if word in joined and (kind.least <= longest or word in last)
            }
        return list(found.values())
