"""Where a program describes itself: its manual page, its `--help`, a page of tldr; else nowhere."""

import os
import re
import shutil
from pathlib import Path

import trio

from flowd.exec import help_texts
from flowd.exec.flags import find_page, source_of
from flowd.exec.manual_pages import read_page
from flowd.exec.option_texts import NO_MANUAL, Manual, manual_of
from flowd.exec.plain import is_shells_own

MOST_REMEMBERED = 200
_TLDR_CACHES = ("~/.cache/tldr", "~/.local/share/tldr", "~/.tldr", "~/.cache/tealdeer/tldr-pages")
_TLDR_FOLDERS = tuple(
    f"{above}{kind}" for above in ("pages/", "pages.en/", "") for kind in ("common", "linux")
)
_LEAST_OPTIONS = 3  # a help text with fewer is worth less than a page without any

_pages: dict[tuple[str, int], Manual] = {}


async def describe(program: str, parts: tuple[str, ...], *, path: str, aside: str) -> Manual:
    """Give what a program says of itself, or of its part (`git commit`); NO_MANUAL for nothing.

    `path` is where programs are looked for. One that lies in the folder `aside`, the project's, is
    never started: it may be anything.
    """
    if "/" in program:
        program = os.path.basename(program)  # noqa: PTH119
    if is_shells_own(program) and not parts:
        told = await help_texts.ask_shell(program)
        if told.entries or told.about:
            return manual_of(f"help {program}", told.about, told.entries)
    found = shutil.which(program, path=path) or ""
    page = find_page("-".join((program, *parts)), found or f"/usr/bin/{program}")
    manual = await _read(page) if page is not None else NO_MANUAL
    if len(manual.options) < _LEAST_OPTIONS and found and not _lies_in(found, aside):
        outside = os.pathsep.join(p for p in path.split(os.pathsep) if not _lies_in(p, aside))
        manual = await _asked(program, found, parts, outside) or manual
    if manual.about or manual.options or parts:
        return manual
    return await trio.to_thread.run_sync(_from_tldr, program)


def _lies_in(program: str, folder: str) -> bool:
    real = os.path.realpath(program)
    return bool(folder) and any(Path(each).is_relative_to(folder) for each in (program, real))


async def _read(page: str) -> Manual:
    """Read a page once as long as it stays as it is."""
    try:
        key = (page, os.stat(page).st_mtime_ns)  # noqa: PTH116
    except OSError:
        return NO_MANUAL
    if key not in _pages:
        manual = await trio.to_thread.run_sync(_manual_in, page)
        while len(_pages) >= MOST_REMEMBERED:
            del _pages[next(iter(_pages))]
        _pages[key] = manual
    return _pages[key]


def _manual_in(page: str) -> Manual:
    read = read_page(source_of(page))
    name, _, section = os.path.basename(page).removesuffix(".gz").rpartition(".")  # noqa: PTH119
    return manual_of(f"{name}({section})", read.about, read.entries)


async def _asked(program: str, found: str, parts: tuple[str, ...], path: str) -> Manual | None:
    if not help_texts.describes_itself(program, parts):
        return None
    told = await help_texts.ask_for_texts(found, parts, path)
    if parts:
        whole = await help_texts.ask_for_texts(found, (), path)
        if (told.options, told.about) == (whole.options, whole.about):
            return None  # it does not know the part, and told of itself
    if not told.entries:
        return None
    return manual_of(" ".join((program, *parts, "--help")), told.about, told.entries)


def _from_tldr(program: str) -> Manual:
    """The line that says what a program is for, where the user keeps tldr pages."""
    if re.fullmatch(r"[\w.+-]+", program) is None:
        return NO_MANUAL
    for cache in _TLDR_CACHES:
        for folder in _TLDR_FOLDERS:
            page = Path(cache).expanduser() / folder / f"{program}.md"
            try:
                lines = page.read_text(errors="replace").split("\n")[:20]
            except OSError:
                continue
            about = next((line[2:] for line in lines if line.startswith("> ")), "")
            return manual_of(f"tldr {program}", about, ())
    return NO_MANUAL
