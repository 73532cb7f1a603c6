"""The conversation with systemd: readiness, watchdog, and sockets it opened before us.

Everything here does nothing when systemd did not start this process. See sd_notify(3),
sd_listen_fds(3) and sd_watchdog_enabled(3).
"""

import faulthandler
import logging
import os
import socket
import time

import trio

from flowd.errors import InvalidInput

_FOR_THIS_PROCESS_ALONE = frozenset(
    {
        "NOTIFY_SOCKET",
        "WATCHDOG_PID",
        "WATCHDOG_USEC",
        "LISTEN_PID",
        "LISTEN_FDS",
        "LISTEN_FDNAMES",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "MANAGERPID",
        "SYSTEMD_EXEC_PID",
    }
)
_FIRST_DESCRIPTOR = 3
_SEND_SECONDS = 1.0  # systemd that does not read for that long must not hold up the loop further

_log = logging.getLogger(__name__)


def notify(state: str) -> None:
    """Tell systemd `state`: assignments such as `READY=1`, one a line.

    A message that cannot be sent is logged and dropped: the daemon works as well unsupervised, and
    systemd has its own timeouts for news that never comes.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # how an abstract socket is written in the environment
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.settimeout(_SEND_SECONDS)
            channel.connect(address)
            channel.send(state.encode())
    except OSError as error:
        _log.warning("systemd could not be told %r: %s", state, error)


def notify_reloading() -> None:
    """Say that settings are being read again; `notify("READY=1")` says that it is done.

    The time stamp lets systemd 253 and later pair the two when the unit is `notify-reload`.
    """
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def listen_fds() -> list[socket.socket]:
    """Take over the listening sockets that systemd opened for us; an empty list when it did not.

    Call once, before any process is made. The variables are removed and the sockets closed on
    exec, so that no step inherits them. InvalidInput when what was handed over is not a listening
    Unix stream socket.
    """
    meant_for = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if meant_for != str(os.getpid()) or not count:
        return []
    if not count.isdecimal():
        raise InvalidInput(f"LISTEN_FDS is {count!r}, not a number", cure="start flowd by systemd")
    descriptors = range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + int(count))
    return [_listening_socket(descriptor) for descriptor in descriptors]


def _listening_socket(descriptor: int) -> socket.socket:
    cure = "the socket unit must have ListenStream= with a path, and no Accept=yes"
    try:
        os.set_inheritable(descriptor, False)
        handed = socket.socket(fileno=descriptor)
    except OSError as error:
        raise InvalidInput(
            f"descriptor {descriptor}, handed over by systemd, is no socket: {error}", cure=cure
        ) from error
    listening = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if handed.family != socket.AF_UNIX or handed.type != socket.SOCK_STREAM or not listening:
        handed.close()
        raise InvalidInput(
            f"descriptor {descriptor}, handed over by systemd, is not a listening Unix socket",
            cure=cure,
        )
    return handed


def environment_for_steps() -> dict[str, str]:
    """The environment of the daemon, less what systemd meant for this process alone.

    A step that saw those variables would speak to systemd in the daemon's name.
    """
    return {
        name: value for name, value in os.environ.items() if name not in _FOR_THIS_PROCESS_ALONE
    }


def watchdog_seconds() -> float | None:
    """How long systemd waits for a sign of life before it kills us; None without a watchdog."""
    period = os.environ.get("WATCHDOG_USEC", "")
    meant_for = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not period.isdecimal() or int(period) == 0 or meant_for != str(os.getpid()):
        return None
    return int(period) / 1_000_000


async def keep_watchdog_fed() -> None:
    """Send a sign of life twice in every watchdog period; return at once when nobody waits for it.

    It runs in the daemon's own loop on purpose: a loop that hangs stops sending and is killed, by
    SIGABRT, which from now on tells where it hung.
    """
    period = watchdog_seconds()
    if period is None:
        return
    if not faulthandler.is_enabled():
        faulthandler.enable()
    while True:
        notify("WATCHDOG=1")
        await trio.sleep(period / 2)
