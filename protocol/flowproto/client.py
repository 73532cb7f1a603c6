"""A blocking client of the daemon, for programs that start often.

It imports the standard library only, and of that little: a `flowctl` call should cost not much
more than Python itself. `request` and `events` speak dictionaries; `call` and `follow` speak the
structs of `flowproto`, and pay for msgspec then. One client belongs to one thread.
"""

from __future__ import annotations

import json
import os
import time
from _socket import AF_UNIX, SOCK_STREAM, socket
from collections import deque

from flowproto.framing import FrameDecoder, FramingError, encode_frame
from flowproto.socketpath import find_socket

# `_socket` is what `socket` wraps; the wrapper's enums would be a tenth of a cold start.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Any, TypeVar

    from msgspec import Struct

    from flowproto.events import WireEvent
    from flowproto.methods import Method

    P = TypeVar("P", bound=Struct)
    R = TypeVar("R", bound=Struct)
    Json = dict[str, Any]

_READ_BYTES = 65536
_PULSE_SECONDS = 0.1
_FINISHED = frozenset({"succeeded", "failed", "cancelled", "compensated", "compensation_failed"})


class ClientError(Exception):
    """Whatever can go wrong between a client and the daemon."""


class DaemonUnreachable(ClientError):
    """Nobody answers at the socket."""

    def __init__(self, path: str, reason: str):
        super().__init__(f"no daemon answers at {path}: {reason}")
        self.path = path


class ConnectionLost(ClientError):
    """The connection ended before the answer came; whether the request was done is not known."""


class TimedOut(ClientError, TimeoutError):
    """The answer did not come in time; the daemon was asked to cancel the request."""


