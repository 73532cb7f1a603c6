"""Text as the grammar can bear it: every character beyond ASCII gives way to a stand-in.

The grammar's scanner asks C's `isalnum` and its like about any character, and C answers only for
those up to 255: for one beyond, it reads whatever lies there in memory, which may be nothing (a
crash of the whole daemon) or another program's idea of a letter. Bash in turn sees bytes, and none
beyond ASCII means anything to it: to it they are all parts of words, as the stand-ins are.

A stand-in takes as many bytes as its character, so every position stays what it was, and different
characters have different stand-ins, also in a row: the grammar compares the two ends of a
here-document.
"""

import re
import string
from collections.abc import Iterator

_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")

# Two bytes each, none of them white space. Letters come last: the grammar lets them into names.
_SYMBOLS = [chr(code) for code in range(0xA1, 0x100) if not chr(code).isalnum()]
_LETTERS = [chr(code) for code in range(0xA1, 0x100) if chr(code).isalnum()]
_ALONE = _SYMBOLS + _LETTERS
_LEADS = [chr(code) for code in range(0x80, 0xA0) if code != 0x85]  # begin those of 3 and 4 bytes


class TooManyCharacters(Exception):
    """More different characters than there are stand-ins."""


def _stand_ins(size: int) -> Iterator[str]:
    """Give all of so many bytes; no table is kept of what most texts never need."""
    match size:
        case 2:
            yield from _ALONE
        case 3:
            seconds = string.ascii_letters + string.digits
            yield from (lead + second for second in seconds for lead in _LEADS)
        case 4:
            yield from (lead + second for second in _ALONE for lead in _LEADS)


def bearable(text: str) -> str:
    """Put stand-ins into a text. Raises TooManyCharacters."""
    if text.isascii():
        return text
    free = {size: _stand_ins(size) for size in (2, 3, 4)}
    taken: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        character = match[0]
        if character not in taken:
            given = next(free[len(character.encode())], None)
            if given is None:
                raise TooManyCharacters
            taken[character] = given
        return taken[character]

    return _BEYOND_ASCII.sub(stand_in, text)
