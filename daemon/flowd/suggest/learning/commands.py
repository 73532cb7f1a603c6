"""The plain commands in shell text, word by word, with their places.

Not a parser: only safety parses. What is not plain (here-documents, open quotes) gives nothing, so
that nothing is learned from it and nothing in it is rewritten.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

_TOKEN = re.compile(
    r"""(?P<gap>[ \t]+|\\\n)
    |(?P<comment>\#[^\n]*)
    |(?P<end>&&|\|\||;;|[;|&\n()])
    |(?P<word>(?:\d*[<>]{1,2}&?|[^\s;|&()'"\\<>]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)""",
    re.VERBOSE,
)
_BEFORE_COMMANDS = frozenset(
    [
        "sudo",
        "if",
        "then",
        "else",
        "elif",
        "do",
        "while",
        "until",
        "!",
        "{",
        "time",
        "command",
        "exec",
    ]
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_WITH_SUBCOMMANDS = """
    git docker kubectl npm pnpm yarn pip pip3 uv cargo go systemctl apt apt-get gh podman poetry
    conda brew dnf bundle terraform helm aws gcloud az flowctl
"""
SUBCOMMANDS = frozenset(_WITH_SUBCOMMANDS.split())
"""Programs whose second word says what they do."""


class Word(Struct, frozen=True):
    """A word as it is written; [start, end) is its place in the script."""

    text: str
    start: int
    end: int


Command = tuple[Word, ...]
Words = tuple[str, ...]


def commands_in(script: str) -> list[Command]:
    """Give the commands in order, each with its words; none when the text is not plain."""
    if "<<" in script:
        return []
    found: list[list[Word]] = [[]]
    at = 0
    while at < len(script):
        match = _TOKEN.match(script, at)
        if match is None:
            return []
        if match.lastgroup == "end":
            found.append([])
        elif match.lastgroup == "word" and not (not found[-1] and _leads(match.group())):
            found[-1].append(Word(match.group(), match.start(), match.end()))
        at = match.end()
    return [tuple(words) for words in found if words]


def _leads(word: str) -> bool:
    """Tell whether a word stands before the program: a keyword, an assignment."""
    return word in _BEFORE_COMMANDS or _ASSIGNMENT.match(word) is not None


def texts(command: Command) -> Words:
    """Give the words alone."""
    return tuple(word.text for word in command)


def heads_in(scripts: Iterable[str]) -> Iterator[Words]:
    """Give the words of every command in all scripts."""
    for script in scripts:
        for command in commands_in(script):
            yield texts(command)


def begins_with(words: Words, head: Words) -> bool:
    """Tell whether a command begins with these words."""
    return words[: len(head)] == head
