"""The way to the daemon: find its socket, start it when nobody listens, note its version."""

from __future__ import annotations

from flowctl import __version__
from flowctl.exits import Failure
from flowproto import client
from flowproto.socketpath import find_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


class Daemon:
    """The daemon of this user, as the global flags describe it. Connections are made when asked."""

    def __init__(self, arguments: Arguments, console: Console):
        self._console = console
        own = find_socket()
        self.socket = arguments.text("socket") or own
        self.may_start = not arguments.flag("no-start") and self.socket == own
        self._skew_told = False

    def connect(self, *, timeout: float | None = 30.0) -> client.Client:
        """Open a connection, starting the daemon when that is allowed and needed.

        DaemonUnreachable, or StartFailed when the daemon cannot be started.
        """
        try:
            return self._open(timeout)
        except client.DaemonUnreachable as error:
            if not self.may_start:
                raise self._nobody(error) from error
        self.start()
        return self._open(timeout)

    def start(self) -> None:
        """Start the daemon and wait until it answers. StartFailed says why it does not."""
        from flowproto.starting import start_and_wait

        start_and_wait(self.socket)

    def request(
        self,
        method: str,
        params: dict[str, Any],
        *,
        timeout: float = 30.0,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> Any:
        """Ask one thing over a connection of its own, and give the answer as JSON data.

        `progress` is called with what comes before the answer.
        """
        with self.connect(timeout=timeout) as connection:
            try:
                return connection.request(method, params, progress=progress)
            finally:
                self.mention_skew(connection)

    def mention_skew(self, connection: client.Client) -> None:
        """Say, once, that daemon and flowctl differ in version; they still work together."""
        theirs = connection.server_version
        if theirs and theirs != __version__ and not self._skew_told:
            self._skew_told = True
            self._console.say(
                f"flowctl is version {__version__}, the running daemon {theirs}; "
                "to make them the same: flowctl daemon restart",
                "dim",
            )

    def _open(self, timeout: float | None) -> client.Client:
        return client.connect(self.socket, timeout=timeout, client_version=__version__)

    def _nobody(self, error: client.DaemonUnreachable) -> Failure:
        if self.socket != find_socket():
            cure = (
                "nothing is started for a socket given with --socket: start the daemon that owns it"
            )
        else:
            cure = "start it with `flowctl daemon start`, or leave --no-start out"
        return Failure(str(error), code="unreachable", cure=cure)
