"""From the globs of a policy to places that the kernel can be told of: folders and files.

A glob that ends in `/**` or `/*` stands for folders and all that is in them, another one for the
files that have such names now: the kernel knows no patterns. What a step could have put there
itself must not lead anywhere else, so that no link within another place is followed.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import NoReturn

from flowd.domain.boundaries import ALWAYS_READABLE, Drawn
from flowd.errors import Unsupported

MOST_PLACES = 500  # each is a mount
MOST_LOOKED_AT = 100_000  # entries of folders, for one glob
_DEEPEST = 200
_MOST_LINKS = 40  # on one way, as for the kernel

# ruff: noqa: PTH115  # Paths are strings here, as in `confine.py`.


def writable_places(folders: Sequence[str], drawn: Drawn) -> list[str]:
    """Keep of folders (by their real names), or of what is in them, what all policies let write.

    Unsupported when a glob means more than can be looked at.
    """
    return _within_all(folders, drawn.writable)


def readable_places(drawn: Drawn) -> list[str]:
    """Give the places that may be read by all policies, `/` when none says otherwise.

    Unsupported as above.
    """
    return _within_all(["/"], [(*globs, *ALWAYS_READABLE) for globs in drawn.readable])


def must_be_looked_for(drawn: Drawn) -> bool:
    """Whether finding the places takes a look into folders, for which nobody should wait."""
    return any(_is_pattern(glob) for globs in (*drawn.writable, *drawn.readable) for glob in globs)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or something in it; both are plain."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _within_all(folders: Sequence[str], files: Iterable[Sequence[str]]) -> list[str]:
    for globs in files:
        places = _places(globs)
        both = [
            one if is_within(one, other) else other
            for one in folders
            for other in places
            if is_within(one, other) or is_within(other, one)
        ]
        folders = _outermost(both)
    return list(folders)


def _places(globs: Sequence[str]) -> list[str]:
    """Give what the globs of one policy file mean now, by real names."""
    plain = dict.fromkeys(_folder(glob) for glob in globs if not _is_pattern(glob))
    real = {path: _followed(path, ()) for path in plain}
    others: Callable[[str], list[str]] = lambda mine: [  # noqa: E731
        each for each in real.values() if each and each != mine
    ]
    places = [_followed(path, others(name)) for path, name in real.items() if name]
    for glob in filter(_is_pattern, globs):
        if len(places) > MOST_PLACES:
            _refuse(glob)
        places += _matching(glob, places)
    return _outermost([place for place in places if place and os.path.lexists(place)])


def _folder(glob: str) -> str:
    """Take off what stands for the content of a folder."""
    folder = glob.removesuffix("/*")
    while folder.endswith("/**"):
        folder = folder.removesuffix("/**")
    return folder or "/"


def _is_pattern(glob: str) -> bool:
    return not set(_folder(glob)).isdisjoint("*?[")


def _outermost(places: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for place in sorted(set(places), key=len):
        if not any(is_within(place, other) for other in kept):
            kept.append(place)
    return sorted(kept)


def _followed(path: str, places: Sequence[str]) -> str:
    """Give the real name of a path; empty when the way there leads through one of the places.

    What is in a place is the place's, and what a step may write to it could have made a link of.
    """
    done, to_go, links = "", path.split("/"), 0
    while to_go:
        name = to_go.pop(0)
        if name in ("", "."):
            continue
        if any(is_within(done or "/", place) for place in places):
            return ""
        if name == "..":
            done = done.rpartition("/")[0]
            continue
        try:
            target = os.readlink(f"{done}/{name}")
        except OSError:  # no link
            done = f"{done}/{name}"
            continue
        links += 1
        if links > _MOST_LINKS:
            return ""
        done = "" if target.startswith("/") else done
        to_go = [*target.split("/"), *to_go]
    return done or "/"


def _matching(glob: str, places: Sequence[str]) -> Iterator[str]:
    """Give what matches a pattern: folders when it is about what is in them, else files."""
    folders = _folder(glob) != glob
    parts = _folder(glob).split("/")
    first = next(number for number, part in enumerate(parts) if set(part) & set("*?["))
    start = _followed("/".join(parts[:first]), places)
    if not start or any(is_within(start, place) for place in places):
        return
    left = [MOST_LOOKED_AT]
    for number, path in enumerate(_below(start.rstrip("/"), parts[first:], glob, left)):
        if number > MOST_PLACES:
            _refuse(glob)
        if stat.S_ISDIR(os.lstat(path).st_mode) == folders:
            yield path


def _below(folder: str, parts: Sequence[str], glob: str, left: list[int]) -> Iterator[str]:
    """Go on from a folder with the rest of a pattern; no link is followed."""
    if not parts:
        yield folder
        return
    first, *rest = parts
    if first == "**":
        yield from _below(folder, rest, glob, left)
    try:
        entries = sorted(os.scandir(folder or "/"), key=lambda entry: entry.name)
    except OSError:  # no folder, or not for us: nothing in it is of use to the step
        return
    left[0] -= len(entries)
    if left[0] < 0 or folder.count("/") > _DEEPEST:
        _refuse(glob)
    for entry in entries:
        if entry.is_symlink():
            continue
        if first == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _below(f"{folder}/{entry.name}", parts, glob, left)
        elif fnmatchcase(entry.name, first):
            yield from _below(f"{folder}/{entry.name}", rest, glob, left)


def _refuse(glob: str) -> NoReturn:
    raise Unsupported(
        f"the policy's {glob} means too many files and folders for the kernel to be told of",
        cure="draw the boundary around a folder: only `/**` or `/*` at its end costs nothing",
    )
