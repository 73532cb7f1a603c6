"""Examples of manual pages as examples of ours: their names of files and places become inputs.

Who reads pages and shell gives them; here is only what makes them fit for answers.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from flowd.domain.knowledge import Example
from flowd.suggest.imports.holes import ANGLES, BRACES, script_of

SECTIONS = ("1", "8", "1ssl", "1p")
"""Those of commands, by the endings of their files."""

Told = tuple[str, str]
"""What a command is for, and the command."""

ReadPage = Callable[[str, str], tuple[str, Iterable[Told]]]
"""Gives of a page's source, and the name of its program, what the program is for, and examples."""

_USUAL_FOLDERS = [Path("/usr/local/share/man"), Path("/usr/share/man")]
_LONGEST_COMMAND = 400  # characters; longer ones show off
_SYNOPSIS = re.compile(r"(?:^|\s)(?:\[[^]]*\]|\.\.\.|…)(?:\s|$)")  # of what may be given
_WORD = re.compile(r"(?<!\S)(?P<word>[^\s'\"\\$`*?\[\]{}()|&;<>=!]+)(?!\S)")
_PLACEHOLDER = re.compile(r"FILES?|DIR|PATH|PID|USER|GROUP|HOST|PORT|URL|NAME|DEVICE")
_URL = re.compile(r"[a-z]+://\S+")
_FILE = re.compile(
    r"~?[\w@%+-]*(?:/[\w@%+.-]+)+/?|[\w@%+-]+/|[\w-]*[A-Za-z][\w-]*\.[a-z][a-z0-9]{0,4}"
)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?|[\w.-]+@[\w.-]+")
_OF_THE_SYSTEM = re.compile(r"/(?:bin|boot|dev|etc|lib|proc|run|sbin|sys|usr|var)(?:/|$)")
_PLACE = "path/to/"


def readers_of_manuals(
    read_page: ReadPage,
) -> Mapping[str, tuple[str, Callable[[str, str], Iterator[Example]]]]:
    """Give readers of manual pages by the endings of their files, for `read_collection`."""
    return {
        f".{section}": ("man", partial(_read, read_page=read_page, section=section))
        for section in SECTIONS
    }


def manual_folders(search_path: str) -> list[Path]:
    """Give the folders of manual pages in a MANPATH, where "" is where systems keep them."""
    folders = [
        folder
        for each in search_path.split(":")
        for folder in ([Path(each)] if each else _USUAL_FOLDERS)
    ]
    present = [each for each in folders if (each / "man1").is_dir() or (each / "man8").is_dir()]
    return list(dict.fromkeys(present))


def name_of_manuals(folder: Path) -> str:
    """Give a name to the pages in a folder: "man" to the system's, others after who keeps them."""
    owners = [part.strip("./") for part in folder.parts if part not in ("share", "man")]
    return "man" if owners[-1] in ("usr", "") else f"man-{owners[-1]}"


def is_page_for_here(name: str) -> bool:
    """Leave out translated pages, which are in a folder called after their language."""
    folders = PurePosixPath(name).parts[:-1]
    if len(folders) < 2 or not folders[-1].startswith("man"):
        return True
    return re.fullmatch(r"[a-z]{2}(?:_[A-Z]{2})?(?:[.@].*)?", folders[-2]) is None


def _read(text: str, name: str, *, read_page: ReadPage, section: str) -> Iterator[Example]:
    about, examples = read_page(text, name)
    for title, command in examples:
        if len(command) > _LONGEST_COMMAND or _SYNOPSIS.search(command):
            continue
        filled = script_of(_with_holes(command), BRACES, _such_as)
        yield Example(
            title=title,
            topic=f"{name}({section})",
            about=about,
            script=filled.script,
            inputs=filled.inputs,
        )


def _with_holes(command: str) -> str:
    """Put braces around what everybody has another one of; the first word is the program."""
    program, space, rest = command.partition(" ")
    rest = ANGLES.sub(lambda match: "{{" + match["hole"] + "}}", rest)
    return program + space + _WORD.sub(_hole, rest)


def _hole(match: re.Match[str]) -> str:
    word = match["word"]
    if word.startswith("-") or ".." in word or _OF_THE_SYSTEM.match(word):
        return word
    if _URL.fullmatch(word) or _ADDRESS.fullmatch(word):
        return "{{" + word + "}}"
    if _FILE.fullmatch(word):
        return "{{" + _PLACE + word.lstrip("~/") + "}}"
    return "{{" + word.lower() + "}}" if _PLACEHOLDER.fullmatch(word) else word


def _such_as(hole: str) -> str:
    return f"such as {hole.removeprefix(_PLACE)}"
