"""Which long options a program knows: what a model made up is found before it runs.

Manual pages are read, and some programs asked (`help_texts.py`). Where neither tells, nothing is
said; nor of options that may be another program's, as behind `sudo` or `xargs`. A false alarm is
worse than a miss, so beginnings of options (as GNU programs allow) and `--no-…` count as known.
"""

import gzip
import os
import re
from collections.abc import Iterator
from functools import lru_cache

import trio

from flowd.domain.foresight import UNSEEN
from flowd.exec import help_texts

LARGEST_PAGE_BYTES = 2_000_000
LEAST_OPTIONS = 3  # a page with fewer is about something else, or tells them in another way

_SECTIONS = ("1", "8", "1p", "6", "1ssl")
_FOLDERS = ("/usr/share/man", "/usr/local/share/man", "/usr/local/man")
_WRAPPERS_TEXT = """
    sudo doas su env nice ionice nohup setsid timeout time stdbuf xargs parallel find fd watch
    ssh strace ltrace gdb valgrind chroot unshare nsenter flock script screen tmux systemd-run
    bash sh zsh dash fish ksh python python3 perl ruby node java lua php awk gawk mawk Rscript
    npx bundle make gmake ninja xvfb-run firejail bwrap taskset chrt numactl watchexec entr gcc
    g++ cc c++ clang clang++ ld ffmpeg convert magick qemu-system-x86_64 busybox toybox openssl
    dd test expr ps hyperfine docker podman kubectl oc postgres zgrep zegrep zfgrep xzgrep
    bzgrep lzgrep zstdgrep zdiff xzdiff kill apt apt-get apt-key llc llvm-config
"""
_WRAPPERS = frozenset(_WRAPPERS_TEXT.split())
"""Programs whose words may be those of another, or that do not write options as others do."""
_WITH_PAGES_OF_PARTS_TEXT = """
    git cargo npm btrfs lvm nmcli perf hub pip pip3 gcloud aws az gh helm terraform go
"""
_WITH_PAGES_OF_PARTS = frozenset(_WITH_PAGES_OF_PARTS_TEXT.split())
"""Programs whose subcommands have pages of their own, called PROGRAM-SUBCOMMAND."""
_TAKE_OPTIONS_OF_OTHERS = frozenset(["git-annotate", "git-difftool", "git-reflog", "git-cherry"])
_FONT = re.compile(r"\\(?:f(?:\[[^]]*\]|\(..|.)|[&,/:%^|)]|s[-+]?\d+|m\[[^]]*\])")
_DASH = re.compile(r"\\(?:-|\(mi|\(hy|\[u2010\]|\(en)")
_MDOC = re.compile(r"\bFl\s+(?:Fl\s+|-)(?=[A-Za-z])")
_OPTION = re.compile(r"(?<![\w-])--(\[no-?\])?([A-Za-z0-9][\w.-]*(?:\[[\w-]+\][\w-]*)*)")
_REDIRECT = re.compile(r"\A(?:\.\\\".*\n|'.*\n)*\.so\s+(\S+)")


class Manuals:
    """The options of programs, read once for each page."""

    async def unknown(
        self, program: str, arguments: tuple[str, ...], *, asks: bool = False
    ) -> list[tuple[str, str]]:
        """Give the long options that nobody knows, each with one that it may mean.

        `program` is a path; `arguments` may hold `UNSEEN`. With `asks`, a program that is known to
        answer is asked where it has no page.
        """
        given = list(_long_options(arguments))
        name = os.path.basename(program)  # noqa: PTH119
        if not given:
            return []
        page = None if name in _WRAPPERS else _page_for(name, arguments, program)
        known = await _options_in(page) if page else frozenset()
        if len(known) < LEAST_OPTIONS:
            known = await _told(name, program, arguments, asks=asks)
        if len(known) < LEAST_OPTIONS:
            return []
        import difflib  # here: it is wanted when an option may be wrong

        return [
            (option, next(iter(difflib.get_close_matches(option, known, 1, 0.6)), ""))
            for option in given
            if not _is_known(option, known)
        ]


