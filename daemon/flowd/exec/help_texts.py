"""The options that a program tells of itself, asked by `--help` where no manual page is installed.

Only programs are asked that are known to answer and do nothing else: a script of somebody's own may
take `--help` for the name of a file to delete. They get no input, no environment but a PATH, an
empty folder, and a few seconds; what they say is remembered as long as the program stays the same.
"""

import os
import re
import shutil
import subprocess
import tempfile

import trio
from msgspec import Struct

from flowd.exec.manual_pages import Entry
from flowd.exec.option_texts import read_help

ASK_SECONDS = 8.0
MOST_BYTES = 400_000
MOST_REMEMBERED = 500  # answers

_ANSWER_TEXT = """
    pip pip3 pytest ruff mypy black isort flake8 pylint tox nox uv poetry pdm hatch twine pre-commit
    docker podman nerdctl kubectl helm kind minikube gh glab hub cargo rustc rustfmt rustup go
    gofmt golangci-lint terraform tofu packer vault ansible ansible-playbook jq yq rg fd bat eza
    delta fzf hyperfine shellcheck shfmt hadolint yamllint prettier eslint tsc node deno bun
"""
ANSWER = frozenset(_ANSWER_TEXT.split())
_PARTS_TEXT = """
    pip pip3 ruff uv poetry pdm hatch twine pre-commit docker podman nerdctl kubectl helm kind
    minikube gh glab cargo rustup go terraform tofu packer vault deno bun
"""
_HAVE_PARTS = frozenset(_PARTS_TEXT.split())
_OPTION = re.compile(r"(?<![\w-])--(\[no-\])?([A-Za-z0-9][\w-]*)")
_DESCRIBE_THEMSELVES_TEXT = """
    arch b2sum base32 base64 basename cat chgrp chmod chown cksum comm cp csplit cut date dd df dir
    dircolors dirname du echo env expand expr factor fmt fold head id install join ln ls
    md5sum mkdir mkfifo mktemp mv nice nl nohup nproc numfmt od paste pr printenv ptx pwd readlink
    realpath rm rmdir seq sha1sum sha256sum sha512sum shred shuf sleep sort split stat stdbuf stty
    sum sync tac tail tee timeout touch tr truncate tsort tty uname unexpand uniq uptime
    users wc who whoami grep egrep fgrep sed gawk tar gzip gunzip bzip2 xz zstd find xargs diff
    cmp patch make curl wget ps free top vmstat watch pgrep pkill kill mount umount lsblk blkid
    systemctl journalctl loginctl hostnamectl timedatectl git apt apt-get apt-cache dpkg less tree
    file rsync ss ip column
"""
_DESCRIBE_THEMSELVES = frozenset(_DESCRIBE_THEMSELVES_TEXT.split())
"""Further programs that take `--help` for nothing else: asked where what they do is explained."""


class Told(Struct, frozen=True):
    """What a program told: its long options, what it is for, and what it says of each option."""

    options: frozenset[str]
    about: str = ""
    entries: tuple[Entry, ...] = ()


_NOTHING = Told(frozenset())
_told: dict[tuple[str, int, tuple[str, ...]], Told] = {}


def words_to_ask(name: str, arguments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Give the words before `--help` for a call; None when nobody must be asked about it.

    `docker compose up -d` asks `docker compose up`; an option before the part hides the part.
    """
    if name not in ANSWER:
        return None
    if name not in _HAVE_PARTS:
        return ()
    parts: list[str] = []
    for word in arguments[:2]:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", word):
            break
        parts.append(word)
    return tuple(parts) or None


def remembered(program: str, words: tuple[str, ...]) -> frozenset[str]:
    """Give what the program told earlier; nothing when it was never asked, or has changed."""
    return _told.get(_key(program, words), _NOTHING).options


def describes_itself(name: str, words: tuple[str, ...]) -> bool:
    """Whether `NAME WORDS --help` may be called: it is known to describe the program only."""
    return name in _HAVE_PARTS if words else name in ANSWER or name in _DESCRIBE_THEMSELVES


async def ask(program: str, words: tuple[str, ...]) -> frozenset[str]:
    """Ask the program for its options; the second word may be no part, and is left out then."""
    told = await ask_for_texts(program, words)
    if not told.options and len(words) > 1:
        told = await ask_for_texts(program, words[:1])
        if told.options:
            _told[_key(program, words)] = told
    return told.options


async def ask_for_texts(program: str, words: tuple[str, ...], path: str = "") -> Told:
    """Ask the program for all that it says of itself; nothing when it does not answer in time.

    `path` is where it finds programs of its own (cargo and its parts), else the daemon's PATH.
    """
    key = _key(program, words)
    if key not in _told:
        told = await _ask((program, *words, "--help"), path)
        if not told.options and not told.entries:  # perhaps it took too long this time
            return told
        while len(_told) >= MOST_REMEMBERED:
            del _told[next(iter(_told))]
        _told[key] = told
    return _told[key]


async def ask_shell(builtin: str) -> Told:
    """Ask bash what it says of one of its own commands."""
    bash = shutil.which("bash", path=os.defpath)
    if bash is None:
        return _NOTHING
    key = _key(bash, ("help", builtin))
    if key not in _told:
        script = 'help -- "$1"'
        _told[key] = await _ask((bash, "--noprofile", "--norc", "-c", script, "bash", builtin))
    return _told[key]


def _key(program: str, words: tuple[str, ...]) -> tuple[str, int, tuple[str, ...]]:
    try:
        return program, os.stat(program).st_mtime_ns, words  # noqa: PTH116
    except OSError:
        return program, 0, words


async def _ask(command: tuple[str, ...], path: str = "") -> Told:
    with tempfile.TemporaryDirectory(prefix="flow-help-") as nowhere:
        environment = {
            "PATH": path or os.environ.get("PATH", os.defpath),
            "HOME": nowhere,
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        try:
            with trio.move_on_after(ASK_SECONDS):
                ran = await trio.run_process(
                    command,
                    cwd=nowhere,
                    env=environment,
                    stdin=b"",
                    capture_stdout=True,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
                return _read(ran.stdout[:MOST_BYTES].decode(errors="replace"), ran.returncode)
        except OSError:
            return _NOTHING
    return _NOTHING


def _read(text: str, code: int) -> Told:
    if code != 0:
        return _NOTHING
    found = set()
    for negated, name in _OPTION.findall(text):
        found.add(f"--{name}")
        if negated:
            found.add(f"--no-{name}")
    about, entries = read_help(text)
    return Told(frozenset(found), about, tuple(entries))
