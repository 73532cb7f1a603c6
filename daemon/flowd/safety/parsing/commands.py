"""The grammar's simple commands → `syntax.SimpleCommand`.

One node may be several commands: the grammar overlooks the end of a line before a backslash.
"""

import re
from collections.abc import Sequence

import tree_sitter

from flowd.safety import syntax
from flowd.safety.parsing.redirects import REDIRECT_KINDS, descriptor_before, redirects_of
from flowd.safety.parsing.source import Source
from flowd.safety.parsing.words import WORD_KINDS, assignment, words_of
from flowd.safety.syntax import Assignment, Redirect, Span, Statement, Word

Statements = list[Statement]


def loose_commands(nodes: list[tree_sitter.Node], source: Source) -> Statements:
    """Commands of words that stand loose, as they do around an error."""
    words = [word for node in nodes for word in words_of(node, source)]
    span = source.span_between(nodes[0].start_byte, nodes[-1].end_byte)
    return commands([], words, [], span)


def commands(
    assignments: list[Assignment],
    words: Sequence[Word | Assignment],
    redirects: Sequence[Redirect],
    span: Span,
) -> Statements:
    """One simple command, or several where the grammar overlooked the end of a line."""
    made: Statements = []
    current: list[Word | Assignment] = []
    for word in words:
        if isinstance(word, Word) and word.starts_line and (current or assignments or redirects):
            made.append(_command_of(assignments, current, redirects, span))
            assignments, redirects, current = [], [], []
        current.append(word)
    return [*made, _command_of(assignments, current, redirects, span)]


_KEYWORDS = frozenset({"time", "coproc"})
_OPENERS = frozenset({"-p", "--", "{", "(", "!"})


def _command_of(
    assignments: Sequence[Assignment],
    words: Sequence[Word | Assignment],
    redirects: Sequence[Redirect],
    span: Span,
) -> syntax.SimpleCommand:
    """A simple command; `time` and `coproc` are keywords that the grammar takes for programs."""
    made = list(assignments)
    rest = list(words)
    if len(rest) > 1 and _plain(rest[0]) in _KEYWORDS:
        rest = rest[1:]
        if len(rest) > 1 and _plain(rest[1]) in ("{", "("):
            rest = rest[1:]  # coproc NAME { ...
        while len(rest) > 1 and _plain(rest[0]) in _OPENERS:
            rest = rest[1:]
        while rest and (assigned := _assigned(rest[0])) is not None:
            made.append(assigned)
            rest = rest[1:]
    return syntax.SimpleCommand(tuple(made), tuple(rest), tuple(redirects), span)


def _plain(word: Word | Assignment) -> str | None:
    return word.plain if isinstance(word, Word) else None


_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\+?)=(.*)", re.DOTALL)


def _assigned(word: Word | Assignment) -> Assignment | None:
    """A word that reads `name=...` as the assignment it is."""
    first = word.parts[0] if isinstance(word, Word) and word.parts else None
    if not isinstance(word, Word) or not isinstance(first, syntax.Text) or first.quoted:
        return None
    match = _ASSIGNMENT.fullmatch(first.text)
    if match is None:
        return None
    parts = (syntax.Text(match[3]), *word.parts[1:])
    plain = word.plain[match.start(3) :] if word.plain is not None else None
    return Assignment(match[1], Word(parts, word.span, plain), bool(match[2]), "", word.span)


def command(node: tree_sitter.Node, source: Source) -> Statements:
    """A command with its assignments, words and redirects."""
    assignments: list[Assignment] = []
    words: list[Word | Assignment] = []
    redirects: list[Redirect] = []
    aside: Statements = []
    for child in node.children:
        kind = child.type
        if kind == "command_name":
            if child.end_byte == child.start_byte and assignments:
                source.repaired.update(inner.id for inner in child.children)  # ! name=value
            else:
                words.extend(word for inner in child.children for word in words_of(inner, source))
        elif kind == "variable_assignment":
            if words:
                words.extend(_declared(child, source))
            else:
                assignments.append(assignment(child, source))
        elif kind in WORD_KINDS:
            found: Sequence[Word | Assignment] = words_of(child, source)
            before = child.prev_sibling
            if words and found and before is not None and _touch(before, child, found[0]):
                found = _one_word(words.pop(), before, child, found, source)
            words.extend(found)
        elif kind in REDIRECT_KINDS:
            if words and descriptor_before(child, source) is not None:
                words.pop()  # the descriptor, which the grammar took for a word
            made, further = redirects_of(child, source)
            redirects.extend(made)
            words.extend(further)
        elif child.is_named:
            aside.extend(source.script(child).statements)
        elif not words and kind != "$":  # the grammar's own words: declare, export, unset ...
            words.extend(words_of(child, source))
    return [*aside, *commands(assignments, words, redirects, source.span(node))]


_BARE_NAME = re.compile(r"(?<!\\)((?:\\\\)*)\$([A-Za-z_]\w*|\d)")


def _touch(before: tree_sitter.Node, node: tree_sitter.Node, word: Word | Assignment) -> bool:
    """Whether no blank and no end of a line stands between two nodes of words."""
    adjacent = before.type in WORD_KINDS and before.end_byte == node.start_byte
    return adjacent and isinstance(word, Word) and not word.starts_line


def _one_word(
    first: Word | Assignment,
    before: tree_sitter.Node,
    node: tree_sitter.Node,
    rest: Sequence[Word | Assignment],
    source: Source,
) -> list[Word | Assignment]:
    """Nodes without a blank between them are one word, of which the grammar made two.

    It does so at `a${b}$c.d`, where it takes `$` for a letter; of `${c}` it does not.
    """
    text = source.slice(before.start_byte, node.end_byte)
    braced = _BARE_NAME.sub(r"\1${\2}", text)
    if braced != text and "'" not in text:
        inner, root = source.inside(f": {braced}", source.span(node))
        made = inner.script(root).statements
        if len(made) == 1 and isinstance(made[0], syntax.SimpleCommand):
            return list(made[0].words[1:])
    if not isinstance(first, Word) or not isinstance(rest[0], Word):
        return [first, *rest]
    plain = None if first.plain is None or rest[0].plain is None else first.plain + rest[0].plain
    return [Word((*first.parts, *rest[0].parts), first.span, plain), *rest[1:]]


def _declared(node: tree_sitter.Node, source: Source) -> list[Assignment]:
    """An assignment given to `declare` and its like, where braces expand."""
    made = assignment(node, source)
    if isinstance(made.value, tuple) or node.child_count < 3:
        return [made]
    return [
        Assignment(made.name, word, made.append, made.index, made.span)
        for word in words_of(node.children[2], source)
    ]


def assignments_of(node: tree_sitter.Node, source: Source) -> Statements:
    """Assignments without a command."""
    nodes = node.children if node.type == "variable_assignments" else [node]
    made = tuple(assignment(child, source) for child in nodes)
    return [syntax.SimpleCommand(made, (), (), source.span(node))]
