"""Where a path leads, as far as the text tells: the whole machine, a home, a project, scratch.

Paths are never looked up. A relative path stays relative when the folder is not known.
"""

import posixpath
import re
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import Struct

from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

Place = Literal[
    "root",  # / itself
    "system",  # a tree the machine needs: /usr, /etc/..., /var/lib
    "inside_system",  # something below such a tree
    "home",  # somebody's whole home, or the folder of all homes
    "settings",  # a dot file or dot folder right in a home
    "scratch_root",  # all of /tmp
    "scratch",  # something in /tmp
    "build",  # a folder that a build makes again
    "git_store",  # git's own objects, references, or the whole .git
    "stream",  # /dev/null, a terminal, a descriptor
    "device",  # a disk, partition or memory device
    "here",  # the whole folder the script is in
    "above",  # the folder above, or further up
    "unknown",  # nobody can know
    "ordinary",
]


class Location(Struct, frozen=True):
    """A path made plain, and its place. `contents`: not the folder but all that is in it."""

    path: str
    place: Place
    contents: bool = False


_TOP_TREES = [
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "media",
    "mnt",
    "nix",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "usr",
    "var",
    "snap",
    "System",
    "Library",
    "Applications",
    "Users",
    "Volumes",
    "private",
    "cores",
]
_INNER_TREES = listed(
    "/usr/bin /usr/sbin /usr/lib /usr/lib64 /usr/libexec /usr/local "
    "/usr/local/bin /usr/local/lib /usr/share /usr/include /usr/src /var/lib "
    "/var/log /var/cache /var/spool /var/www /var/mail /var/run /var/backups "
    "/var/db /var/opt /opt/homebrew /run/user /lib/modules /boot/efi /boot/grub "
    "/private/etc /private/var /System/Library /Library/LaunchDaemons "
    "/lib/x86_64-linux-gnu /lib/aarch64-linux-gnu /lib/systemd /lib/firmware "
    "/var/lib/dpkg /var/lib/apt /var/lib/rpm /var/lib/pacman /var/lib/systemd /usr/lib/systemd "
    "/usr/lib/x86_64-linux-gnu /usr/lib/aarch64-linux-gnu /usr/lib/modules /usr/lib/firmware "
    "/usr/lib32 /usr/libx32 /usr/lib/python3 /usr/lib/grub"
)
_SCRATCH_ROOTS = ("/tmp", "/var/tmp", "/private/tmp", "/private/var/tmp", "/dev/shm")  # noqa: S108
_REGENERABLE = listed(
    "build dist node_modules target out __pycache__ .pytest_cache .mypy_cache "
    ".ruff_cache .tox .nox .venv venv coverage htmlcov .coverage .next .nuxt "
    ".svelte-kit .nyc_output .parcel-cache .turbo .gradle obj .eggs .hypothesis .cache "
    ".terraform DerivedData bower_components .angular .ipynb_checkpoints _build "
    ".import_linter_cache .dart_tool .output"
)
_REGENERABLE_PATTERN = re.compile(r".*\.egg-info|cmake-build-.*|build-.*|.*\.dist-info")
_HOME_CACHES = listed(".cache .npm .gradle .m2 .cargo .yarn .pnpm-store .nuget .ivy2")
_HOME = re.compile(r"(?:/home/[^/]+|/root|/Users/[^/]+|/var/root)(?:/(.*))?")
_GIT_STORE = re.compile(
    r"(?:.*/)?\.git(?:/(?:objects|refs|HEAD|packed-refs|logs|index|config)(?:/.*)?)?"
)
_DEVICE = re.compile(
    r"/dev/(?:[hsvx]v?d[a-z]+\d*|nvme.*|mmcblk.*|md\d.*|dm-.*|mapper/.*|disk/.*|loop\d.*|sr\d.*"
    r"|nbd.*|r?disk\d.*|ad[ae]?\d.*|da\d.*|zd\d.*|zvol/.*|bcache.*|ram\d.*|mem|kmem|port|mtd.*"
    r"|pmem.*|sg\d.*|fd\d.*|vg[^/]*/.*|[\w-]*vg/.*|block/.*|root|ubi.*|drbd.*)"
)
_FAR_UP = "../" * 6
_LONGEST_PATTERN = 1000  # characters; names have 255 bytes at most
_STREAM = re.compile(
    r"/dev/(?:null|zero|full|tty\w*|u?random|std(?:in|out|err)|fd/.*|pts/.*|ptmx|console|pipe-.*"
    r"|tcp/.*|udp/.*)|/proc/(?:self|thread-self|\d+)/fd/.*"
)
_ALL_OF_IT = re.compile(r"[*?.]*[*?][*?.]*|\.\[[^\]]*\][*?]*|\{\*,\.\*\}")


