"""The options that a program tells of itself, asked by `--help` where no manual page is installed.

Only programs are asked that are known to answer and do nothing else: a script of somebody's own may
take `--help` for the name of a file to delete. They get no input, no environment but a PATH, an
empty folder, and a few seconds; what they say is remembered as long as the program stays the same.
"""

import os
import re
import subprocess
import tempfile

import trio

ASK_SECONDS = 8.0
MOST_BYTES = 400_000

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
_told: dict[tuple[str, int, tuple[str, ...]], frozenset[str]] = {}


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
    return _told.get(_key(program, words), frozenset())


async def ask(program: str, words: tuple[str, ...]) -> frozenset[str]:
    """Ask the program for its options; the second word may be no part, and is left out then."""
    key = _key(program, words)
    if key not in _told:
        found = await _options(program, words)
        if not found and len(words) > 1:
            found = await _options(program, words[:1])
        if not found:  # perhaps it took too long this time
            return found
        _told[key] = found
    return _told[key]


def _key(program: str, words: tuple[str, ...]) -> tuple[str, int, tuple[str, ...]]:
    try:
        return program, os.stat(program).st_mtime_ns, words  # noqa: PTH116
    except OSError:
        return program, 0, words


async def _options(program: str, words: tuple[str, ...]) -> frozenset[str]:
    with tempfile.TemporaryDirectory(prefix="flow-help-") as nowhere:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": nowhere,
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "COLUMNS": "200",
        }
        try:
            with trio.move_on_after(ASK_SECONDS):
                ran = await trio.run_process(
                    [program, *words, "--help"],
                    cwd=nowhere,
                    env=environment,
                    stdin=b"",
                    capture_stdout=True,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
                return _read(ran.stdout[:MOST_BYTES].decode(errors="replace"), ran.returncode)
        except OSError:
            return frozenset()
    return frozenset()


def _read(text: str, code: int) -> frozenset[str]:
    if code != 0:
        return frozenset()
    found = set()
    for negated, name in _OPTION.findall(text):
        found.add(f"--{name}")
        if negated:
            found.add(f"--no-{name}")
    return frozenset(found)
