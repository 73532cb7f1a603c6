"""The grammar's words → `syntax.Word`: quotes, expansions, braces."""

import re
from collections.abc import Iterator

import tree_sitter

from flowd.safety.parsing.expansions import Piece, Unclosed, pieces_of, unescape
from flowd.safety.parsing.quoting import (
    expand_braces,
    unescape_ansi_c,
    unescape_double_quoted,
)
from flowd.safety.parsing.source import Source
from flowd.safety.syntax import (
    Arithmetic,
    Assignment,
    Parameter,
    Part,
    Script,
    Span,
    Substitution,
    Text,
    Word,
)
from flowd.safety.tables import listed
from flowd.safety.value import UNKNOWN

WORD_KINDS = listed(
    "word string raw_string ansi_c_string translated_string number concatenation "
    "simple_expansion expansion command_substitution process_substitution "
    "arithmetic_expansion brace_expression extglob_pattern regex variable_name "
    "special_variable_name test_operator"
)
BRACE = "\ue001"
"""Stands for a `{` the grammar would not take for text."""

_PART_MARK = 0xF0000  # parts that braces must not look into become single private characters
_NAME = re.compile(r"\$[A-Za-z_]\w*", re.ASCII)
LEADING_TABS = re.compile(r"^\t+", re.MULTILINE)
_LEADING_DIGIT = re.compile(r"(\d)(.+)", re.DOTALL)


def word_of(node: tree_sitter.Node, source: Source) -> Word:
    """One word, braces left as they are (as in assignments and redirects)."""
    return make_word(parts_of(node, source, quoted=False), source, node)


def words_of(node: tree_sitter.Node, source: Source) -> list[Word]:
    """The words a node becomes: more than one when it holds braces."""
    parts = parts_of(node, source, quoted=False)
    if any(isinstance(part, Text) and not part.quoted and "{" in part.text for part in parts):
        return [make_word(each, source, node) for each in _expand_braces(parts)]
    return [make_word(parts, source, node)]


def make_word(parts: list[Part], source: Source, node: tree_sitter.Node) -> Word:
    """Put parts together; a word that nothing can change gets its text at once."""
    span = source.span(node)
    plain = None
    if len(parts) == 1:
        only = parts[0]
        if isinstance(only, Text) and (only.quoted or not only.text.startswith("~")):
            plain = only.text
    elif all(isinstance(part, Text) for part in parts):
        first = parts[0] if parts else None
        if not (isinstance(first, Text) and not first.quoted and first.text.startswith("~")):
            plain = "".join(part.text for part in parts if isinstance(part, Text))
    return Word(tuple(parts), span, plain, source.shape.startswith(b"\n", node.start_byte))


def parts_of(node: tree_sitter.Node, source: Source, *, quoted: bool) -> list[Part]:
    """Take a word's node apart."""
    kind = node.type
    if kind in ("word", "number"):
        return _unquoted(source.text(node).lstrip("\n"))
    if kind == "raw_string":
        return [Text(source.text(node)[1:-1], quoted=True)]
    if kind == "string":
        inner = node.children[1:-1] if node.child_count > 1 else []
        return _within_quotes(inner, node.start_byte + 1, node.end_byte - 1, source)
    if kind == "concatenation":
        return [part for child in node.children for part in parts_of(child, source, quoted=quoted)]
    if kind == "simple_expansion":
        return _simple_expansion(node, source, quoted)
    if kind == "expansion":
        return [_expansion(node, source, quoted)]
    if kind == "command_substitution":
        before = source.text(node).partition("`")[0] if node.children[0].type != "$(" else ""
        return [
            *([Text(before, quoted)] if before.isspace() else []),
            Substitution(_script_of(node, source, quoted), quoted),
        ]
    if kind == "process_substitution":
        arrow = source.text(node)[:1]
        return [Substitution(source.script(node), quoted, "<" if arrow == "<" else ">")]
    if kind == "arithmetic_expansion":
        text = source.text(node).lstrip()
        expression = text[2:-1] if text.startswith("$[") else text[3:-2]
        return [Arithmetic(expression, scripts_within(node, source))]
    if kind == "ansi_c_string":
        return [Text(unescape_ansi_c(source.text(node)[2:-1]), quoted=True)]
    if kind == "translated_string":
        return [part for child in node.children for part in parts_of(child, source, quoted=True)]
    if kind == "$" and node.next_sibling is not None and node.next_sibling.type == "string":
        return []
    return _unquoted(source.text(node))


