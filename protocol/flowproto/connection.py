"""The client's end of the socket: whole JSON messages out and in, with a deadline.

Standard library only, and of that little; see `client.py`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _socket import AF_UNIX, SO_PEERCRED, SOCK_STREAM, SOL_SOCKET, socket
from collections import deque

from flowproto.framing import MAX_BODY_BYTES, FrameDecoder, FramingError, encode_frame

# `_socket` is what `socket` wraps; the wrapper's enums would be a tenth of a cold start.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Json = dict[str, Any]

_READ_BYTES = 65536
_ANSWER_BYTES = 16 * MAX_BODY_BYTES  # a run shows its workflow twice over, and more
_UCRED_BYTES = 12  # pid, uid, gid: see SO_PEERCRED in unix(7)


class ClientError(Exception):
    """Whatever can go wrong between a client and the daemon."""


class CannotSend(ClientError):
    """The request itself is not one that can be sent; nothing was."""


class DaemonUnreachable(ClientError):
    """Nobody we may talk to answers at the socket."""

    def __init__(self, path: str, reason: str):
        super().__init__(f"no daemon answers at {path}: {reason}")
        self.path = path


class StartFailed(ClientError):
    """The daemon could not be started, or does not answer; `cure` says what to do."""

    def __init__(self, message: str, cure: str):
        super().__init__(message)
        self.cure = cure


class ConnectionLost(ClientError):
    """The connection ended before the answer came; whether the request was done is not known."""


class TimedOut(ClientError, TimeoutError):
    """The answer did not come in time; the daemon was asked to cancel the request."""


class Connection:
    """One connected socket. What is `put` goes out with the next `flush`."""

    def __init__(self, path: str, timeout: float | None) -> None:
        self.path = path
        self._timeout = timeout
        self._decoder = FrameDecoder(max_body=_ANSWER_BYTES)
        self._frames: deque[bytes] = deque()
        self._unsent = b""
        self._socket = _open_socket(path, deadline_after(timeout))

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def put(self, message: Json) -> None:
        """Prepare a message. CannotSend when that is impossible."""
        text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        try:
            body = text.encode()
        except UnicodeEncodeError as error:  # a name or variable of the system with stray bytes
            around = text[max(0, error.start - 30) : error.end + 10]
            raise CannotSend(f"the request holds text that is not UTF-8: {around!r}") from None
        if len(body) > MAX_BODY_BYTES:
            raise CannotSend(
                f"the request has {len(body)} bytes; the daemon takes {MAX_BODY_BYTES}"
            )
        self._unsent += encode_frame(body)

    def flush(self) -> None:
        """Send what was put. ConnectionLost when the daemon does not take it in time.

        Of a daemon that hung up, the next `receive` gives the last words, if there were any.
        """
        data, self._unsent = self._unsent, b""
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(data)
        except ConnectionError:
            return
        except OSError as error:
            raise ConnectionLost(f"the daemon does not take requests: {error}") from None

    def comes_first(self, others: Iterable[int], deadline: float | None) -> bool:
        """Wait for the daemon, but no longer than until one of the `others` can be read.

        False when nothing came from the daemon until then, or until the deadline.
        """
        if self._frames:
            return True
        import select

        ours = self._socket.fileno()
        ready, _, _ = select.select([ours, *others], [], [], _remaining(deadline))
        return ours in ready

    def receive(self, deadline: float | None) -> Json:
        """Give the next message; blocks until the deadline. TimedOut, ConnectionLost."""
        while not self._frames:
            try:
                self._socket.settimeout(_remaining(deadline))
                data = self._socket.recv(_READ_BYTES)
            except TimeoutError:
                raise TimedOut("the daemon did not answer in time") from None
            except OSError as error:
                raise ConnectionLost(f"the connection to the daemon broke: {error}") from None
            if not data:
                raise ConnectionLost("the daemon closed the connection")
            try:
                self._frames.extend(self._decoder.feed(data))
            except FramingError as error:
                raise ConnectionLost(f"not a Flow daemon at {self.path}: {error}") from None
        message: Json = json.loads(self._frames.popleft())
        return message


def deadline_after(timeout: float | None) -> float | None:
    """The moment, on the steady clock, that is `timeout` seconds away; None is never."""
    return None if timeout is None else time.monotonic() + timeout


def _remaining(deadline: float | None) -> float | None:
    """Seconds left, never 0, which would mean not to wait at all."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.000_001)


def _open_socket(path: str, deadline: float | None) -> socket:
    opened = socket(AF_UNIX, SOCK_STREAM)
    try:
        _connect(opened, path, deadline)
        owner = _owner_of(opened)
        if owner != os.geteuid():  # a request may hold secrets: they are for our own daemon
            raise DaemonUnreachable(path, f"it belongs to user {owner}")
    except BaseException:
        opened.close()
        raise
    return opened


def _connect(opened: socket, path: str, deadline: float | None) -> None:
    while True:
        try:
            opened.settimeout(_remaining(deadline))
            return opened.connect(path)
        except BlockingIOError:  # many arrive at once and the daemon's queue is full
            if deadline is not None and time.monotonic() >= deadline:
                raise DaemonUnreachable(path, "it is too busy to take connections") from None
            time.sleep(0.01)
        except OSError as error:
            raise DaemonUnreachable(path, error.strerror or str(error)) from None


def _owner_of(connected: socket) -> int:
    """The user who listens at the other end, as the kernel knows."""
    credentials = connected.getsockopt(SOL_SOCKET, SO_PEERCRED, _UCRED_BYTES)
    return int.from_bytes(credentials[4:8], sys.byteorder)
