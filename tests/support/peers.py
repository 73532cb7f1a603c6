"""A client of the protocol that does only what it is told, byte by byte if need be."""

import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from flowproto.framing import FrameDecoder, encode_frame

Json = dict[str, Any]

PATIENCE = 40  # seconds: longer than any limit of the server, so that a test fails and never hangs


class Peer:
    """The client's end of a stream."""

    def __init__(self, stream: trio.abc.Stream):
        self.stream = stream
        self.events: list[Json] = []
        self._decoder = FrameDecoder()
        self._frames: list[bytes] = []
        self._ids = itertools.count(1)

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        await self.stream.send_all(data)

    async def send(self, *messages: object) -> None:
        """Send messages, whatever they are, each in its frame."""
        await self.send_bytes(b"".join(encode_frame(json.dumps(m).encode()) for m in messages))

    async def receive(self) -> Json | None:
        """Give the next message; None when the daemon closed the connection."""
        while not self._frames:
            try:
                with trio.fail_after(PATIENCE):
                    data = await self.stream.receive_some(65536)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._frames += self._decoder.feed(bytes(data))
        message: Json = json.loads(self._frames.pop(0))
        assert message["jsonrpc"] == "2.0"
        return message

    async def initialize(self, name: str = "tester", **capabilities: Any) -> Json:
        """Shake hands; give the result."""
        hello = {"processId": None, "clientInfo": {"name": name}, "capabilities": capabilities}
        response = await self.request("initialize", hello)
        await self.send({"jsonrpc": "2.0", "method": "initialized", "params": {}})
        assert "result" in response, response
        result: Json = response["result"]
        return result

    async def start(self, method: str, params: object = None, **more: Any) -> int:
        """Send a request; give its id."""
        number = next(self._ids)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params, **more}
        await self.send(message)
        return number

    async def response(self, number: object) -> Json:
        """Wait for the answer to a request; events that come before it are kept."""
        while True:
            message = await self.receive()
            assert message is not None, "the daemon closed the connection"
            if "method" in message:
                self.events.append(message)
            else:
                assert message["id"] == number, message
                return message

    async def request(self, method: str, params: object = None) -> Json:
        """Send a request and wait for its answer."""
        return await self.response(await self.start(method, params))

    async def result(self, method: str, params: object = None) -> Any:
        """Send a request that must succeed; give its result."""
        response = await self.request(method, params)
        assert "result" in response, response
        return response["result"]

    async def error(self, method: str, params: object = None) -> Json:
        """Send a request that must fail; give its error."""
        response = await self.request(method, params)
        assert "error" in response, response
        error: Json = response["error"]
        return error

    async def next_event(self) -> Json:
        """Give the params of the next notification."""
        message = self.events.pop(0) if self.events else await self.receive()
        assert message is not None, "the daemon closed the connection"
        assert "method" in message, message
        params: Json = message["params"]
        return params


@asynccontextmanager
async def connected(path: Path, *, hello: bool = True) -> AsyncIterator[Peer]:
    """A peer on the daemon's socket."""
    async with await trio.open_unix_socket(str(path)) as stream:
        peer = Peer(stream)
        if hello:
            await peer.initialize()
        yield peer