class RemoteError(ClientError):
    """The daemon said no. `code` is the wire's number, `name` the daemon's stable word."""

    def __init__(self, code: int, message: str, data: Json | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.data: Json = data if isinstance(data, dict) else {}

    @property
    def name(self) -> str:
        """The stable name of the error (`not_found`, `conflict`, …), or ""."""
        return str(self.data.get("code", ""))

    @property
    def cure(self) -> str:
        """What the reader can do about it, or ""."""
        return str(self.data.get("cure", ""))


def connect(
    socket_path: str | Path | None = None,
    *,
    timeout: float | None = 30.0,
    client_name: str = "flowctl",
    client_version: str = "",
) -> Client:
    """Connect to the daemon's socket (the user's own when no path is given).

    `timeout` (seconds, None: for ever) bounds connecting and every call that names no other.
    The handshake goes out with the first request, so that one call is one round trip.
    Raises DaemonUnreachable.
    """
    path = find_socket() if socket_path is None else os.fspath(socket_path)
    return Client(path, timeout=timeout, client_name=client_name, client_version=client_version)


class Client:
    """One connection. Made by `connect`; use it in a `with` statement."""

    def __init__(
        self, path: str, *, timeout: float | None, client_name: str, client_version: str
    ) -> None:
        self.path = path
        self.server_version = ""  # known once the first answer came
        self._timeout = timeout
        self._hello: Json = {
            "processId": os.getpid(),
            "clientInfo": {"name": client_name, "version": client_version},
            "capabilities": {"experimental": {"flow": {"editor": False}}},
        }
        self._dial(timeout)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection. What was asked for durably (runs) goes on."""
        self._socket.close()

    def request(
        self, method: str, params: Json | None = None, *, timeout: float | None = None
    ) -> Any:
        """Send a request and give its result as JSON data.

        `timeout` in seconds; None takes the connection's. Raises RemoteError, TimedOut,
        ConnectionLost.
        """
        deadline = _deadline(self._timeout if timeout is None else timeout)
        request_id = self._send_request(method, params or {})
        try:
            return self._wait_for_response(request_id, deadline)
        except (TimedOut, KeyboardInterrupt):
            self._give_up(request_id)
            raise

    def call(self, method: Method[P, R], params: P, *, timeout: float | None = None) -> R:
        """Send one of `flowproto.methods` and give its result, checked against its struct."""
        import msgspec

        result = self.request(method.name, msgspec.to_builtins(params), timeout=timeout)
        return msgspec.convert(result, method.result)

    def requests(
        self, method: str, params: Iterable[Json], *, ahead: int = 32
    ) -> Iterator[Any | RemoteError]:
        """Send many requests of one kind and give their results, or errors, in the same order.

        Up to `ahead` of them are under way at a time, so that the daemon is never idle between
        two; `params` is read no further than that.
        """
        under_way: deque[int] = deque()
        for one in params:
            under_way.append(self._send_request(method, one))
            if len(under_way) >= ahead:
                yield self._outcome(under_way.popleft())
        while under_way:
            yield self._outcome(under_way.popleft())

    def _outcome(self, request_id: int) -> Any | RemoteError:
        try:
            return self._wait_for_response(request_id, _deadline(self._timeout))
        except RemoteError as error:
            return error

    def events(
        self,
        run: str,
        after: int = 0,
        *,
        patience: float = 0.0,
        before_retry: Callable[[], None] | None = None,
        pulse: Callable[[], None] | None = None,
    ) -> Iterator[Json]:
        """Give the run's events after position `after` as JSON data: past ones, then live ones.

        Ends after the `run_finished` that is the run's newest event. When the connection is lost
        (the daemon restarts), tries for `patience` seconds to reach a daemon again, calling
        `before_retry` before each try, and goes on without loss or repetition; then, or with no
        patience, raises ConnectionLost or DaemonUnreachable. `pulse` is called ten times a second
        while no event comes; what it raises ends the iteration.
        """
        while True:
            try:
                for event in self._attached(run, after, pulse):
                    after = event["position"]
                    yield event
                return
            except ConnectionLost:
                if patience <= 0:
                    raise
            self._dial_again(patience, before_retry)

    def follow(
        self,
        run: str,
        after: int = 0,
        *,
        patience: float = 0.0,
        before_retry: Callable[[], None] | None = None,
        pulse: Callable[[], None] | None = None,
    ) -> Iterator[WireEvent]:
        """As `events`, as structs. Events this version does not know are left out."""
        from flowproto.events import decode_event

        for params in self.events(
            run, after, patience=patience, before_retry=before_retry, pulse=pulse
        ):
            event = decode_event(params)
            if event is not None:
                yield event

    # ------------------------------------------------------------------------------- attachment

    def _attached(self, run: str, after: int, pulse: Callable[[], None] | None) -> Iterator[Json]:
        answer = self.request("flow/attach", {"run": run, "from": after})
        run = answer["run"]
        newest, finished = answer["position"], answer["state"] in _FINISHED
        try:
            while after < newest or not finished:
                event = self._next_event(run, pulse)
                if event["position"] <= after:
                    continue
                after = event["position"]
                finished = finished or (event["type"] == "run_finished" and after > newest)
                yield event
        finally:
            self._detach(run)

    def _next_event(self, run: str, pulse: Callable[[], None] | None) -> Json:
        while True:
            while self._notifications:
                message = self._notifications.popleft()
                if message["method"] == "flow/event":
                    event: Json = message["params"]
                    if event["run"] == run:
                        return event
            try:
                self._keep(self._receive(_deadline(_PULSE_SECONDS if pulse else None)))
            except TimedOut:
                if pulse:
                    pulse()

    def _detach(self, run: str) -> None:
        """Stop the flow of events; the answer is of no interest, nor is a broken connection."""
        try:
            self._unwanted.add(self._send_request("flow/detach", {"run": run}))
        except ConnectionLost:
            return

    # ------------------------------------------------------------------------------- connection

    def _dial(self, timeout: float | None) -> None:
        self._decoder = FrameDecoder()
        self._frames: deque[bytes] = deque()
        self._responses: dict[int, Json] = {}
        self._notifications: deque[Json] = deque()
        self._unwanted: set[int] = set()
        self._last_id = 0
        self._unsent = b""
        self._socket = _open_socket(self.path, _deadline(timeout))
        self._unwanted.add(self._prepare_request("initialize", self._hello))
        self._prepare({"method": "initialized", "params": {}})

    def _dial_again(self, patience: float, before_retry: Callable[[], None] | None) -> None:
        self._socket.close()
        deadline, pause = time.monotonic() + patience, 0.05
        while True:
            if before_retry is not None:
                before_retry()
            try:
                return self._dial(self._timeout)
            except DaemonUnreachable:
                if time.monotonic() + pause > deadline:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _prepare(self, message: Json) -> None:
        text = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False, separators=(",", ":"))
        try:
            self._unsent += encode_frame(text.encode())
        except UnicodeEncodeError as error:  # a name or variable of the system with stray bytes
            around = text[max(0, error.start - 30) : error.end + 10]
            raise ClientError(f"the request holds text that is not UTF-8: {around!r}") from None

    def _prepare_request(self, method: str, params: Json) -> int:
        self._last_id += 1
        self._prepare({"id": self._last_id, "method": method, "params": params})
        return self._last_id

    def _send_request(self, method: str, params: Json) -> int:
        request_id = self._prepare_request(method, params)
        self._flush()
        return request_id

    def _flush(self) -> None:
        data, self._unsent = self._unsent, b""
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(f"the daemon does not take requests: {error}") from None

    def _give_up(self, request_id: int) -> None:
        """Tell the daemon that nobody waits; its answer, should it come, is dropped."""
        self._unwanted.add(request_id)
        self._prepare({"method": "$/cancelRequest", "params": {"id": request_id}})
        try:
            self._flush()
        except ConnectionLost:
            return

    def _wait_for_response(self, request_id: int, deadline: float | None) -> Any:
        while request_id not in self._responses:
            self._keep(self._receive(deadline))
        response = self._responses.pop(request_id)
        if "error" in response:
            raise _remote_error(response["error"])
        return response.get("result")

    def _keep(self, message: Json) -> None:
        """Put a message where it is looked for."""
        if "method" in message:
            if "id" not in message:
                self._notifications.append(message)
            return
        request_id = message.get("id")
        if request_id is None:  # the daemon could not even read a request: nothing will follow
            raise _remote_error(message["error"])
        if request_id not in self._unwanted:
            self._responses[request_id] = message
            return
        self._unwanted.discard(request_id)
        if request_id != 1:
            return
        if "error" in message:  # the handshake failed
            raise _remote_error(message["error"])
        info = message["result"].get("serverInfo") or {}
        self.server_version = str(info.get("version", ""))

    def _receive(self, deadline: float | None) -> Json:
        """Give the next message; blocks until the deadline."""
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


def _remote_error(error: Json) -> RemoteError:
    return RemoteError(error["code"], error["message"], error.get("data"))


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _remaining(deadline: float | None) -> float | None:
    """Seconds left, never 0, which would mean not to wait at all."""
    return None if deadline is None else max(deadline - time.monotonic(), 0.000_001)


def _open_socket(path: str, deadline: float | None) -> socket:
    opened = socket(AF_UNIX, SOCK_STREAM)
    while True:
        try:
            opened.settimeout(_remaining(deadline))
            opened.connect(path)
        except BlockingIOError:  # many arrive at once and the daemon's queue is full
            if deadline is not None and time.monotonic() >= deadline:
                opened.close()
                raise DaemonUnreachable(path, "it is too busy to take connections") from None
            time.sleep(0.01)
        except OSError as error:
            opened.close()
            raise DaemonUnreachable(path, error.strerror or str(error)) from None
        else:
            return opened
