"""Where the values of `secrets:` come from: the sources that `[secrets]` of the settings names.

A value is looked up whenever an attempt needs it, and kept nowhere.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import trio

from flowd.config import SecretSource
from flowd.exec.dotenv import dotenv_of, read_dotenv, text_of

LARGEST_BYTES = 65_536
COMMAND_SECONDS = 15.0


class NotToBeHad(Exception):
    """A source does not give its secret; the message says why, and never the value."""


class SecretSources:
    """Looks up the secrets that the settings name."""

    def __init__(self, sources: Mapping[str, SecretSource]):
        self._sources = sources

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def at_hand(self, cwd: str) -> dict[str, str]:
        """Give those values that need no program asked: what anybody writes of them is masked."""
        found: dict[str, str] = {}
        for name, source in self._sources.items():
            if source.env:
                value = os.environ.get(source.env, "")
            elif source.file:
                value = text_of(os.path.join(cwd, os.path.expanduser(source.file))).rstrip("\r\n")  # noqa: PTH111, PTH118
            else:
                value = dotenv_of(cwd, source.dotenv).get(name, "") if source.dotenv else ""
            if value:
                found[name] = value
        return found

    async def look_up(self, name: str, cwd: str) -> str:
        """Give the value of a secret that is named, for a run in `cwd`; NotToBeHad, and why."""
        source = self._sources[name]
        if source.env:
            value = os.environ.get(source.env)
            if value is None:
                raise NotToBeHad(f"the daemon's environment has no {source.env}")
            return value
        if source.command:
            return await _ask(source.command, cwd)
        if source.keyring:
            return await trio.to_thread.run_sync(_from_keyring, source.keyring)
        text = await trio.to_thread.run_sync(_read, cwd, source.file or source.dotenv)
        if source.file:
            return text.rstrip("\r\n")
        found = read_dotenv(text).get(name)
        if found is None:
            raise NotToBeHad(f"{source.dotenv} does not set {name}")
        return found


def _read(cwd: str, name: str) -> str:
    path = Path(cwd) / Path(name).expanduser()
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_BYTES).decode()
    except OSError as error:
        raise NotToBeHad(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise NotToBeHad(f"{path} is not UTF-8") from None


async def _ask(command: list[str], cwd: str) -> str:
    """Run a program that prints the secret; it gets no input and has so many seconds."""
    try:
        with trio.fail_after(COMMAND_SECONDS):
            ran = await trio.run_process(
                command,
                cwd=cwd,
                stdin=b"",
                capture_stdout=True,
                stderr=subprocess.DEVNULL,
                check=False,
            )
    except trio.TooSlowError:
        raise NotToBeHad(f"{command[0]} took longer than {COMMAND_SECONDS:.0f} s") from None
    except OSError as error:
        raise NotToBeHad(f"{command[0]}: {error.strerror}") from None
    if ran.returncode != 0:
        raise NotToBeHad(f"{command[0]} ended with exit code {ran.returncode}")
    return ran.stdout[:LARGEST_BYTES].decode(errors="replace").rstrip("\r\n")


def _from_keyring(where: str) -> str:
    service, _, user = where.partition("/")
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore]  # an extra
        from keyring.errors import (  # type: ignore[import-not-found,unused-ignore]
            KeyringError,
        )
    except ImportError:
        raise NotToBeHad("keyrings need the package keyring: pip install keyring") from None
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise NotToBeHad(f"the keyring does not answer: {type(error).__name__}") from None
    if value is None:
        raise NotToBeHad(f"the keyring has nothing for {where}")
    return str(value)