def _script_of(node: tree_sitter.Node, source: Source, quoted: bool) -> Script:
    """What a substitution runs; the grammar does not know what backslashes mean in backticks."""
    text = source.text(node).lstrip()
    if text.startswith("`") and "\\" in text:
        inside = unescape(text[1:-1], in_quotes=quoted)
        if inside != text[1:-1]:
            return _script_inside(inside, source.span(node), source)
    return source.script(node)


def _script_inside(text: str, span: Span, source: Source) -> Script:
    inner, root = source.inside(text, span)
    return inner.script(root)


def scripts_within(node: tree_sitter.Node, source: Source) -> tuple[Script, ...]:
    """The scripts that run inside a node, wherever they stand in it."""
    found: list[Script] = []
    stack = list(node.children)
    while stack:
        child = stack.pop()
        if child.type in ("command_substitution", "process_substitution"):
            found.append(_script_of(child, source, quoted=False))
        else:
            stack.extend(child.children)
    return tuple(found)


def text_word(
    node: tree_sitter.Node, start: int, end: int, source: Source, *, strip_tabs: bool
) -> Word:
    """A here-document's body, expanded as if between double quotes."""
    text = source.slice(start, end)
    if strip_tabs:
        text = LEADING_TABS.sub("", text)
    return make_word(_expanded(text, start, end, source, in_quotes=False), source, node)


def _expanded(text: str, start: int, end: int, source: Source, *, in_quotes: bool) -> list[Part]:
    """Text of these positions, where the grammar may not find all that the shell expands."""
    whole = source.span_between(start, end)
    as_written = text == source.slice(start, end)
    parts: list[Part] = []
    try:
        for piece in pieces_of(text, in_quotes=in_quotes):
            if piece.kind == "literal":
                parts.append(_protected(piece.text))
            elif _NAME.fullmatch(piece.text):
                parts.append(Parameter(piece.text[1:], quoted=True))
            else:
                before, raw = text[: piece.start], text[piece.start : piece.end]
                span = source.span_within(start, end, before, raw) if as_written else whole
                parts.extend(_expansion_inside(piece, span, source))
    except Unclosed:  # bash would not read it either
        source.lost.append(whole)
        parts.append(Text(UNKNOWN, quoted=True))
    return parts


def _expansion_inside(piece: Piece, span: Span, source: Source) -> list[Part]:
    if piece.kind == "script":
        return [Substitution(_script_inside(piece.text, span, source), quoted=True)]
    inner, root = source.inside(f': "{piece.text}"', span)
    string = next((node for node in _below(root) if node.type == "string"), None)
    if string is None:
        return [Substitution(inner.script(root), quoted=True)]
    return parts_of(string, inner, quoted=True)


