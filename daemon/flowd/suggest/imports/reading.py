"""Finds the files of a collection, whatever it is packed in, and reads them one by one."""

import bz2
import gzip
import json
import lzma
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from io import BufferedIOBase, StringIO
from pathlib import Path, PurePosixPath
from typing import IO

import yaml
from msgspec import Struct, field

from flowd.domain.knowledge import Example
from flowd.errors import InvalidInput, NotFound
from flowd.suggest.imports.formats import read_navi, read_rows, read_tldr, read_warp
from flowd.suggest.imports.manuals import is_page_for_here, manual_folders, name_of_manuals

MOST_EXAMPLES = 300_000
_LARGEST_FILE = 256 * 1024 * 1024  # bytes, unpacked
_OTHER_PLATFORMS = frozenset(
    ["windows", "osx", "android", "sunos", "freebsd", "netbsd", "openbsd", "cisco-ios", "dos"]
)
_PACKED: dict[str, Callable[[IO[bytes]], BufferedIOBase]] = {
    ".xz": lzma.LZMAFile,
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".bz2": bz2.BZ2File,
}
Readers = Mapping[str, tuple[str, Callable[[str, str], Iterator[Example]]]]
"""By the ending of a file's name: the kind of collection, and what reads its text and name."""

READERS: Readers = {
    ".md": ("tldr", read_tldr),
    ".cheat": ("navi", read_navi),
    ".yaml": ("warp", read_warp),
    ".yml": ("warp", read_warp),
    ".jsonl": ("json", lambda text, name: read_rows(StringIO(text), name)),
    ".ndjson": ("json", lambda text, name: read_rows(StringIO(text), name)),
}
_UNREADABLE = (OSError, EOFError, ValueError, lzma.LZMAError, yaml.YAMLError, zipfile.BadZipFile)

KNOWN_PLACES = (
    ".cache/tldr",
    ".cache/tealdeer/tldr-pages",
    ".local/share/tldr",
    ".tldr",
    ".tldrc/tldr",
    ".local/share/navi/cheats",
    ".warp/workflows",
    ".local/share/warp-terminal/workflows",
)
"""Where such collections are on machines that have them, below the home folder."""


class Reading(Struct):
    """What reading has come to: files by kind, those that could not be read, and why not."""

    kinds: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    reason: str = ""

    @property
    def kind(self) -> str:
        """What most of it is."""
        return self.kinds.most_common(1)[0][0] if self.kinds else ""


def known_places(home: Path, search_path: str) -> list[Path]:
    """Give the places that are there; `search_path` is where manual pages are, "" the usual."""
    collections = [home / place for place in KNOWN_PLACES if (home / place).exists()]
    return [*collections, *manual_folders(search_path)]


def name_of(path: Path) -> str:
    """Give the name a collection goes by unless its user chooses one."""
    if path.name == "man":
        return name_of_manuals(path)
    name = path.name.partition(".")[0] or path.name.strip(".")
    if name in ("cheats", "workflows", "pages", "tldr-pages", "tldrc"):
        return {"cheats": "navi", "workflows": "warp"}.get(name, "tldr")
    return name or "imported"


def read_collection(path: Path, reading: Reading, readers: Readers = READERS) -> Iterator[Example]:
    """Read a file, a folder or an archive. `reading` tells afterwards what became of it.

    NotFound when there is nothing; InvalidInput when it is nothing of the kind.
    """
    if not path.exists():
        raise NotFound(f"{path} is not there", cure="give a file or folder that exists")
    found = 0
    for name, text in _texts(path, reading, readers):
        kind, read = readers[PurePosixPath(name).suffix]
        before = found
        try:
            for example in read(text, PurePosixPath(name).stem):
                found += 1
                yield example
        except _UNREADABLE as error:
            _skip(reading, name, error)
        if found > before:
            reading.kinds[kind] += 1
        if found > MOST_EXAMPLES:
            raise InvalidInput(
                f"{path} has more than {MOST_EXAMPLES:,} commands", cure="import a part of it"
            )
    if not found:
        why = f" ({reading.reason})" if reading.reason else ""
        raise InvalidInput(
            f"there are no commands in {path}{why}",
            cure="give pages of tldr (.md), cheats of navi (.cheat), workflows of Warp (.yaml), "
            "manual pages (.1), or lines of JSON with a title and a command (.jsonl)",
        )


def _texts(path: Path, reading: Reading, readers: Readers) -> Iterator[tuple[str, str]]:
    """Give name and text of every file that may be of a collection, without the packing."""
    if path.is_dir():
        for each in _files_in(path):
            relative = each.relative_to(path).as_posix()
            if _kind_of_file(each.name) in readers and _is_for_here(relative) and each.is_file():
                yield from _unpacked(each, relative, reading, readers)
    elif path.suffix == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    name = member.filename
                    if PurePosixPath(name).suffix in readers and _is_for_here(name):
                        with archive.open(member) as file:
                            yield name, _text_of(file)
        except _UNREADABLE as error:
            _skip(reading, path.name, error)
    else:
        yield from _unpacked(path, path.name, reading, readers)


def _files_in(folder: Path) -> Iterator[Path]:
    """Give what lies in a folder, in order, but for what cannot be looked into or goes away."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(at, name) for name in sorted(names))


def _kind_of_file(name: str) -> str:
    """Give the ending that tells what is in a file, without that of the packing."""
    path = PurePosixPath(name)
    return PurePosixPath(path.stem).suffix if path.suffix in _PACKED else path.suffix


def _unpacked(
    path: Path, name: str, reading: Reading, readers: Readers
) -> Iterator[tuple[str, str]]:
    unpack = _PACKED.get(path.suffix)
    if unpack is not None:
        name = PurePosixPath(name).stem
    if PurePosixPath(name).suffix not in readers:
        return
    try:
        with path.open("rb") as file:
            yield name, _text_of(unpack(file) if unpack else file)
    except _UNREADABLE as error:
        _skip(reading, name, error)


def _text_of(file: IO[bytes] | BufferedIOBase) -> str:
    content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise ValueError(f"it is larger than {_LARGEST_FILE // 2**20} MiB")
    return content.decode("utf-8")


def _is_for_here(name: str) -> bool:
    """Leave out pages for other systems and in other languages than English."""
    folders = PurePosixPath(name).parts[:-1]
    return is_page_for_here(name) and not any(
        folder in _OTHER_PLATFORMS
        or folder.startswith((".git", "node_modules"))
        or (folder.startswith("pages.") and folder != "pages.en")
        for folder in folders
    )


def _skip(reading: Reading, name: str, error: Exception) -> None:
    reading.skipped += 1
    if not reading.reason:
        said = "it is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        reading.reason = f"{name}: {' '.join(said.split())[:200]}"
