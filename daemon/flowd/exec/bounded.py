"""What a step without a sandbox may do where policies draw boundaries; `confine.py` holds it there.

The walls are those of a sandbox, no higher than what is drawn: everything is to be seen, and the
environment is the step's own.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.ports import Confinement
from flowd.exec.boundaries import OF_FILES, SCOPED_SOCKETS, always_readable
from flowd.exec.folders import TEMPORARY
from flowd.exec.held import HELD
from flowd.exec.places import is_within, readable_places, writable_places

if TYPE_CHECKING:
    from flowd.exec.confine import Bounds

_LANDLOCK_TO_WRITE = 3  # Linux 6.2: from there on it stops truncating
_LANDLOCK = 2  # Linux 5.19: it keeps from other processes, and lets files be moved

_OF_USERS = 1 << 6 | 1 << 7  # setgid, setuid
_OF_NETWORKS = 1 << 10 | 1 << 12 | 1 << 13  # net_bind_service, net_admin, net_raw
_OF_PROCESSES = 1 << 5 | 1 << 23  # kill, sys_nice
_ANSWER_FOR_NAMES = ["/run/systemd/resolve", "/run/nscd", "/run/avahi-daemon"]


def bounds_of_policy(
    confinement: Confinement,
    *,
    folder: str,
    cwd: str,
    environment: Mapping[str, str],
    own: list[str],
    program: str = "",
) -> "Bounds":
    """Say what a step may do within what is drawn, and nothing else of it.

    `own` are Flow's files: settings, policies among them, are not for a bounded step to change, and
    the daemon is not for it to ask, whose socket has a folder of its own. `program` is what reads
    its script. Unsupported when a policy's globs mean too much.
    """
    drawn = confinement.drawn
    also = [*map(os.path.realpath, confinement.also)]
    # A folder: a daemon that starts anew makes another socket there, which is not covered.
    hidden = sorted({str(Path(path).parent) for path in own if _is_socket(path)})
    fixed = [
        *(path for path in own if not any(is_within(path, each) for each in hidden)),
        *(f"{up}/.flow" for up in (confinement.project, *Path(confinement.project).parents)),
        f"{folder}/record",  # it names processes that the daemon may have to end
        f"{folder}/{HELD}",
    ]
    writable = [*writable_places(["/"], drawn), *also]
    writable += _pinned(fixed, writable)
    readable = [*readable_places(drawn), *always_readable(program, also)]
    return {
        "environment": {
            **environment,
            **_temporary(environment, writable, readable, f"{folder}/{TEMPORARY}"),
        },
        "cwd": cwd,
        "folder": folder,
        "writable": writable,
        "readable": readable,
        "fixed": fixed,
        "hidden": hidden,
        "private": {},
        "shown": [],
        "layers": [],
        "caches": [],
        "layers_in": "",
        "homes": [],
        "only": [],
        "reachable": _reachable(confinement, writable, readable),
        "network": drawn.network,
        "apart": is_apart(drawn),
        "any_socket": drawn.network,
        "scoped": SCOPED_SOCKETS if is_apart(drawn) else 0,
        "landlock": _LANDLOCK_TO_WRITE if drawn.writable else _LANDLOCK,
        "capabilities": OF_FILES
        | _OF_PROCESSES
        | (_OF_USERS if drawn.privilege else 0)
        | (_OF_NETWORKS if drawn.network else 0),
    }


def _pinned(fixed: list[str], writable: list[str]) -> list[str]:
    """Give the folders on the way to what is fixed, each to be a mount of its own.

    A mount cannot be moved out of the way, to have something else in its place.
    """
    if "/" in writable:
        return []
    there = [os.path.realpath(path) for path in fixed if os.path.lexists(path)]
    ways = {str(up) for path in there for up in Path(path).parents}
    return sorted(up for up in ways - {*writable} if any(is_within(up, each) for each in writable))


def is_apart(drawn: Drawn) -> bool:
    """Whether it takes namespaces to hold what is drawn."""
    return drawn not in (NOTHING_DRAWN, Drawn(privilege=False))


def _reachable(confinement: Confinement, writable: list[str], readable: list[str]) -> list[str]:
    """Say where sockets may be asked: whoever answers does what the step itself must not.

    The agent signs and does nothing else; it is asked where there is a network to sign for.
    """
    drawn = confinement.drawn
    for_network = [os.path.realpath(confinement.agent)] if confinement.agent else []
    places = writable if drawn.writable else readable if drawn.readable else []
    return [*places, *([*for_network, *_ANSWER_FOR_NAMES] if drawn.network else [])]


def _temporary(
    environment: Mapping[str, str], writable: list[str], readable: list[str], own: str
) -> dict[str, str]:
    """Say where temporary files are to go when they cannot go where they would."""
    usual = os.path.realpath(environment.get("TMPDIR") or "/tmp")  # noqa: S108
    for places in (writable, readable):
        if not any(is_within(usual, place) for place in places):
            return {"TMPDIR": own}
    return {}


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.lstat(path).st_mode)
    except OSError:
        return False
