"""Commands of the user's shell history as answers; only when the settings say so.

The files of bash, zsh and fish are read, never written, and only their ends. A line in which a
secret was found is left out. What a command is for is told by the recipe that is most like it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from flowd.suggest.learning.commands import Words, commands_in, texts
from flowd.suggest.match import Entry, Index
from flowd.suggest.providers.base import Draft
from flowd.suggest.retrieve import Knowledge

READ_BYTES = 262_144  # of the end of each file
MOST_COMMANDS = 500
_LONGEST = 300
_SEEN_LEAST = 2
_LEAST = 0.6
_SURE = 0.9
_LONGEST_HEAD = 3
_MOST_PHRASES = 4

_ZSH_EXTENDED = re.compile(r"^: \d+:\d+;")
_FISH_COMMAND = re.compile(r"^- cmd: (.*)$", re.MULTILINE)
_META = 0x83  # zsh writes this before a byte that has its sixth bit turned
_TRIVIAL_WORDS = "cd ls ll la pwd clear exit history vim vi nano man fg bg jobs echo"
_TRIVIAL = frozenset(_TRIVIAL_WORDS.split(" "))


class Used(Struct, frozen=True):
    """A command, and how often it was used among those that were read."""

    command: str
    times: int


class ShellHistory:
    """Reads the histories, again only when a file changed."""

    def __init__(self, home: Path, mask: Callable[[str], str]):
        self._mask = mask
        self._files: dict[Path, Callable[[bytes], Iterator[str]]] = {
            home / ".bash_history": bash_commands,
            home / ".zsh_history": zsh_commands,
            home / ".local/share/fish/fish_history": fish_commands,
        }
        self._known: tuple[list[tuple[int, int]], list[Used], Index] | None = None

    def answers(self, asked: str, knowledge: Knowledge, limit: int) -> Iterator[Draft]:
        """Give the commands that are what is asked for, best first. Reads files."""
        used, index = self._look(knowledge)
        for match in index.find(asked, limit):
            if match.score >= _LEAST:
                found = used[int(match.key)]
                yield Draft(
                    title=found.command,
                    workflow={
                        "flow": 1,
                        "name": "from-history",
                        "description": found.command.replace("\n", "; "),
                        "steps": [{"id": "run", "run": found.command}],
                    },
                    explanation=f"from your shell history, {found.times} times",
                    confidence=min(1.0, match.score * _SURE),
                    matched=True,
                    asked_as=match.phrase,
                )

    def _look(self, knowledge: Knowledge) -> tuple[list[Used], Index]:
        versions = [_version(path) for path in self._files]
        known = self._known
        if known is None or known[0] != versions:
            used = self._read()
            meanings = _meanings(knowledge)
            entries = (
                Entry(str(place), _phrases(each.command, meanings))
                for place, each in enumerate(used)
            )
            self._known = known = (versions, used, Index(entries, knowledge.index))
        return known[1], known[2]

    def _read(self) -> list[Used]:
        counts: Counter[str] = Counter()
        for path, commands_of in self._files.items():
            for command in commands_of(_end_of(path)):
                line = command.strip()
                if _is_telling(line):
                    counts[line] += 1
        often = [Used(line, count) for line, count in counts.most_common(MOST_COMMANDS)]
        return [
            used
            for used in often
            if used.times >= _SEEN_LEAST and self._mask(used.command) == used.command
        ]


def _is_telling(line: str) -> bool:
    first = line.partition(" ")[0]
    return " " in line and len(line) <= _LONGEST and first not in _TRIVIAL


def _version(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)


def _end_of(path: Path) -> bytes:
    """Give the last lines of an ordinary file; nothing of anything else."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - READ_BYTES))
            data = file.read(READ_BYTES)
    except OSError:
        return b""
    return data if size <= READ_BYTES else data.partition(b"\n")[2]


def bash_commands(data: bytes) -> Iterator[str]:
    """Give the commands of a bash history; lines with its time stamps are none."""
    for line in data.decode("utf-8", "replace").splitlines():
        if not re.fullmatch(r"#\d+", line):
            yield line


def zsh_commands(data: bytes) -> Iterator[str]:
    """Give the commands of a zsh history, extended or not; a backslash goes on in the next line."""
    text = _unmetafied(data).decode("utf-8", "replace")
    for line in text.replace("\\\n", "\0").splitlines():
        yield _ZSH_EXTENDED.sub("", line).replace("\0", "\n")


def _unmetafied(data: bytes) -> bytes:
    out = bytearray()
    meta = False
    for byte in data:
        if meta:
            out.append(byte ^ 0x20)
        elif byte != _META:
            out.append(byte)
        meta = byte == _META and not meta
    return bytes(out)


def fish_commands(data: bytes) -> Iterator[str]:
    """Give the commands of a fish history, a file of lines much like YAML."""
    for match in _FISH_COMMAND.finditer(data.decode("utf-8", "replace")):
        yield re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], match[1])


def _meanings(knowledge: Knowledge) -> dict[Words, list[str]]:
    """Give ways of asking by the first words of the recipes' commands."""
    meanings: dict[Words, list[str]] = {}
    for recipe in knowledge.library.recipes.values():
        steps = recipe.workflow["steps"]
        if len(steps) == 1:
            for command in commands_in(steps[0]["run"])[:1]:
                words = _plain_words(texts(command))
                meanings.setdefault(words, []).extend((recipe.title, *recipe.phrases))
    return meanings


def _plain_words(words: Words) -> Words:
    """Give the words that say what a command does, options and values left out."""
    telling = [word for word in words if re.fullmatch(r"-{0,2}[a-z][\w.+-]*", word)]
    return tuple(telling[:_LONGEST_HEAD])


def _phrases(command: str, meanings: dict[Words, list[str]]) -> list[str]:
    """Give ways of asking for a command: its own words, and those for the recipe most like it."""
    found = [" ".join(re.findall(r"[A-Za-z][\w.]+", command))]
    for each in commands_in(command)[:1]:
        words = _plain_words(texts(each))
        for length in range(len(words), 1, -1):
            if words[:length] in meanings:
                found += meanings[words[:length]][:_MOST_PHRASES]
                break
    return found
