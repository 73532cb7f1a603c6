"""What is said of each option: tags of manual pages (`-f, --file=ARCHIVE`) and `--help` read."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

from msgspec import Struct

from flowd.exec.manual_pages import Entry, first_sentence

Takes = Literal["nothing", "a value", "perhaps a value"]


class OptionText(Struct, frozen=True):
    """An option by all its names, whether a value follows it, and what it is for."""

    names: tuple[str, ...]
    takes: Takes
    text: str


class Manual(Struct, frozen=True):
    """What a program, or a part of it, says of itself.

    `source` says where that was read: `tar(1)`, `docker run --help`; "" when it says nothing.
    `words` are subcommands, and operands such as dd's `if=`.
    """

    source: str
    about: str
    options: dict[str, OptionText]
    words: dict[str, str]


NO_MANUAL = Manual("", "", {}, {})

_NAME = re.compile(
    r"--\[no-?\][A-Za-z0-9][\w-]*|--[A-Za-z0-9][\w+.-]*(?:\[-?[\w-]+\][\w-]*)?"
    r"|-[A-Za-z0-9?@#%][\w+.-]*|-<num\w*>|-[^\s\w,|=\[<-]|--(?=$)"
)
_SEPARATOR = re.compile(r"\s*(?:,|\||\bor\b|/(?=-))\s*(?=-)")
_LETTER_AND_VALUE = re.compile(r"(-[A-Za-z])([A-Z]{2,}|level)")
_NUMBERS = ("-NUM", "-number", "-N")
NUMBER = "-NUMBER"
"""The name of an option that is a number, as in `head -20`."""
_WORD = re.compile(r"([a-z][a-z0-9-]*)(=|(?=[ ,]|$))")


def manual_of(source: str, about: str, entries: Iterable[Entry]) -> Manual:
    """Sort entries into options and words; what is said first of a name counts."""
    options: dict[str, OptionText] = {}
    words: dict[str, str] = {}
    for entry in entries:
        if entry.tag[:1] in "-[":
            option = _option(entry)
            for name in option.names if option is not None else ():
                options.setdefault(name, option)  # type: ignore[arg-type]  # mypy: not None here
        elif match := _WORD.match(entry.tag):
            words.setdefault(match[0], entry.text)
    return Manual(source, about, options, words)


def _option(entry: Entry) -> OptionText | None:
    """Read `-n NUM, --lines=[-]NUM`: two names, one value."""
    names: list[str] = []
    rests: list[str] = []
    for piece in _SEPARATOR.split(entry.tag.lstrip("[ ")):
        match = _NAME.match(piece)
        if match is None:
            continue
        whole = match[0]
        if whole in _NUMBERS or whole.startswith("-<num"):
            names.append(NUMBER)
            continue
        attached = _LETTER_AND_VALUE.fullmatch(whole)
        if attached is not None and len(whole) > 3:
            names.append(attached[1])
            rests.append(attached[2])
            continue
        names += _spellings(whole)
        rests.append(piece[match.end() :])
    if not names:
        return None
    takes = _takes(rests)
    if takes == "a value" and len(set(names)) < len(names):  # `--check, --check=quiet`
        takes = "perhaps a value"
    return OptionText(tuple(dict.fromkeys(names)), takes, entry.text)


def _spellings(name: str) -> Iterator[str]:
    """`--[no-]color` and `--no-op[timize]` are two names each."""
    if name.startswith(("--[no-]", "--[no]")):
        bare = name.partition("]")[2]
        yield f"--{bare}"
        yield f"--no-{bare.removeprefix('-')}"
    elif "[" in name:
        yield re.sub(r"\[[^]]*\]", "", name)
        yield re.sub(r"[\[\]]", "", name)
    else:
        yield name.rstrip(".") if len(name) > 2 else name


_PERHAPS = re.compile(r"=?\[=?[^]]+\]+(?:\s*\.\.\.)?|=true|=false")


def _takes(rests: list[str]) -> Takes:
    rests = [rest.strip().rstrip(",:;]") if "[" not in rest else rest.strip() for rest in rests]
    given = [rest for rest in rests if rest and rest not in ("...", "…", "=")]
    if not given:
        return "a value" if "=" in rests else "nothing"
    if any(_PERHAPS.fullmatch(rest) for rest in given):
        return "perhaps a value"
    valued = [rest for rest in given if re.match(r"[=<\[{'\"A-Za-z(:]", rest)]
    return "a value" if valued else "nothing"


# -------------------------------------------------------------------------------------- --help

_OPTION_LINE = re.compile(r"(\s*)(--?[A-Za-z0-9?][^\t]*?)(?:\s{2,}|\t+|:\s+|$)(\S.*)?$")
_WORD_LINE = re.compile(r"(\s{1,8})([a-z][a-z0-9-]*)\*?(?:, [a-z-]+)?(?:\s{2,}|\t+|\s+- )(\S.*)$")
_NO_SENTENCE = re.compile(
    r"usage|version|options|copyright|\W|.*:$|.*\[|\S+$|\S+ v?\d", re.IGNORECASE
)
_DEEPEST_OPTION = 14  # columns before an option; what stands deeper belongs to the text before


def read_help(text: str) -> tuple[str, list[Entry]]:
    """Give the line that says what the program is for, and its entries."""
    entries: list[Entry] = []
    tag, depth = "", 0
    body: list[str] = []

    def end() -> None:
        if tag and body:
            entries.append(Entry(tag.rstrip(":"), first_sentence(" ".join(body))))

    for line in text.expandtabs(8).split("\n"):
        option = _OPTION_LINE.match(line)
        word = _WORD_LINE.match(line) if option is None else None
        found = option or word
        indent = len(line) - len(line.lstrip())
        outside = not tag or indent <= depth + 4
        if found is not None and outside and len(found[1]) <= _DEEPEST_OPTION:
            end()
            tag, body, depth = found[2].strip(), [found[3]] if found[3] else [], indent
        elif tag and line.strip() and indent > depth:
            body.append(line.strip())
        elif tag:
            end()
            tag, body = "", []
    end()
    return _about(text), entries


def _about(text: str) -> str:
    for line in text.split("\n")[:40]:
        if line.strip() and not _NO_SENTENCE.match(line.strip()) and " " in line.strip():
            return first_sentence(line.strip())
    return ""
