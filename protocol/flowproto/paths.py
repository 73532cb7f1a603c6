"""Where Flow's files are: the contract that the daemon and its clients share.

`FLOW_HOME` set: everything is in that folder. Otherwise the XDG base directories are used.
"""

import os
from pathlib import Path
from typing import NamedTuple

SOCKET_PATH_LIMIT = 107  # bytes: sun_path holds 108 on Linux, with its closing zero


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
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) if given else Path(f"/tmp/flow-runtime-{os.getuid()}")  # noqa: S108  # the daemon makes it 0700 and checks its owner


def find_paths() -> Paths:
    """Compute every path from the environment."""
    home = os.environ.get("FLOW_HOME")
    if home:
        base = Path(home).expanduser().absolute()
        return _paths(config=base, state=base, socket=base / "flowd.sock")
    user = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config") / "flow"
    state = Path(os.environ.get("XDG_STATE_HOME") or user / ".local" / "state") / "flow"
    return _paths(config=config, state=state, socket=runtime_directory() / "flow" / "flowd.sock")


def _paths(*, config: Path, state: Path, socket: Path) -> Paths:
    return Paths(
        config=config / "config.toml",
        policy=config / "policy.yaml",
        state=state,
        database=state / "flow.db",
        logs=state / "logs",
        steps=state / "steps",
        socket=_short(socket),
        lock=state / "flowd.lock",
    )


def _short(socket: Path) -> Path:
    """Give a path the kernel accepts: a long one becomes a name made of its own digest."""
    raw = os.fsencode(socket)
    if len(raw) <= SOCKET_PATH_LIMIT:
        return socket
    from hashlib import blake2b

    digest = blake2b(raw, digest_size=8).hexdigest()
    return runtime_directory() / "flow" / f"{digest}.sock"
