"""The `.env` file of a folder: what it sets, read again whenever it changes."""

import os
from collections.abc import Mapping
from functools import lru_cache
from io import StringIO

LARGEST_BYTES = 65_536


def dotenv_of(folder: str, name: str = ".env") -> Mapping[str, str]:
    """Give what a `.env` file sets; nothing when there is none, or it cannot be read."""
    return _parsed(text_of(f"{folder}/{name}"))


def text_of(path: str) -> str:
    """Give a small file's text, read again when it changes; "" when it cannot be read."""
    try:
        status = os.stat(path)  # noqa: PTH116 - asked for every attempt that writes
    except (OSError, ValueError):
        return ""
    return _read(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _read(path: str, _changed_ns: int, size: int) -> str:
    if size > LARGEST_BYTES:
        return ""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read()
    except OSError:
        return ""


@lru_cache(maxsize=64)
def _parsed(text: str) -> Mapping[str, str]:
    return read_dotenv(text) if text else {}


def read_dotenv(text: str) -> dict[str, str]:
    """Read a `.env` file's text, without replacing variables in it."""
    from dotenv import dotenv_values  # here: few daemons need it

    values = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: value for name, value in values.items() if value is not None}