def locate(text: str, folder: str = "") -> Location:
    """Say where a path leads for a command that runs in `folder` ("" when unknown)."""
    if not text:
        return Location("", "ordinary")
    path = plain_path(text, folder)
    if path.startswith(UNKNOWN) and not _known_component(path):
        return Location(path, "unknown")
    contents = False
    head, _, last = path.rpartition("/")
    if last and _ALL_OF_IT.fullmatch(last) and last not in (".", ".."):
        path, contents = (head or ("/" if path.startswith("/") else ".")), True
    return Location(path, _place(path), contents)


def plain_path(text: str, folder: str = "") -> str:
    """Join with the folder and take out `.`, `..` and doubled slashes."""
    if not text.startswith(("/", UNKNOWN)) and folder and not folder.startswith(UNKNOWN):
        text = f"{folder}/{text}"
    if text.startswith("//"):
        text = "/" + text.lstrip("/")
    return posixpath.normpath(text)


def below(path: str, folder: str) -> bool:
    """Whether a plain path is the folder or something in it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/") or folder in (".", "/")


def _known_component(path: str) -> bool:
    return any(part in _REGENERABLE or part == ".git" for part in path.split("/"))


def _place(path: str) -> Place:
    if _GIT_STORE.fullmatch(path):
        return "git_store"
    if not path.startswith("/"):
        return _relative_place(path)
    if path == "/":
        return "root"
    for root in _SCRATCH_ROOTS:
        if below(path, root):
            return _scratch_place(path[len(root) + 1 :])
    if path.startswith(("/dev/", "/proc/")):
        if _STREAM.fullmatch(path):
            return "stream"
        if _DEVICE.fullmatch(path):
            return "device"
    home = _HOME.fullmatch(path)
    if home or path in ("/home", "/Users"):
        return _home_place(home[1] or "" if home else "")
    top, _, rest = path[1:].partition("/")
    if top == UNKNOWN:
        return "build" if _regenerable(path) else "unknown"
    if any(top == tree or _matches(tree, top) for tree in _TOP_TREES):
        if not rest or path in _INNER_TREES or top in ("proc", "sys"):
            return "system"
        return "unknown" if rest == UNKNOWN else "inside_system"
    return "build" if _regenerable(path) else "ordinary"


def _matches(name: str, pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[") and is_matched(name, pattern)


def is_matched(name: str, pattern: str) -> bool:
    """Whether a shell's pattern finds a name; a pattern too long to be meant so may find any.

    `fnmatch` takes the square of the time for a pattern of brackets that nothing closes.
    """
    return len(pattern) > _LONGEST_PATTERN or fnmatchcase(name, pattern)


def _relative_place(path: str) -> Place:
    if path == ".":
        return "here"
    if path == ".." or path.startswith("../"):
        only_up = all(part == ".." for part in path.split("/"))
        if path.startswith(_FAR_UP):  # further up than projects lie: this is how `/` is written
            return _place(posixpath.normpath("/" + path))
        return "above" if only_up or not _regenerable(path) else "build"
    if _regenerable(path):
        return "build"
    return "unknown" if path.startswith(UNKNOWN) else "ordinary"


def _scratch_place(rest: str) -> Place:
    first = rest.partition("/")[0]
    if not first:
        return "scratch_root"
    return "scratch" if first.strip(f"*?.{UNKNOWN}") else "unknown"


def _home_place(rest: str) -> Place:
    first, _, deeper = rest.partition("/")
    if not first:
        return "home"
    if first == UNKNOWN and not deeper:
        return "unknown"
    if _regenerable(deeper if first.startswith(".") else rest):
        return "build"
    if first.startswith(".") and not deeper and first not in _HOME_CACHES:
        return "settings"
    return "ordinary"


def _regenerable(path: str) -> bool:
    return any(
        part in _REGENERABLE or _REGENERABLE_PATTERN.fullmatch(part) for part in path.split("/")
    )
