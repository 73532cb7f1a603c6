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
    socket: Path
    lock: Path


def runtime_directory() -> Path:
    """Give $XDG_RUNTIME_DIR, or a private folder under /tmp where no login made one."""
    return Path(runtime_folder())


def find_paths() -> Paths:
    """Compute every path from the environment."""
    home = os.environ.get("FLOW_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        return _paths(config=base, state=base)
    user = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config") / "flow"
    state = Path(os.environ.get("XDG_STATE_HOME") or user / ".local" / "state") / "flow"
    return _paths(config=config, state=state)


def _paths(*, config: Path, state: Path) -> Paths:
    return Paths(
        config=config / "config.toml",
        policy=config / "policy.yaml",
        state=state,
        database=state / "flow.db",
        logs=state / "logs",
        steps=state / "steps",
        socket=Path(find_socket()),
        lock=state / "flowd.lock",
    )
