"""Where the daemon's socket is. Apart from `paths.py` because every `flowctl` call pays for it."""

from __future__ import annotations

import os

SOCKET_PATH_LIMIT = 107  # bytes: sun_path holds 108 on Linux, with its closing zero


def runtime_folder() -> str:
    """Give $XDG_RUNTIME_DIR, or a private folder under /tmp where no login made one.

    The folder a login made is looked for too: a shell that was not told of it (cron, `su`, a
    container) finds the daemon all the same.
    """
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    if given.startswith("/"):  # the XDG specification has relative ones ignored
        return given
    user = os.getuid()
    login = f"/run/user/{user}"
    try:
        if os.stat(login).st_uid == user:  # noqa: PTH116  # pathlib costs half a Python start
            return login
    except OSError:
        pass
    return f"/tmp/flow-runtime-{user}"  # noqa: S108  # the daemon makes it 0700 and checks its owner


def find_socket() -> str:
    """Compute the socket's absolute path from the environment; nothing is created."""
    home = os.path.expanduser(os.environ.get("FLOW_HOME", ""))  # noqa: PTH111  # pathlib costs half a Python start
    if not home:
        wanted = f"{runtime_folder()}/flow/flowd.sock"
    elif home.startswith("/"):
        wanted = f"{home.rstrip('/')}/flowd.sock"
    else:
        wanted = f"{os.getcwd()}/{home.rstrip('/')}/flowd.sock"  # noqa: PTH109
    return _short(wanted)


def _short(socket: str) -> str:
    """Give a path the kernel accepts: a long one becomes a name made of its own digest."""
    raw = os.fsencode(socket)
    if len(raw) <= SOCKET_PATH_LIMIT:
        return socket
    from hashlib import blake2b

    digest = blake2b(raw, digest_size=8).hexdigest()
    return f"{runtime_folder()}/flow/{digest}.sock"
