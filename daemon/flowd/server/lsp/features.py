"""The methods of the Language Server Protocol that Flow answers, and who answers each."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from cattrs import Converter
from lsprotocol import converters, types
from msgspec import Raw
from pygls.capabilities import ServerCapabilitiesBuilder

from flowd.server.errors import ProtocolError
from flowd.server.lsp import actions, commands, completion, following, hover, lenses
from flowd.server.lsp.documents import path_of
from flowd.server.lsp.editor import MISREAD, Editor
from flowd.server.lsp.waiting import tell_what_waits
from flowd.server.peer import Peer
from flowd.server.services import Services
from flowproto import codes

log = logging.getLogger("flowd.server.lsp")

_converter: Converter | None = None


@dataclass(frozen=True)
class _Handler:
    """Reads params as `params` and calls `handle`."""

    params: type[Any]
    handle: Callable[[Editor, Any], Awaitable[object]]


_REQUESTS: dict[str, _Handler] = {
    types.TEXT_DOCUMENT_CODE_ACTION: _Handler(types.CodeActionParams, actions.offer),
    types.CODE_ACTION_RESOLVE: _Handler(types.CodeAction, actions.resolve),
    types.TEXT_DOCUMENT_CODE_LENS: _Handler(types.CodeLensParams, lenses.lenses_of),
    types.TEXT_DOCUMENT_HOVER: _Handler(types.HoverParams, hover.hover),
    types.TEXT_DOCUMENT_COMPLETION: _Handler(types.CompletionParams, completion.complete),
    types.WORKSPACE_EXECUTE_COMMAND: _Handler(types.ExecuteCommandParams, commands.execute),
}


async def _opened(editor: Editor, params: types.DidOpenTextDocumentParams) -> None:
    editor.opened(params.text_document)


async def _changed(editor: Editor, params: types.DidChangeTextDocumentParams) -> None:
    document = editor.documents.change(params)
    if document is not None:
        editor.watch(document)


async def _closed(editor: Editor, params: types.DidCloseTextDocumentParams) -> None:
    editor.documents.close(params.text_document.uri)
    editor.forget(params.text_document.uri)


async def _folders_changed(editor: Editor, params: types.DidChangeWorkspaceFoldersParams) -> None:
    for folder in params.event.removed:
        editor.folders.pop(folder.uri, None)
    editor.folders.update(_paths([folder.uri for folder in params.event.added]))


async def _cancel(editor: Editor, run: str) -> None:
    await editor.services.engine.cancel(run, by=editor.peer.name)


async def _progress_cancelled(editor: Editor, params: types.WorkDoneProgressCancelParams) -> None:
    run = following.run_of_token(str(params.token))
    if run:
        editor.start_soon(_cancel, editor, run)


async def _initialized(editor: Editor, _: types.InitializedParams) -> None:
    editor.start_soon(tell_what_waits, editor)


_NOTIFICATIONS: dict[str, _Handler] = {
    types.INITIALIZED: _Handler(types.InitializedParams, _initialized),
    types.TEXT_DOCUMENT_DID_OPEN: _Handler(types.DidOpenTextDocumentParams, _opened),
    types.TEXT_DOCUMENT_DID_CHANGE: _Handler(types.DidChangeTextDocumentParams, _changed),
    types.TEXT_DOCUMENT_DID_CLOSE: _Handler(types.DidCloseTextDocumentParams, _closed),
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS: _Handler(
        types.DidChangeWorkspaceFoldersParams, _folders_changed
    ),
    types.WINDOW_WORK_DONE_PROGRESS_CANCEL: _Handler(
        types.WorkDoneProgressCancelParams, _progress_cancelled
    ),
}

_OPTIONS: dict[str, object] = {
    types.TEXT_DOCUMENT_CODE_ACTION: types.CodeActionOptions(
        code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.Refactor],
        resolve_provider=True,
    ),
    types.TEXT_DOCUMENT_COMPLETION: types.CompletionOptions(trigger_characters=[" ", "[", ","]),
}


class Features:
    """Implements `server.services.LspFeatures` for one connection."""

    def __init__(self, services: Services, peer: Peer, initialize: Raw | None) -> None:
        hello = msgspec.json.decode(initialize) if initialize is not None else {}
        self._converter = _shared_converter()
        client = self._client_capabilities(hello.get("capabilities"))
        self._encoding = ServerCapabilitiesBuilder.choose_position_encoding(client)
        self._editor = Editor(
            services, peer, client, self._encoding, _folders_in(hello), self._converter
        )

    def capabilities(self) -> Mapping[str, Any]:
        """See `LspFeatures`."""
        builder = ServerCapabilitiesBuilder(
            self._editor.client,
            features={*_REQUESTS, *_NOTIFICATIONS},
            feature_options=_OPTIONS,
            commands=list(commands.COMMANDS),
            text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
            position_encoding=self._encoding,
        )
        built: types.ServerCapabilities = builder.build()  # type: ignore[no-untyped-call]  # theirs
        found: Mapping[str, Any] = self._converter.unstructure(built)
        return found

    async def request(self, method: str, params: Raw | None) -> object:
        """See `LspFeatures`."""
        handler = _REQUESTS.get(method)
        if handler is None:
            raise ProtocolError(
                codes.METHOD_NOT_FOUND,
                f"there is no method {method!r}",
                cure="the capabilities of initialize say what there is",
            )
        result = await handler.handle(self._editor, self._read(params, handler.params))
        return self._editor.to_json(result)

    async def notify(self, method: str, params: Raw | None) -> None:
        """See `LspFeatures`."""
        handler = _NOTIFICATIONS.get(method)
        if handler is not None:
            await handler.handle(self._editor, self._read(params, handler.params))

    def _read(self, params: Raw | None, wanted: type[Any]) -> Any:
        try:
            data = msgspec.json.decode(params) if params is not None else {}
            return self._converter.structure(data, wanted)
        except (msgspec.DecodeError, *MISREAD) as error:
            raise ProtocolError(
                codes.INVALID_PARAMS,
                f"params are no {wanted.__name__}: {error}",
                cure="see the Language Server Protocol, version 3.17",
            ) from None

    def _client_capabilities(self, given: object) -> types.ClientCapabilities:
        """Read what the client can do; one that says it in a strange way can do little."""
        try:
            return self._converter.structure(given or {}, types.ClientCapabilities)
        except MISREAD as error:
            log.warning("capabilities of a client cannot be read: %s", error)
            return types.ClientCapabilities()


def _shared_converter() -> Converter:
    """The converter is made once: it takes 0.1 s, and holds no state."""
    global _converter
    if _converter is None:
        _converter = converters.get_converter()
    return _converter


def _folders_in(hello: dict[str, Any]) -> dict[str, str]:
    """Give the folders a client opens, URI to path, from the newest way of saying it there is."""
    given = hello.get("workspaceFolders")
    if isinstance(given, list):
        return _paths([folder.get("uri") for folder in given if isinstance(folder, dict)])
    if isinstance(hello.get("rootUri"), str):
        return _paths([hello["rootUri"]])
    root = hello.get("rootPath")
    return {root: root} if isinstance(root, str) and root.startswith("/") else {}


def _paths(uris: list[object]) -> dict[str, str]:
    found = {uri: path_of(uri) for uri in uris if isinstance(uri, str)}
    return {uri: path for uri, path in found.items() if path is not None}
