"""Reads one file of a collection into examples. What it cannot read it skips, and counts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from flowd.domain.knowledge import Example
from flowd.suggest.imports.holes import ANGLES, BRACES, script_of

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLATFORMS = frozenset({"common", "linux"})  # of tldr's; what is for others cannot run here
_LONGEST_COMMAND = 4000  # characters
_MARKED_LETTER = re.compile(r"\[(\w+)\](?=\w|\b)")  # "[c]reate", as tldr explains options


def read_tldr(text: str, name: str) -> Iterator[Example]:
    """Read a page of tldr: a heading, a quoted sentence, then items each with a command."""
    topic, about, title = name, "", ""
    for line in text.splitlines():
        if line.startswith("# "):
            topic = line[2:].strip()
        elif line.startswith("> ") and not about:
            about = line[2:].strip()
        elif line.startswith("- "):
            title = line[2:].strip()
        elif line.startswith("`") and line.rstrip().endswith("`") and title:
            yield from _made(title, topic, about, line.strip().strip("`"))
            title = ""


def read_navi(text: str, name: str) -> Iterator[Example]:
    """Read a cheat of navi: `% tags`, `# what it does`, and commands below, `<name>` for holes."""
    topic, title, command = name, "", ""
    for line in [*text.splitlines(), ""]:
        if line[:1] in ("%", "#", ";", "$", "@") or not line.strip():
            if title and command:
                yield from _made(title, topic, "", command, ANGLES)
                title = ""
            command = ""
        if line.startswith("%"):
            topic = line[1:].strip()
        elif line.startswith("#"):
            title = line[1:].strip()
        elif line.strip() and line[:1] not in (";", "$", "@"):
            command += line + "\n"


def read_warp(text: str, name: str) -> Iterator[Example]:
    """Read workflows of Warp: YAML documents with name, command, description, arguments."""
    for document in yaml.load_all(text, Loader=_LOADER):  # a safe loader
        if isinstance(document, Mapping):
            yield from _of_row(document, name)


def read_rows(text: Iterable[str], name: str) -> Iterator[Example]:
    """Read lines of JSON, each a page of tldr, a workflow of Warp, or a title with a command."""
    for line in text:
        if line.strip():
            row = json.loads(line)
            if isinstance(row, Mapping):
                yield from _of_row(row, name)


def _of_row(row: Mapping[str, Any], name: str) -> Iterator[Example]:
    if row.get("platform", "common") not in _PLATFORMS:
        return
    about = _text(row.get("description"))
    if isinstance(row.get("examples"), list):
        topic = _text(row.get("title")) or _text(row.get("page")) or name
        for example in row["examples"]:
            if isinstance(example, Mapping):
                title = _text(example.get("description"))
                yield from _made(title, topic, about, _text(example.get("command")))
        return
    title = _text(row.get("name")) or _text(row.get("title")) or about
    tags = row.get("tags")
    topic = " ".join(map(str, tags)) if isinstance(tags, list) else name
    arguments = row.get("arguments") or row.get("args") or []
    yield from _made(
        title, topic, about, _text(row.get("command")), BRACES, _descriptions(arguments)
    )


def _descriptions(arguments: object) -> Mapping[str, str]:
    if not isinstance(arguments, list):
        return {}
    return {
        _text(each.get("name")): _text(each.get("description"))
        for each in arguments
        if isinstance(each, Mapping)
    }


def _made(
    title: str,
    topic: str,
    about: str,
    command: str,
    holes: re.Pattern[str] = BRACES,
    told: Mapping[str, str] = {},
) -> Iterator[Example]:
    title = _MARKED_LETTER.sub(r"\1", title.strip().rstrip(":").strip())
    if not title or not command.strip() or len(command) > _LONGEST_COMMAND:
        return

    def describe(hole: str) -> str:
        return told.get(hole) or hole.replace("_", " ")

    filled = script_of(command, holes, describe)
    yield Example(
        title=title[:300],
        topic=topic[:100],
        about=about[:300],
        script=filled.script,
        inputs=filled.inputs,
        defaults=filled.defaults,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
