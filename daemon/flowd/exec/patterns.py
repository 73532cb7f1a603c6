"""File names that the shell's patterns stand for, as bash sees them in a script.

No `globstar`, no `dotglob`, no classes of characters: scripts that use them are not followed.
"""
# Paths are strings here, as in `restore.py`, which must take them to the letter.
# ruff: noqa: PTH118, PTH120, PTH208

import os
import re
from functools import lru_cache

_PATTERN = re.compile(r"[*?\[]")


def is_pattern(text: str) -> bool:
    """Whether the shell would look for file names that match."""
    return _PATTERN.search(text) is not None


def plain_folder(pattern: str) -> str:
    """The folder a pattern is looked for in, as far as it is no pattern itself."""
    return os.path.dirname(_PATTERN.split(pattern)[0]) or "/"


def expand(pattern: str, *, creates: bool = False) -> list[str]:
    """The paths a pattern of the shell stands for, and the one that is written like it.

    That one is meant when the pattern was quoted, or matches nothing: if it is there, or may be
    created.
    """
    if not is_pattern(pattern):
        return [pattern]
    heads = ["/"]
    for part in pattern.strip("/").split("/"):
        heads = [found for head in heads for found in _matching(head, part)]
    literal = [pattern] if creates or os.path.lexists(pattern) or not heads else []
    return sorted({*heads, *literal})


def _matching(folder: str, part: str) -> list[str]:
    if not is_pattern(part):
        path = os.path.join(folder, part)
        return [path] if os.path.lexists(path) else []
    wanted = _compiled(part)
    try:
        names = os.listdir(folder)
    except (NotADirectoryError, FileNotFoundError):
        return []
    return [
        os.path.join(folder, name)
        for name in names
        if wanted.fullmatch(name) and (part[0] == "." or name[0] != ".")
    ]


@lru_cache(maxsize=256)
def _compiled(part: str) -> re.Pattern[str]:
    """A pattern without classes of characters as a regular expression."""
    made = ""
    for piece in re.findall(r"\*+|\?|\[[!^]?\]?[^\]]*\]|.", part, re.DOTALL):
        if piece[0] == "*":
            made += ".*"
        elif piece == "?":
            made += "."
        elif len(piece) > 2:
            inside = re.sub(r"([\\\[\]&~|])", r"\\\1", piece[1:-1].lstrip("!^"))
            made += f"[{'^' if piece[1] in '!^' else ''}{inside}]"
        else:
            made += re.escape(piece)
    return re.compile(made, re.DOTALL)
