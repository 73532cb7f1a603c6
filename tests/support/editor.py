"""An editor without a screen, on the daemon's session: it opens, changes and asks as one does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import trio
import trio.testing

from flowd.server.lsp import open_lsp
from flowd.server.services import Services
from flowd.server.session import serve_session
from flowproto.framing import FrameDecoder, encode_frame

Json = dict[str, Any]

# What VS Code and Neovim say of themselves, as far as the daemon looks at it.
ABLE: Json = {
    "workspace": {
        "applyEdit": True,
        "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "rename"]},
    },
    "textDocument": {
        "codeAction": {
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix"]}},
        },
        "publishDiagnostics": {"versionSupport": True},
    },
    "window": {
        "workDoneProgress": True,
        "showDocument": {"support": True},
        "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}},
    },
}


class Refused(Exception):
    """The daemon answered with an error."""

    def __init__(self, error: Json):
        super().__init__(error["message"])
        self.error = error


class Editor:
    """The editor's end. `answers` says, by method, what it answers to the daemon's requests.

    A method of `silent` is not answered before the test calls `answer_late`.
    """

    def __init__(self, stream: trio.abc.Stream):
        self._stream = stream
        self._last_id = 0
        self._waiting: dict[int, tuple[trio.Event, Json]] = {}
        self._news = trio.Condition()
        self._turn = trio.Lock()
        self.heard: list[Json] = []
        self.silent: set[str] = set()
        self._unanswered: list[Any] = []
        self.answers: dict[str, Callable[[Json], Any]] = {}
        self.capabilities: Json = {}

    async def listen(self) -> None:
        """Read until the daemon closes."""
        decoder = FrameDecoder()
        while data := await self._stream.receive_some(65536):
            for frame in decoder.feed(bytes(data)):
                await self._take(msgspec.json.decode(frame))

    async def _take(self, message: Json) -> None:
        if "method" not in message:
            event, answer = self._waiting[message["id"]]
            answer.update(message)
            event.set()
            return
        if message["method"] in self.silent:
            self._unanswered.append(message["id"])
        elif "id" in message:
            await self._send({"id": message["id"], **self._answer_to(message)})
        async with self._news:
            self.heard.append(message)
            self._news.notify_all()

    def _answer_to(self, message: Json) -> Json:
        if message["method"] not in self.answers:
            return {"error": {"code": -32601, "message": "not here"}}
        return {"result": self.answers[message["method"]](message["params"])}

    async def _send(self, message: Json) -> None:
        body = msgspec.json.encode({"jsonrpc": "2.0", **message})
        async with self._turn:
            await self._stream.send_all(encode_frame(body))

    async def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        await self._send({"method": method, "params": params})

    async def request(self, method: str, params: Any) -> Any:
        """Send a request and give its result; Refused for an error."""
        self._last_id += 1
        event, answer = self._waiting[self._last_id] = trio.Event(), {}
        await self._send({"id": self._last_id, "method": method, "params": params})
        with trio.fail_after(20):
            await event.wait()
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    async def answer_late(self, result: Any) -> None:
        """Answer the oldest request that was left open."""
        await self._send({"id": self._unanswered.pop(0), "result": result})

    async def initialize(self, capabilities: Json, **more: Any) -> None:
        """Shake hands."""
        hello = {"processId": None, "rootUri": None, "capabilities": capabilities, **more}
        self.capabilities = (await self.request("initialize", hello))["capabilities"]
        await self.notify("initialized", {})

    async def open(self, uri: str, text: str, language: str = "yaml") -> None:
        """Open a document."""
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        await self.notify("textDocument/didOpen", {"textDocument": document})

    async def change(self, uri: str, version: int, *changes: Json) -> None:
        """Change a document."""
        document = {"uri": uri, "version": version}
        params = {"textDocument": document, "contentChanges": list(changes)}
        await self.notify("textDocument/didChange", params)

    async def hear(self, method: str, fits: Callable[[Json], bool] = lambda _: True) -> Json:
        """Wait for a message of the daemon, sent already or not; give its params and forget it."""
        with trio.fail_after(20):
            while True:
                for message in self.heard:
                    if message["method"] == method and fits(message["params"]):
                        self.heard.remove(message)
                        params: Json = message["params"]
                        return params
                async with self._news:
                    await self._news.wait()

    async def diagnostics(self, uri: str, version: int | None = None) -> list[Json]:
        """Wait for what is wrong with a document (in that version)."""

        def fits(params: Json) -> bool:
            return params["uri"] == uri and version in (None, params.get("version"))

        found: list[Json] = (await self.hear("textDocument/publishDiagnostics", fits))[
            "diagnostics"
        ]
        return found

    async def execute(self, command: str, **arguments: Any) -> Any:
        """Execute a command."""
        params = {"command": command, "arguments": [arguments]}
        return await self.request("workspace/executeCommand", params)


@asynccontextmanager
async def editing(
    services: Services, capabilities: Json | None = None, **more: Any
) -> AsyncIterator[Editor]:
    """An editor that has shaken hands with a session of the daemon."""
    services.open_lsp = open_lsp
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        editor = Editor(ours)
        nursery.start_soon(editor.listen)
        await editor.initialize(ABLE if capabilities is None else capabilities, **more)
        yield editor
        nursery.cancel_scope.cancel()


def at(line: int, character: int, end: int | None = None) -> Json:
    """A range in one line."""
    last = character if end is None else end
    return {
        "start": {"line": line, "character": character},
        "end": {"line": line, "character": last},
    }
