"""A stranger's client: JSON-RPC in LSP frames, from PROTOCOL.md alone, nothing of ours imported."""

import json
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0
FINAL_STATES = {"succeeded", "failed", "cancelled", "compensated", "compensation_failed"}
PLAIN = {"experimental": {"flow": {"editor": False}}}


class Refused(Exception):
    """The daemon answered with an error object."""

    def __init__(self, error: dict[str, Any]):
        super().__init__(f"{error['code']} {error['message']} {error.get('data')}")
        self.number: int = error["code"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error.get("data") or {}
        self.code: str = self.data.get("code", "")
        self.cure: str = self.data.get("cure", "")


def frame(body: bytes | dict[str, Any]) -> bytes:
    """A message, or any bytes, with the header that belongs before them."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(content), content)


class RawClient:
    """One session over two byte streams. Notifications and odd answers wait in `inbox`.

    `folder` is the `cwd` of the runs it starts. Whoever waits in vain gets TimeoutError.
    """

    def __init__(self, read_descriptor: int, write_descriptor: int):
        self._read = read_descriptor
        self._write = os.fdopen(write_descriptor, "wb")
        self._buffer = bytearray()
        self._last_id = 0
        self.inbox: list[dict[str, Any]] = []
        self.folder: str | None = None

    # ------------------------------------------------------------------------------- messages

    def send_bytes(self, data: bytes) -> None:
        """Write anything."""
        self._write.write(data)
        self._write.flush()

    def send(self, message: dict[str, Any]) -> None:
        """Write one frame."""
        self.send_bytes(frame(message))

    def receive(self) -> dict[str, Any]:
        """Read one frame; EOFError when the other end closed."""
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._read_more()
        lengths = [
            int(value)
            for name, _, value in (
                line.partition(b":") for line in bytes(self._buffer[:end]).split(b"\r\n")
            )
            if name.lower() == b"content-length"
        ]
        assert len(lengths) == 1, bytes(self._buffer[:end])
        begin, finish = end + 4, end + 4 + lengths[0]
        while len(self._buffer) < finish:
            self._read_more()
        message: dict[str, Any] = json.loads(self._buffer[begin:finish])
        del self._buffer[:finish]
        assert message["jsonrpc"] == "2.0"
        return message

    def has_news(self) -> bool:
        """Whether something has come that was not read yet."""
        return bool(self._buffer) or bool(select.select([self._read], [], [], 0)[0])

    def _read_more(self) -> None:
        if not select.select([self._read], [], [], PATIENCE_SECONDS)[0]:
            raise TimeoutError(f"nothing came for {PATIENCE_SECONDS:g} s")
        data = os.read(self._read, 65_536)
        if not data:
            raise EOFError("the daemon closed the connection")
        self._buffer += data

    # ------------------------------------------------------------------------------- requests

    def ask(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a request and give its id, without waiting."""
        self._last_id += 1
        head = {"jsonrpc": "2.0", "id": self._last_id, "method": method}
        self.send(head if params is None else head | {"params": params})
        return self._last_id

    def response(self, request: Any) -> dict[str, Any]:
        """Wait for the response to a request, whatever it is."""
        return self._wait(lambda m: "method" not in m and m.get("id") == request)

    def answer(self, request: Any) -> Any:
        """Wait for the result of a request; raise Refused when it is an error."""
        message = self.response(request)
        if "error" in message:
            raise Refused(message["error"])
        return message["result"]

    def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask and wait for the answer."""
        return self.answer(self.ask(method, params))

    def refusal(self, method: str, params: dict[str, Any] | None = None) -> Refused:
        """Ask what must be refused, and give the refusal."""
        try:
            result = self.call(method, params)
        except Refused as refused:
            return refused
        raise AssertionError(f"{method} was not refused: {result}")

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params or {}})

    def notification(self, method: str, **fields: Any) -> dict[str, Any]:
        """Wait for a notification with these fields in its params; give the params."""
        message = self._wait(
            lambda m: m.get("method") == method and fields.items() <= m["params"].items()
        )
        params: dict[str, Any] = message["params"]
        return params

    def _wait(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        for index, message in enumerate(self.inbox):
            if wanted(message):
                return self.inbox.pop(index)
        while True:
            message = self.receive()
            if wanted(message):
                return message
            self.inbox.append(message)

    def initialize(self, **capabilities: Any) -> dict[str, Any]:
        """Shake hands as LSP says; give the result of `initialize`."""
        params = {"processId": None, "rootUri": None, "capabilities": capabilities}
        result: dict[str, Any] = self.call("initialize", params)
        self.notify("initialized")
        return result

    # ----------------------------------------------------------------------------------- runs

    def follow(self, run: str, position: int = 0) -> Iterator[dict[str, Any]]:
        """Attach and give the events of one run, without end."""
        self.call("flow/attach", {"run": run, "from": position})
        while True:
            yield self.notification("flow/event", run=run)

    def until(self, run: str, kind: str, position: int = 0, **fields: Any) -> list[dict[str, Any]]:
        """Attach and give the events up to the first of this type with these fields."""
        seen = []
        for event in self.follow(run, position):
            seen.append(event)
            if event["type"] == kind and fields.items() <= event.items():
                self.call("flow/detach", {"run": run})
                return seen
        raise AssertionError("unreachable")

    def run(self, **params: Any) -> str:
        """Start a run with these params in the client's folder; give its id."""
        run: str = self.call("flow/run", {"cwd": self.folder, **params})["run"]
        return run

    def start(self, *steps: dict[str, Any], **more: Any) -> str:
        """Run these steps; `more` are keys of the workflow. Gives the run's id."""
        return self.run(workflow=workflow(*steps, **more))

    def finished(self, run: str, position: int = 0) -> dict[str, Any]:
        """Wait for the end that comes after a position; give `flow/show`."""
        self.until(run, "run_finished", position)
        shown: dict[str, Any] = self.call("flow/show", {"run": run})
        assert shown["state"] in FINAL_STATES
        return shown

    def output(self, run: str) -> str:
        """What the scripts of a run have written."""
        text, position, more = "", 0, True
        while more:
            page = self.call("flow/logs", {"run": run, "from": position})
            text += "".join(chunk["text"] for chunk in page["chunks"])
            position, more = page["position"], page["more"]
        return text

    def close(self) -> None:
        """End the session, as a lost connection would."""
        with suppress(BrokenPipeError):
            self._write.close()
        if self._read >= 0:
            os.close(self._read)
            self._read = -1


def workflow(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A workflow of these steps, in the JSON shape of the language."""
    return {"flow": 1, "name": "checked", "steps": list(steps), **more}


@contextmanager
def over_socket(path: Path, *, hello: bool = True, **capabilities: Any) -> Iterator[RawClient]:
    """A session over the Unix socket, its handshake done unless `hello` is false."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PATIENCE_SECONDS)
        peer.connect(str(path))
        peer.setblocking(True)
        client = RawClient(os.dup(peer.fileno()), os.dup(peer.fileno()))
    try:
        if hello:
            client.initialize(**capabilities)
        yield client
    finally:
        client.close()


@contextmanager
def over_stdio(
    command: list[str], environment: dict[str, str], *, hello: bool = True, **capabilities: Any
) -> Iterator[RawClient]:
    """A session over the standard streams of a process; it ends with the block."""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        client = RawClient(os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno()))
        process.stdin.close()
        try:
            if hello:
                client.initialize(**capabilities)
            yield client
        finally:
            client.close()
            process.wait(PATIENCE_SECONDS)


def eventually(holds: Callable[[], object], why: str) -> None:
    """Wait until `holds()` is true: other processes have clocks of their own."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, why
        time.sleep(0.01)
