"""One editor's connection: what it has open, what it can do, how to talk to it."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import trio
from cattrs import BaseValidationError, Converter
from lsprotocol import types

from flowd.errors import FlowError
from flowd.server.lsp.analysis import Analysis, analyse
from flowd.server.lsp.diagnostics import diagnostics_of
from flowd.server.lsp.documents import Document, Documents, Encoding, path_of
from flowd.server.peer import Peer, RefusedByPeer
from flowd.server.services import Services

QUIET_SECONDS = 0.15  # how long the user must not type before a text is looked at

# What reading data as a type of the protocol raises, when it is not of that shape.
MISREAD = (BaseValidationError, AttributeError, KeyError, TypeError, ValueError)

log = logging.getLogger("flowd.server.lsp")

T = TypeVar("T")


class Editor:
    """What handlers share. `folders` are the open folders, URI to path."""

    def __init__(
        self,
        services: Services,
        peer: Peer,
        client: types.ClientCapabilities,
        encoding: Encoding,
        folders: dict[str, str],
        converter: Converter,
    ) -> None:
        self.services = services
        self.peer = peer
        self.client = client
        self.folders = folders
        self.documents = Documents(encoding)
        self._converter = converter
        self._analyses: dict[str, Analysis] = {}
        self._watched: set[str] = set()
        self._to_show: str | None = None
        self.suggested: dict[str, str] = {}
        """The suggestions that files were made from, by the files' URIs."""

    # ------------------------------------------------------------------------------- documents

    def folder_of(self, uri: str) -> Path:
        """The folder a text belongs to: an open one that holds it, else its own, else home."""
        path = path_of(uri)
        holding = [
            folder
            for folder in self.folders.values()
            if path is not None and Path(path).is_relative_to(folder)
        ]
        if holding:
            return Path(max(holding, key=len))
        if path is not None:
            return Path(path).parent
        return Path(next(iter(self.folders.values()), str(Path.home())))

    async def analysis_of(self, document: Document) -> Analysis:
        """What is known of the text as it is when this returns."""
        while True:
            known = self._analyses.get(document.uri)
            if known is not None and known.text == document.text:
                return known
            cwd = str(self.folder_of(document.uri))
            known = await analyse(document.text, self.services.judge, cwd, self.services.preflight)
            if self.documents.get(document.uri) is not document:
                return known  # closed meanwhile: nobody asks again
            self._analyses[document.uri] = known

    def watch(self, document: Document) -> None:
        """Show what is wrong with the text once the user pauses; one task a document at a time."""
        if document.uri not in self._watched:
            self._watched.add(document.uri)
            self.start_soon(self._publish_when_quiet, document.uri)

    def show_once_open(self, uri: str) -> None:
        """Have the file shown when the editor opens it: an edit is applied without being seen."""
        self._to_show = path_of(uri)  # editors write one path as different URIs

    def opened(self, opened: types.TextDocumentItem) -> None:
        """Begin to look at a text."""
        document = self.documents.open(opened)
        self.watch(document)
        if self._to_show is not None and path_of(document.uri) == self._to_show:
            self._to_show = None
            self.start_soon(self.show_document, document.uri)

    def forget(self, uri: str) -> None:
        """Take away what is shown of a closed text."""
        self._analyses.pop(uri, None)
        self.start_soon(self._publish, uri, None, [])

    async def publish_now(self, document: Document) -> Analysis:
        """Show what is wrong with the text as it is."""
        analysis = await self.analysis_of(document)
        if self.documents.get(document.uri) is not document:
            return analysis  # closed meanwhile: nothing may be shown of it any more
        shown = diagnostics_of(document, analysis) if document.is_workflow else []
        await self._publish(document.uri, document.version, shown)
        return analysis

    async def _publish_when_quiet(self, uri: str) -> None:
        try:
            seen = -1
            while True:
                document = self.documents.get(uri)
                if document is None or document.revision == seen:
                    return
                if seen != -1:
                    await trio.sleep(QUIET_SECONDS)
                seen = document.revision
                if document.is_workflow or uri in self._analyses:
                    await self.publish_now(document)
        finally:
            self._watched.discard(uri)

    async def _publish(self, uri: str, version: int | None, shown: list[types.Diagnostic]) -> None:
        params = types.PublishDiagnosticsParams(uri=uri, diagnostics=shown, version=version)
        await self.notify(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, params)

    # ------------------------------------------------------------------------- talking to it

    async def notify(self, method: str, params: object) -> None:
        """Send a notification with params of the protocol's types."""
        await self.peer.notify(method, self.to_json(params))

    async def ask(self, method: str, params: object, result: type[T]) -> T | None:
        """Send a request; None when the editor refuses it, does not know it, or answers null."""
        try:
            answer = await self.peer.request(method, self.to_json(params))
        except RefusedByPeer as refused:
            log.info("%s refused %s: %s", self.peer.name, method, refused)
            return None
        data = msgspec.json.decode(answer) if answer is not None else None
        try:
            return None if data is None else self.from_json(data, result)
        except MISREAD as error:
            log.warning("%s answered %s strangely: %s", self.peer.name, method, error)
            return None

    async def request(self, method: str, params: object) -> bool:
        """Send a request that has no result; whether the editor took it."""
        try:
            await self.peer.request(method, self.to_json(params))
        except RefusedByPeer as refused:
            log.info("%s refused %s: %s", self.peer.name, method, refused)
            return False
        return True

    async def show(self, kind: types.MessageType, message: str) -> None:
        """Show a message to the user."""
        await self.notify(
            types.WINDOW_SHOW_MESSAGE, types.ShowMessageParams(type=kind, message=message)
        )

    async def show_document(self, uri: str) -> None:
        """Show a file to the user, if the editor can."""
        window = self.client.window
        if window is not None and window.show_document is not None and window.show_document.support:
            shown = types.ShowDocumentParams(uri=uri, take_focus=True)
            await self.ask(types.WINDOW_SHOW_DOCUMENT, shown, types.ShowDocumentResult)

    async def choose(self, message: str, titles: list[str]) -> str | None:
        """Let the user choose; None when nothing is chosen or the editor cannot ask."""
        actions = [types.MessageActionItem(title=title) for title in titles]
        params = types.ShowMessageRequestParams(
            type=types.MessageType.Info, message=message, actions=actions
        )
        chosen = await self.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, types.MessageActionItem)
        return chosen.title if chosen is not None and chosen.title in titles else None

    @property
    def can_choose(self) -> bool:
        """Whether the editor says that it can let the user choose."""
        window = self.client.window
        return window is not None and window.show_message is not None

    def start_soon(self, work: Callable[..., Awaitable[object]], *args: object) -> None:
        """Do something for as long as the connection lasts; a failure is told or logged."""
        self.peer.start_soon(self._guarded, work, *args)

    async def _guarded(self, work: Callable[..., Awaitable[object]], *args: object) -> None:
        try:
            await work(*args)
        except FlowError as error:
            cure = f" ({error.cure})" if error.cure else ""
            await self.show(types.MessageType.Error, f"Flow: {error.message}{cure}")
        except Exception:
            # One feature failed in the background: the connection and its other features go on.
            log.exception("editor feature %s failed", getattr(work, "__name__", work))

    # ------------------------------------------------------------------------------- messages

    def to_json(self, value: object) -> Any:
        """Make JSON-shaped data of the protocol's types."""
        return self._converter.unstructure(value)

    def from_json(self, data: object, wanted: type[T]) -> T:
        """Read JSON-shaped data as a type of the protocol; raises what `MISREAD` lists."""
        read: T = self._converter.structure(data, wanted)
        return read
