"""Completion in workflow files: keys, step ids and fixed values.

A text that is being typed is mostly not YAML, so this looks at lines and their indentation only.
"""

import re
from collections.abc import Iterable
from typing import Literal, get_args, get_origin, get_type_hints

from lsprotocol import types

from flowd.domain.keys import KEYS
from flowd.server.lsp.documents import Document
from flowd.server.lsp.editor import Editor
from flowd.server.lsp.parts import Path, part_of

LOOK_BACK_LINES = 5_000

_KEY = re.compile(r"(?P<spaces> *)(?P<dashes>(?:- +)*)(?P<key>[A-Za-z_][\w-]*) *:(?:\s|$)")
_TYPING_KEY = re.compile(r"(?P<spaces> *)(?P<dashes>(?:- +)*)[A-Za-z_]*")
_TYPING_ITEM = re.compile(r"(?P<spaces> *)(?P<dashes>- +)[\w-]*")
_TYPING_GOTO = re.compile(r".*\bgoto: *[\w-]*")
_STEP_ID = re.compile(r"^ *(?:- +)?(?:\{.*\b)?id: *([A-Za-z_][\w-]*)", re.MULTILINE)


async def complete(editor: Editor, params: types.CompletionParams) -> list[types.CompletionItem]:
    """List what can stand at the cursor."""
    document = editor.documents.get(params.text_document.uri)
    number = params.position.line
    if document is None or not document.is_workflow or number >= len(document.line_starts):
        return []
    before = document.text[document.line_starts[number] : document.offset(params.position)]
    if _TYPING_GOTO.fullmatch(before):
        return _step_ids(document)
    if (typing := _TYPING_ITEM.fullmatch(before)) is not None:
        path = _path_of(document, number, typing)
        if path[-2:-1] == ("needs",):
            return _step_ids(document)
    if (typing := _TYPING_KEY.fullmatch(before)) is not None:
        return _keys(part_of(_path_of(document, number, typing)))
    if (typing := _KEY.match(before)) is not None:
        if typing["key"] == "needs":
            return _step_ids(document)
        return _fixed_values(part_of(_path_of(document, number, typing)), typing["key"])
    return []


def _path_of(document: Document, number: int, line: re.Match[str]) -> Path:
    """Give the keys that lead to the map the line is part of; the items of lists are all 0.

    Walks up the lines: the next one that begins further left is the key above.
    """
    path: list[str | int] = []
    column, list_column = _columns(line)
    if list_column is not None:
        path.append(0)
    for above in range(number - 1, max(-1, number - LOOK_BACK_LINES), -1):
        if column == 0:
            break
        found = _KEY.match(document.line(above))
        if found is None:
            continue
        its_column, its_list = _columns(found)
        if list_column is None and its_list is not None and its_column == column:
            path.append(0)  # the first key of this item
            list_column = its_list
        elif its_column < column if list_column is None else its_column <= list_column:
            path.append(found["key"])
            column, list_column = its_column, its_list
            if its_list is not None:
                path.append(0)
    return tuple(reversed(path))


def _columns(line: re.Match[str]) -> tuple[int, int | None]:
    """Where a key begins, and where the dash before it stands if there is one."""
    spaces, dashes = len(line["spaces"]), len(line["dashes"])
    return spaces + dashes, spaces if dashes else None


def _keys(part: type | None) -> list[types.CompletionItem]:
    return [
        types.CompletionItem(
            label=key,
            kind=types.CompletionItemKind.Property,
            detail=text,
            insert_text=f"{key}: ",
        )
        for key, text in KEYS.get(part or object, {}).items()
    ]


def _fixed_values(part: type | None, key: str) -> list[types.CompletionItem]:
    """Offer the values of a key that takes one of a few, as its type lists them."""
    if part is None or key not in KEYS[part]:
        return []
    hints = get_type_hints(part)
    hint = hints.get(key, hints.get(f"{key}_"))
    kinds = (hint, *get_args(hint))
    words = [str(word) for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    return _items(words or (("true", "false") if bool in kinds else ()))


def _items(words: Iterable[str]) -> list[types.CompletionItem]:
    kind = types.CompletionItemKind.EnumMember
    return [types.CompletionItem(label=word, kind=kind) for word in words]


def _step_ids(document: Document) -> list[types.CompletionItem]:
    kind = types.CompletionItemKind.Reference
    found = dict.fromkeys(_STEP_ID.findall(document.text))
    return [types.CompletionItem(label=step, kind=kind) for step in found]
