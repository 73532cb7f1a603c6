"""Code actions: quick fixes in workflow files, suggestions in any file."""

import logging
from typing import Any

import trio
from lsprotocol import types
from msgspec.structs import replace

from flowd.domain.suggestions import Suggestion
from flowd.errors import FlowError
from flowd.server.lsp.diagnostics import range_of
from flowd.server.lsp.documents import Document
from flowd.server.lsp.editor import Editor
from flowd.server.lsp.suggesting import (
    chosen_text,
    file_edit,
    request_for,
    task_in,
    worth_offering,
)

SHOWN = 3
PATIENCE_SECONDS = 3.0  # the first answer takes up to a second: the index is read then

log = logging.getLogger("flowd.server.lsp")

_INVOKED = types.CodeActionTriggerKind.Invoked


async def offer(editor: Editor, params: types.CodeActionParams) -> list[types.CodeAction]:
    """List what can be done at the cursor or with the selection."""
    document = editor.documents.get(params.text_document.uri)
    if document is None or document.too_large:
        return []
    offered: list[types.CodeAction] = []
    if _wanted(params, types.CodeActionKind.QuickFix):
        offered += await _quick_fixes(editor, document, params)
    if _wanted(params, types.CodeActionKind.Refactor):
        offered += await _suggestions(editor, document, params)
    return offered


async def resolve(editor: Editor, action: types.CodeAction) -> types.CodeAction:
    """Add the edit to a suggestion the user chose."""
    data: Any = action.data
    if not isinstance(data, dict) or not isinstance(data.get("suggestion"), str):
        return action
    uri = data.get("uri")
    suggestion = editor.services.suggester.recall(data["suggestion"])
    target, action.edit = file_edit(editor, uri if isinstance(uri, str) else "", suggestion)
    editor.show_once_open(target)
    return action


def _wanted(params: types.CodeActionParams, kind: str) -> bool:
    """Whether the client asks for actions of the kind."""
    only = params.context.only
    return only is None or any(asked == "" or kind == asked for asked in only)


async def _quick_fixes(
    editor: Editor, document: Document, params: types.CodeActionParams
) -> list[types.CodeAction]:
    """Put the right name in place of a misspelled one.

    Some editors ask about the cursor alone, and pass on every mark in its line.
    """
    if not document.is_workflow:
        return []
    fixes = []
    marked = [diagnostic.range for diagnostic in params.context.diagnostics]
    for problem in (await editor.analysis_of(document)).reading.problems:
        place = range_of(document, problem)
        if problem.replacement and (place in marked or _touch(place, params.range)):
            edit = types.TextEdit(place, problem.replacement)
            fixes.append(
                types.CodeAction(
                    title=f"Change to {problem.replacement}",
                    kind=types.CodeActionKind.QuickFix,
                    diagnostics=[d for d in params.context.diagnostics if d.range == place],
                    is_preferred=True,
                    edit=types.WorkspaceEdit(changes={document.uri: [edit]}),
                )
            )
    return fixes


def _touch(one: types.Range, other: types.Range) -> bool:
    return one.start <= other.end and other.start <= one.end


async def _suggestions(
    editor: Editor, document: Document, params: types.CodeActionParams
) -> list[types.CodeAction]:
    text = chosen_text(document, params.range)
    asked = params.context.trigger_kind == _INVOKED or bool(params.context.only)
    if not worth_offering(document, params.range, text, asked=asked):
        return []
    argument = {"uri": document.uri, "range": editor.to_json(params.range), "pick": True}
    command = types.Command("Suggest workflow", "flow.suggest", arguments=[argument])
    offered = [
        types.CodeAction(
            title="Suggest workflow", kind=types.CodeActionKind.Refactor, command=command
        )
    ]
    if asked and not document.is_workflow:  # its lines are seldom tasks
        found = await _quick_answers(editor, document, text)
        offered += [_suggestion_action(editor, document, suggestion) for suggestion in found]
    return offered


async def _quick_answers(editor: Editor, document: Document, text: str) -> list[Suggestion]:
    """Ask the provider that needs no network; no answer in time is no answer."""
    request = request_for(editor, document, document.uri, task_in(text), text)
    quick = replace(request, providers=["offline"], limit=SHOWN, deadline_seconds=PATIENCE_SECONDS)
    with trio.move_on_after(PATIENCE_SECONDS):
        try:
            answer = await editor.services.suggester.suggest(quick)
        except FlowError as error:
            log.info("no suggestions for a menu: %s", error.message)
        else:
            return [made for made in answer.suggestions if made.verdict != "block"][:SHOWN]
    return []


def _suggestion_action(
    editor: Editor, document: Document, suggestion: Suggestion
) -> types.CodeAction:
    """Offer one suggestion; its file is written down only when it is chosen, if the client can."""
    action = types.CodeAction(
        title=f"Flow: {suggestion.title}",
        kind=types.CodeActionKind.Refactor,
        data={"suggestion": suggestion.id, "uri": document.uri},
    )
    if not _resolves_edits(editor.client):
        _, action.edit = file_edit(editor, document.uri, suggestion)
    return action


def _resolves_edits(client: types.ClientCapabilities) -> bool:
    about = client.text_document.code_action if client.text_document is not None else None
    support = about.resolve_support if about is not None else None
    return support is not None and "edit" in support.properties
