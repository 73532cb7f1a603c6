"""Code lenses: what can be done with a workflow file, above its first line."""

from lsprotocol import types

from flowd.server.lsp.editor import Editor

_TITLES = (("Run", "flow.run"), ("Undo", "flow.undo"), ("Check", "flow.check"))


async def lenses_of(editor: Editor, params: types.CodeLensParams) -> list[types.CodeLens]:
    """Offer to run, undo and check a workflow file; nothing in other files."""
    document = editor.documents.get(params.text_document.uri)
    if document is None or not document.is_workflow:
        return []
    top = types.Range(types.Position(0, 0), types.Position(0, 0))
    return [
        types.CodeLens(
            range=top,
            command=types.Command(title, command, arguments=[{"uri": document.uri}]),
        )
        for title, command in _TITLES
    ]
