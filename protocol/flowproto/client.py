"""A blocking client of the daemon, for programs that start often.

It imports the standard library only, and of that little: a `flowctl` call should cost not much
more than Python itself. `request` and `events` speak dictionaries; `call` and `follow` speak the
structs of `flowproto`, and pay for msgspec then. One client belongs to one thread.
"""

from __future__ import annotations

import os
import time
from collections import deque

from flowproto.connection import (
    CannotSend,
    ClientError,
    Connection,
    ConnectionLost,
    DaemonUnreachable,
    StartFailed,
    TimedOut,
    deadline_after,
)
from flowproto.socketpath import find_socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Any, TypeVar

    from msgspec import Struct

    from flowproto.events import WireEvent
    from flowproto.methods import Method

    P = TypeVar("P", bound=Struct)
    R = TypeVar("R", bound=Struct)
    Json = dict[str, Any]

__all__ = [
    "CannotSend",
    "Client",
    "ClientError",
    "ConnectionLost",
    "DaemonUnreachable",
    "RemoteError",
    "StartFailed",
    "TimedOut",
    "connect",
]

_PULSE_SECONDS = 0.1
_HANDSHAKE = 1  # the id of `initialize`
_FINISHED = frozenset({"succeeded", "failed", "cancelled", "compensated", "compensation_failed"})


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
        self.present = 0
        """The run's newest position when `events` attached: from there on, events are news."""
        self._timeout = timeout
        self._hello: Json = {
            "processId": os.getpid(),
            "clientInfo": {"name": client_name, "version": client_version},
            "capabilities": {"experimental": {"flow": {"editor": False}}},
        }
        self._responses: dict[int, Json] = {}
        self._notifications: deque[Json] = deque()
        self._unwanted: set[int] = set()
        self._progress: Callable[[Json], None] | None = None
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
        self._connection.close()

    def request(
        self,
        method: str,
        params: Json | None = None,
        *,
        timeout: float | None = None,
        progress: Callable[[Json], None] | None = None,
    ) -> Any:
        """Send a request and give its result as JSON data.

        `timeout` in seconds; None takes the connection's. `progress` is called with what comes
        before the result, of methods that tell it. Raises RemoteError, TimedOut, ConnectionLost;
        CannotSend for what cannot be sent.
        """
        deadline = deadline_after(self._timeout if timeout is None else timeout)
        if progress is not None:
            params = {**(params or {}), "partialResultToken": self._last_id + 1}
        request_id = self._send_request(method, params or {})
        self._progress = progress
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

    def events(
        self,
        run: str,
        after: int = 0,
        *,
        patience: float = 0.0,
        before_retry: Callable[[], None] | None = None,
        pulse: Callable[[], None] | None = None,
        beside: Collection[int] = (),
    ) -> Iterator[Json]:
        """Give the run's events after position `after` as JSON data: past ones, then live ones.

        Ends after the `run_finished` that is the run's newest event. When the connection is lost
        (the daemon restarts), tries for `patience` seconds to reach a daemon again, calling
        `before_retry` before each try, and goes on without loss or repetition; then, or with no
        patience, raises ConnectionLost or DaemonUnreachable. `pulse` is called ten times a second
        while no event comes, and at once when one of the descriptors `beside` can be read, which
        may be others each time; what it raises ends the iteration, ConnectionLost apart. It may
        make requests.
        """
        give_up_at: float | None = None
        while True:
            try:
                attached = self._attach(run, after)
                give_up_at = None
                self.present = attached["position"]
                for event in self._read_events(attached, after, pulse, beside):
                    after = event["position"]
                    yield event
                return
            except ConnectionLost:
                give_up_at = give_up_at or time.monotonic() + patience
                if time.monotonic() >= give_up_at:
                    raise
            self._dial_again(give_up_at, before_retry)

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

    def _attach(self, run: str, after: int) -> Json:
        attached: Json = self.request("flow/attach", {"run": run, "from": after})
        # What came before the answer belongs to an earlier attachment, at other positions.
        self._notifications = deque(
            kept for kept in self._notifications if kept["params"].get("run") != attached["run"]
        )
        return attached

    def _read_events(
        self,
        attached: Json,
        after: int,
        pulse: Callable[[], None] | None,
        beside: Collection[int],
    ) -> Iterator[Json]:
        newest, finished = attached["position"], attached["state"] in _FINISHED
        try:
            while after < newest or not finished:
                event = self._next_event(attached["run"], pulse, beside)
                after = event["position"]
                finished = finished or (event["type"] == "run_finished" and after > newest)
                yield event
        finally:
            self._detach(attached["run"])

    def _next_event(
        self, run: str, pulse: Callable[[], None] | None, beside: Collection[int]
    ) -> Json:
        while True:
            while self._notifications:
                message = self._notifications.popleft()
                params: Json = message["params"]
                if message["method"] == "flow/event" and params["run"] == run:
                    return params
                if message["method"] == "flow/detached" and params["run"] == run:
                    raise _remote_error(params["error"])
            deadline = deadline_after(_PULSE_SECONDS if pulse else None)
            try:
                if not beside or self._connection.comes_first(beside, deadline):
                    self._keep(self._connection.receive(deadline))
                    continue
            except TimedOut:
                pass
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
        self._connection = Connection(self.path, timeout)
        self._responses.clear()
        self._notifications.clear()
        self._unwanted = {_HANDSHAKE}
        self._last_id = _HANDSHAKE
        self._connection.put({"id": _HANDSHAKE, "method": "initialize", "params": self._hello})
        self._connection.put({"method": "initialized", "params": {}})

    def _dial_again(self, deadline: float, before_retry: Callable[[], None] | None) -> None:
        self._connection.close()
        pause = 0.05
        while True:
            time.sleep(pause)
            if before_retry is not None:
                before_retry()
            try:
                return self._dial(self._timeout)
            except DaemonUnreachable:
                pause = min(2 * pause, 1.0)
                if time.monotonic() + pause > deadline:
                    raise

    def _send_request(self, method: str, params: Json) -> int:
        self._last_id += 1
        self._connection.put({"id": self._last_id, "method": method, "params": params})
        self._connection.flush()
        return self._last_id

    def _give_up(self, request_id: int) -> None:
        """Tell the daemon that nobody waits; its answer, should it come, is dropped."""
        self._unwanted.add(request_id)
        self._connection.put({"method": "$/cancelRequest", "params": {"id": request_id}})
        try:
            self._connection.flush()
        except ConnectionLost:
            return

    def _wait_for_response(self, request_id: int, deadline: float | None) -> Any:
        while request_id not in self._responses:
            self._keep(self._connection.receive(deadline))
        response = self._responses.pop(request_id)
        if "error" in response:
            raise _remote_error(response["error"])
        return response.get("result")

    def _outcome(self, request_id: int) -> Any | RemoteError:
        try:
            return self._wait_for_response(request_id, deadline_after(self._timeout))
        except RemoteError as error:
            return error

    def _keep(self, message: Json) -> None:
        """Put a message where it is looked for."""
        if "method" in message:
            if message["method"] in ("flow/event", "flow/detached"):
                self._notifications.append(message)
            elif self._progress is not None and self._is_progress(message):
                self._progress(message["params"]["value"])
            return
        request_id = message.get("id")
        if request_id is None:  # the daemon could not even read a request: nothing will follow
            raise _remote_error(message["error"])
        if request_id not in self._unwanted:
            self._responses[request_id] = message
            return
        self._unwanted.discard(request_id)
        if request_id == _HANDSHAKE:
            if "error" in message:
                raise _remote_error(message["error"])
            self.server_version = str(message["result"].get("serverInfo", {}).get("version", ""))

    def _is_progress(self, message: Json) -> bool:
        """Whether it is about the request that is waited for now."""
        if message["method"] != "$/progress":
            return False
        token: object = message["params"]["token"]
        return token == self._last_id


def _remote_error(error: Json) -> RemoteError:
    return RemoteError(error["code"], error["message"], error.get("data"))