def _below(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def assignment(node: tree_sitter.Node, source: Source) -> Assignment:
    """`name=value` and its forms."""
    target = node.children[0]
    name, index = source.text(target), ""
    if target.type == "subscript":
        name, _, index = name.partition("[")
        index = index.removesuffix("]")
    operator = node.children[1].type if node.child_count > 1 else "="
    value_node = node.children[2] if node.child_count > 2 else None
    value: Word | tuple[Word, ...]
    if value_node is None:
        value = Word((), source.span(node), "")
    elif value_node.type == "array":
        value = tuple(
            word
            for child in value_node.children
            if child.type in WORD_KINDS
            for word in words_of(child, source)
        )
    else:
        value = word_of(value_node, source)
    inner = scripts_within(target, source) if index else ()
    return Assignment(name, value, operator == "+=", index, source.span(node), inner)


def _unquoted(text: str) -> list[Part]:
    """Literal text outside quotes: what a backslash protects becomes a quoted part."""
    text = text.replace(BRACE, "{")
    if "\\" not in text:
        return [Text(text)]
    parts: list[Part] = []
    plain = ""
    position = 0
    while position < len(text):
        character = text[position]
        if character == "\\" and position + 1 < len(text):
            protected = text[position + 1]
            if protected != "\n":
                parts.extend([Text(plain)] if plain else [])
                parts.append(Text(protected, quoted=True))
                plain = ""
            position += 2
        else:
            plain += character
            position += 1
    return [*parts, Text(plain)] if plain or not parts else parts


def _within_quotes(
    children: list[tree_sitter.Node], start: int, end: int, source: Source
) -> list[Part]:
    """Text and expansions between two positions; the grammar leaves some of the text out."""
    parts: list[Part] = []
    position = start
    for child in children:
        if child.type in ("string_content", "heredoc_content") or not child.is_named:
            continue
        begin = child.start_byte + _blanks_before(child, source)
        if begin > position:
            parts.append(_protected(source.slice(position, begin)))
        parts.extend(parts_of(child, source, quoted=True))
        position = child.end_byte
    if position < end or not parts:
        parts.append(_protected(source.slice(position, end)))
    return parts


def _blanks_before(node: tree_sitter.Node, source: Source) -> int:
    """How many blanks the grammar takes for a part of the expansion that follows them."""
    if node.type == "command_substitution" and node.children[0].type != "$(":
        return 0  # between backticks `parts_of` gives them
    text = source.text(node)
    return len(text) - len(text.lstrip(" \t\n"))


def _protected(text: str) -> Text:
    return Text(unescape_double_quoted(text), quoted=True)


def _simple_expansion(node: tree_sitter.Node, source: Source, quoted: bool) -> list[Part]:
    name = source.text(node).lstrip()[1:]
    digit = _LEADING_DIGIT.fullmatch(name)
    if digit:
        return [Parameter(digit[1], quoted), Text(digit[2], quoted)]
    return [Parameter(name, quoted)]


def _expansion(node: tree_sitter.Node, source: Source, quoted: bool) -> Parameter:
    """`${...}`: a prefix (`!` or `#`), a name, an operator, one or two arguments."""
    children = node.children[1:-1]
    prefix = ""
    if children and children[0].type in ("!", "#") and len(children) > 1:
        prefix = "length" if children[0].type == "#" else "indirect"
        children = children[1:]
    if not children:
        return Parameter(source.text(node).lstrip()[2:-1], quoted)
    name, index = source.text(children[0]), ""
    if children[0].type == "subscript":
        name, _, index = name.partition("[")
        index = index.removesuffix("]")
    inner = scripts_within(children[0], source)
    if prefix or len(children) == 1:
        return Parameter(name, quoted, prefix, index=index, inner=inner)
    operator = children[1]
    rest = children[2:]
    end = node.end_byte - 1
    if operator.type in ("/", "//", "/#", "/%"):
        cut = next((child for child in rest if child.type == "/"), None)
        if cut is not None:
            before = [child for child in rest if child.end_byte <= cut.start_byte]
            after = [child for child in rest if child.start_byte >= cut.end_byte]
            return Parameter(
                name,
                quoted,
                operator.type,
                _region(before, operator.end_byte, cut.start_byte, source, quoted),
                _region(after, cut.end_byte, end, source, quoted),
                index,
                inner,
            )
    literal = quoted and operator.type in _TAKE_TEXT
    argument = _region(rest, operator.end_byte, end, source, quoted, literal_quotes=literal)
    return Parameter(name, quoted, operator.type, argument, None, index, inner)


_TAKE_TEXT = (":-", "-", ":=", "=", ":+", "+", ":?", "?")
"""Operators with a text instead of a pattern: between double quotes, `'` means nothing in it."""


def _region(
    nodes: list[tree_sitter.Node],
    start: int,
    end: int,
    source: Source,
    quoted: bool,
    *,
    literal_quotes: bool = False,
) -> Word:
    """An operator's argument: nodes and the text between them."""
    if "`" in source.slice(start, end):
        parts = _expanded(source.slice(start, end), start, end, source, in_quotes=quoted)
        return Word(tuple(parts), source.span_between(start, end))
    parts = []
    position = start
    for child in nodes:
        if not child.is_named and child.type != "ansi_c_string":
            continue
        if child.start_byte > position:
            parts.extend(_unquoted(source.slice(position, child.start_byte)))
        if literal_quotes and child.type in ("raw_string", "ansi_c_string"):
            parts.append(Text(source.text(child), quoted=True))
        else:
            parts.extend(parts_of(child, source, quoted=quoted))
        position = child.end_byte
    if position < end:
        parts.extend(_unquoted(source.slice(position, end)))
    return Word(tuple(parts), source.span_between(start, end))


def _expand_braces(parts: list[Part]) -> list[list[Part]]:
    """Expand braces over several parts: what is not plain text is carried along whole."""
    template = "".join(
        part.text if isinstance(part, Text) and not part.quoted else chr(_PART_MARK + number)
        for number, part in enumerate(parts)
    )
    words: list[list[Part]] = []
    for expanded in expand_braces(template):
        word: list[Part] = []
        plain = ""
        for character in expanded:
            if ord(character) >= _PART_MARK and ord(character) - _PART_MARK < len(parts):
                word.extend([Text(plain)] if plain else [])
                word.append(parts[ord(character) - _PART_MARK])
                plain = ""
            else:
                plain += character
        words.append([*word, Text(plain)] if plain or not word else word)
    return words
