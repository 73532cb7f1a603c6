"""From a line or a selection in any file to a task, and from a suggestion to a workflow file."""

import re
from pathlib import Path

from lsprotocol import types

from flowd.domain.render import to_yaml
from flowd.domain.suggestions import Suggestion, SuggestRequest
from flowd.server.lsp.documents import Document
from flowd.server.lsp.editor import Editor

MAX_TASK_CHARACTERS = 1_000
MAX_SELECTION_CHARACTERS = 8_000

_COMMENT_START = re.compile(
    r"\s*(?:(?://+|\#+|--+|;+|%+|/\*+|\*+(?!\*)|<!--|\"\"\"|'''|\"|rem\b|REM\b)[!:]?\s*)?"
    r"(?:(?:[-*+]|\d+[.)])\s+)?(?:\[[ xX]\]\s*)?(?:(?:TODO|FIXME|XXX|HACK)\b(?:\([^)]*\))?:?\s*)?"
)
_COMMENT_END = re.compile(r"\s*(?:\*+/|-->|\"\"\"|''')?\s*$")
_MARKED = re.compile(r"\s*(?://|\#|--|;|%|/\*|\*\s|<!--|[-*+]\s+\[[ xX]\]|rem\b|REM\b)")
_WORD = re.compile(r"[^\W\d_]{2,}")
_PROSE = frozenset({"markdown", "plaintext", "text", "gitcommit", "git-commit", "restructuredtext"})
_NAME = re.compile(r"[^a-z0-9]+")


def task_in(text: str) -> str:
    """Give the task a piece of a file speaks of: its lines without comment marks."""
    lines = []
    for line in text[: 4 * MAX_TASK_CHARACTERS].splitlines():
        start = _COMMENT_START.match(line)
        rest = line[start.end() :] if start is not None else line
        lines.append(_COMMENT_END.sub("", rest).strip())
    return " ".join(line for line in lines if line)[:MAX_TASK_CHARACTERS]


def chosen_text(document: Document, chosen: types.Range) -> str:
    """The selected text; where nothing is selected, the line the cursor is in."""
    if chosen.start == chosen.end:
        return document.line(chosen.start.line)
    return document.between(chosen)


def worth_offering(document: Document, chosen: types.Range, text: str, *, asked: bool) -> bool:
    """Whether suggestions are offered: always on request, unasked only where a person writes.

    That is in comments and prose, so that no light bulb sits beside every line of code.
    """
    words = len(_WORD.findall(task_in(text)))
    if asked or chosen.start != chosen.end:
        return words >= 1
    return words >= 2 and (document.language in _PROSE or _MARKED.match(text) is not None)


def request_for(
    editor: Editor, document: Document | None, uri: str, task: str, selection: str
) -> SuggestRequest:
    """Ask about a task that stands in a document."""
    settings = editor.services.config.suggest
    return SuggestRequest(
        task=task,
        cwd=str(editor.folder_of(uri)),
        limit=settings.limit,
        selection=selection[:MAX_SELECTION_CHARACTERS],
        language=document.language if document is not None else "",
        deadline_seconds=settings.deadline_seconds,
    )


def file_edit(editor: Editor, uri: str, suggestion: Suggestion) -> tuple[str, types.WorkspaceEdit]:
    """Give the URI of a new `.flow/NAME.flow.yaml` beside the document, and the edit that makes it.

    The name is one no file has. Clients that cannot create files get an edit of one that is not
    there yet, which those editors open as a new buffer.
    """
    target = _free_name(editor.folder_of(uri) / ".flow", suggestion).as_uri()
    editor.suggested[target] = suggestion.id
    text = types.TextEdit(
        types.Range(types.Position(0, 0), types.Position(0, 0)), _text(suggestion)
    )
    if not _can_create(editor.client):
        return target, types.WorkspaceEdit(changes={target: [text]})
    document = types.OptionalVersionedTextDocumentIdentifier(uri=target)
    created = types.CreateFile(uri=target, options=types.CreateFileOptions(ignore_if_exists=True))
    filled = types.TextDocumentEdit(text_document=document, edits=[text])
    return target, types.WorkspaceEdit(document_changes=[created, filled])


def _text(suggestion: Suggestion) -> str:
    heading = f"# {suggestion.title} ({suggestion.provider})\n".replace("\r", " ")
    return heading.replace("\n", " ").rstrip() + "\n" + to_yaml(suggestion.workflow)


def _free_name(folder: Path, suggestion: Suggestion) -> Path:
    name = _NAME.sub("-", suggestion.workflow.name.lower()).strip("-")[:60] or "workflow"
    candidates = [name, *(f"{name}-{number}" for number in range(2, 100))]
    paths = [folder / f"{candidate}.flow.yaml" for candidate in candidates]
    return next((path for path in paths if not path.exists()), paths[-1])


def _can_create(client: types.ClientCapabilities) -> bool:
    edits = client.workspace.workspace_edit if client.workspace is not None else None
    if edits is None or not edits.document_changes:
        return False
    return types.ResourceOperationKind.Create in (edits.resource_operations or ())
