"""The grammar's redirects → `syntax.Redirect`.

Bash takes a descriptor before `<<<` and `<>`; the grammar calls part of these an error. They are
put together again here and the error is marked as repaired.
"""

import re

import tree_sitter

from flowd.safety.parsing.source import Source
from flowd.safety.parsing.words import (
    LEADING_TABS,
    WORD_KINDS,
    make_word,
    text_word,
    word_of,
    words_of,
)
from flowd.safety.syntax import Redirect, Text, Word

REDIRECT_KINDS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_REPAIRABLE = {"<<<", "<>"}


def redirects_of(
    node: tree_sitter.Node, source: Source, error_before: tree_sitter.Node | None = None
) -> tuple[list[Redirect], list[Word]]:
    """The redirects of one node, and the words after their target: those are the command's."""
    if node.type == "heredoc_redirect":
        return _here_document(node, source)
    before = descriptor_before(node, source)
    descriptor = _number(before) if before is not None and before.isdecimal() else before
    operator = ""
    targets: list[tree_sitter.Node] = []
    errors: list[tree_sitter.Node] = []
    if error_before is not None and error_before.end_byte == node.start_byte:
        operator = source.text(error_before)
        errors.append(error_before)
    for child in node.children:
        if child.type == "file_descriptor":
            descriptor = _number(source.text(child))
        elif child.is_error:
            operator += source.text(child)
            errors.append(child)
        elif child.type in WORD_KINDS:
            targets.append(child)
        elif not child.is_named:
            operator += child.type
    if operator in _REPAIRABLE:
        source.repaired.update(error.id for error in errors)
    target = word_of(targets[0], source) if targets else None
    further = [word for child in targets[1:] for word in words_of(child, source)]
    return [Redirect(operator, target, descriptor, source.span(node))], further


_DESCRIPTOR = re.compile(rb"(?:^|\s)(?:(\d{1,4})|\{([A-Za-z_]\w*)\})$")


def _number(text: str) -> int | None:
    """A descriptor's number; the grammar may make one up, without any digits."""
    return int(text[:4]) if text[:4].isdecimal() else None


def descriptor_before(node: tree_sitter.Node, source: Source) -> str | None:
    """`0<file` and `{name}<file`: the grammar takes the descriptor for a word of the command."""
    before = source.shape[max(0, node.start_byte - 80) : node.start_byte]
    match = _DESCRIPTOR.search(before)
    return (match[1] or match[2]).decode() if match else None


def _here_document(node: tree_sitter.Node, source: Source) -> tuple[list[Redirect], list[Word]]:
    descriptor: int | None = None
    start = ""
    body: tree_sitter.Node | None = None
    end: tree_sitter.Node | None = None
    made: list[Redirect] = []
    further: list[Word] = []
    separated = False
    line_end = source.shape.find(b"\n", node.start_byte)
    for child in node.children:
        kind = child.type
        if kind == "file_descriptor":
            descriptor = _number(source.text(child))
        elif kind == "heredoc_start":
            start = source.text(child)
        elif kind == "heredoc_body":
            body = child
        elif kind == "heredoc_end":
            end = child
        elif kind in REDIRECT_KINDS:
            inner, words = redirects_of(child, source)
            made.extend(inner)
            further.extend(words)
        elif child.is_error:
            separated = True  # what follows is another command: see `_continued`
        elif kind in WORD_KINDS and not separated and child.end_byte <= line_end:
            further.extend(words_of(child, source))
    span = source.span(node)
    text = Word((), span, "")
    if body is not None:
        # The grammar may start the body late, at its first expansion.
        first = source.shape.find(b"\n", node.start_byte, body.start_byte + 1) + 1
        begin = first if 0 < first <= body.start_byte else body.start_byte
        strip_tabs = any(child.type == "<<-" for child in node.children)
        stop = max(end.start_byte if end is not None else body.end_byte, begin)
        if any(quote in start for quote in "'\"\\"):
            literal = source.slice(begin, stop)
            if strip_tabs:
                literal = LEADING_TABS.sub("", literal)
            text = make_word([Text(literal, quoted=True)], source, body)
        else:
            text = text_word(body, begin, stop, source, strip_tabs=strip_tabs)
    return [Redirect("<<", text, descriptor, span), *made], further
