"""Where Flow's files are: the contract that the daemon and its clients share.

`FLOW_HOME` set: everything is in that folder. Otherwise the XDG base directories are used.
"""

import os
from pathlib import Path
from typing import NamedTuple

from flowproto.socketpath import SOCKET_PATH_LIMIT, find_socket, runtime_folder

__all__ = ["SOCKET_PATH_LIMIT", "Paths", "find_paths", "runtime_directory"]


class Paths(NamedTuple):
    """Absolute places. Nothing is created by computing them."""

    config: Path
    policy: Path
    state: Path
    database: Path
    logs: Path
    steps: Path
    saved: Path
    artifacts: Path
    socket: Path
    lock: Path


def runtime_directory() -> Path:
    """Give the folder for sockets; see `socketpath.runtime_folder`."""
    return Path(runtime_folder())


def find_paths() -> Paths:
    """Compute every path from the environment."""
    home = os.environ.get("FLOW_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        return _paths(config=base, state=base)
    user = Path.home()
    config = _xdg("XDG_CONFIG_HOME", user / ".config") / "flow"
    state = _xdg("XDG_STATE_HOME", user / ".local" / "state") / "flow"
    return _paths(config=config, state=state)


def _xdg(variable: str, otherwise: Path) -> Path:
    """Give the folder a variable names; the XDG specification has relative ones ignored."""
    given = Path(os.environ.get(variable, ""))
    return given if given.is_absolute() else otherwise


def _paths(*, config: Path, state: Path) -> Paths:
    return Paths(
        config=config / "config.toml",
        policy=config / "policy.yaml",
        state=state,
        database=state / "flow.db",
        logs=state / "logs",
        steps=state / "steps",
        saved=state / "saved",
        artifacts=state / "artifacts",
        socket=Path(find_socket()),
        lock=state / "flowd.lock",
    )