async def _told(
    name: str, program: str, arguments: tuple[str, ...], *, asks: bool
) -> frozenset[str]:
    words = help_texts.words_to_ask(name, arguments)
    if words is None:
        return frozenset()
    told = help_texts.remembered(program, words)
    return await help_texts.ask(program, words) if asks and not told else told


def _long_options(arguments: tuple[str, ...]) -> Iterator[str]:
    for argument in arguments:
        if argument == "--":
            return
        name = argument.partition("=")[0]
        if name.startswith("--") and UNSEEN not in name and name[2:3].isalpha():
            yield name


def _is_known(option: str, known: frozenset[str]) -> bool:
    if option in known or option in ("--help", "--version", "--usage"):
        return True
    if option.startswith("--no-") and f"--{option[5:]}" in known:
        return True
    return f"--no-{option[2:]}" in known or any(each.startswith(option) for each in known)


# ------------------------------------------------------------------------------------------ pages


def _page_for(name: str, arguments: tuple[str, ...], program: str) -> str | None:
    """The file of the page that tells the options; None where none does for sure."""
    if name not in _WITH_PAGES_OF_PARTS:
        return find_page(name, program)
    part = next((word for word in arguments if not word.startswith("-")), "")
    if not re.fullmatch(r"[a-z][a-z-]*", part):
        return None
    if any(word.startswith("-") for word in arguments[: arguments.index(part)]):
        return None  # the program's own options stand before, and some of them take a word
    whole = f"{name}-{part}"
    return None if whole in _TAKE_OPTIONS_OF_OTHERS else find_page(whole, program)


@lru_cache(maxsize=256)
def find_page(name: str, program: str) -> str | None:
    """The file of a manual page: beside the program, at a path, or where systems keep them."""
    beside = os.path.join(os.path.dirname(os.path.dirname(program)), "share/man")  # noqa: PTH118, PTH120
    for folder in dict.fromkeys((beside, *_FOLDERS)):
        for section in _SECTIONS:
            for ending in ("", ".gz"):
                file = f"{folder}/man{section[0]}/{name}.{section}{ending}"
                if os.path.isfile(file):  # noqa: PTH113
                    return file
    return None


_read: dict[tuple[str, int], frozenset[str]] = {}


async def _options_in(page: str) -> frozenset[str]:
    """Give the options in a page, read once as long as it stays as it is."""
    try:
        key = (page, os.stat(page).st_mtime_ns)  # noqa: PTH116
    except OSError:
        return frozenset()
    if key not in _read:
        _read[key] = await trio.to_thread.run_sync(read_options, page)
    return _read[key]


def read_options(page: str) -> frozenset[str]:
    """Read a manual page's file, plain or packed; empty when it cannot be read."""
    return frozenset(_options_of(source_of(page)))


def source_of(page: str, followed: int = 0) -> str:
    """The text of a manual page's file, or of the page it names instead; "" when unreadable."""
    try:
        opened = gzip.open(page) if page.endswith(".gz") else open(page, "rb")  # noqa: PTH123, SIM115
        with opened as file:
            source = file.read(LARGEST_PAGE_BYTES).decode(errors="replace")
    except (OSError, EOFError):
        return ""
    other = _REDIRECT.match(source)
    if other is not None and followed < 3:
        root = os.path.dirname(os.path.dirname(page))  # noqa: PTH120
        for ending in ("", ".gz"):
            file_name = os.path.join(root, other[1] + ending)  # noqa: PTH118
            if os.path.isfile(file_name):  # noqa: PTH113
                return source_of(file_name, followed + 1)
    return source


def _options_of(source: str) -> Iterator[str]:
    """Find the options in a page's source (man or mdoc macros)."""
    text = _MDOC.sub("--", _DASH.sub("-", _FONT.sub("", source)))
    for negated, name in _OPTION.findall(text):
        whole = re.sub(r"[\[\]]", "", name).rstrip(".-")
        bare = re.sub(r"\[[^]]*\]", "", name).rstrip(".-")
        for each in {whole, bare}:
            yield f"--{each}"
            if negated:
                yield f"--no-{each}"
