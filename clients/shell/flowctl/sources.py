"""Which workflow is meant: a file, standard input, a template or a suggestion."""

from __future__ import annotations

import os
import stat
import sys

from flowctl.exits import Failure, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LARGEST_BYTES = 8 * 1024 * 1024


def is_file_name(name: str) -> bool:
    """Whether a word names a file (or standard input) rather than a template or suggestion."""
    return name == "-" or "/" in name or name.endswith((".yaml", ".yml")) or os.path.isfile(name)  # noqa: PTH113


def workflow_params(name: str) -> dict[str, Any]:
    """Give the part of `flow/run` or `flow/check` that says which file is meant.

    The daemon reads ordinary files itself, so that the run remembers where it came from; pipes and
    standard input only we can read. Failure when there is no such file.
    """
    if name == "-":
        return {"text": _text(sys.stdin.buffer.read(_LARGEST_BYTES + 1), "standard input")}
    path = os.path.abspath(name)  # noqa: PTH100  # pathlib is slow to import
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116
        if stat.S_ISREG(mode):
            return {"path": path}
        if stat.S_ISDIR(mode):
            raise UsageError(f"{name} is a folder", cure="give a *.flow.yaml file")
        with open(path, "rb") as file:  # noqa: PTH123
            return {"text": _text(file.read(_LARGEST_BYTES + 1), name)}
    except OSError as error:
        raise Failure(
            f"{name}: {error.strerror}",
            code="not_found",
            cure="check the name; templates and suggestions are named without `/` and `.yaml`",
        ) from error


def text_in(name: str) -> str:
    """Give the text of a file that this program reads itself. Failure when it cannot be read."""
    try:
        with open(name, "rb") as file:  # noqa: PTH123
            return _text(file.read(_LARGEST_BYTES + 1), name)
    except OSError as error:
        raise Failure(
            f"{name}: {error.strerror}", code="not_found", cure="check the name"
        ) from error


def _text(data: bytes, name: str) -> str:
    if len(data) > _LARGEST_BYTES:
        raise UsageError(f"{name} has more than {_LARGEST_BYTES} bytes", cure="split the workflow")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8: {error}", cure="save it as UTF-8") from error


def inputs(pairs: list[str]) -> dict[str, str]:
    """Read `NAME=VALUE` words; the daemon reads values as the types the workflow declares."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"--input {pair!r} is not NAME=VALUE", cure="write --input name=value")
        found[name] = value
    return found


def folder(given: str) -> str:
    """Give the absolute folder to work in: the one given, or the present one."""
    try:
        path = os.path.abspath(given or os.getcwd())  # noqa: PTH100, PTH109
    except FileNotFoundError as error:
        raise UsageError("the folder you are in is gone", cure="cd to one that exists") from error
    if not os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{given} is not a folder", cure="give an existing folder with --cwd")
    return path
