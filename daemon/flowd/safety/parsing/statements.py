"""The grammar's statements → `syntax`.

Every converter takes a node and gives the statements it stands for: usually one, several when the
grammar put further commands inside (after a here-document's start, around an error).
"""

from collections.abc import Callable

import tree_sitter

from flowd.safety import syntax
from flowd.safety.parsing.commands import (
    Statements,
    assignments_of,
    command,
    commands,
    loose_commands,
)
from flowd.safety.parsing.redirects import REDIRECT_KINDS, redirects_of
from flowd.safety.parsing.source import Source
from flowd.safety.parsing.words import WORD_KINDS, scripts_within, word_of, words_of
from flowd.safety.syntax import Assignment, Redirect, Span, Statement, Word


def statements_of(node: tree_sitter.Node, source: Source) -> Statements:
    """Convert the statements among a node's children; `&` sends the one before to the back.

    Words that stand loose, as they do around an error, are taken for commands.
    """
    source.enter()
    found: Statements = []
    loose: list[tree_sitter.Node] = []
    for child in node.children:
        kind = child.type
        if kind in WORD_KINDS:
            loose.append(child)
            continue
        if loose:
            found.extend(loose_commands(loose, source))
            loose = []
        if kind == "&" and found:
            found[-1] = syntax.Background(found[-1], source.span(child))
        elif child.is_named and kind != "comment":
            found.extend(statement(child, source))
    if loose:
        found.extend(loose_commands(loose, source))
    source.leave()
    return found


def statement(node: tree_sitter.Node, source: Source) -> Statements:
    """Convert one node; one of an unknown kind is searched for statements."""
    source.enter()
    made = _CONVERTERS.get(node.type, statements_of)(node, source)
    source.leave()
    return made


def _redirected(node: tree_sitter.Node, source: Source) -> Statements:
    """A statement and its redirects; a here-document's line may go on with further commands."""
    body: Statements = []
    words: list[Word | Assignment] = []
    redirects: list[Redirect] = []
    heredocs: list[tree_sitter.Node] = []
    error: tree_sitter.Node | None = None
    for child in node.children:
        if child.is_error:
            error = child
        elif child.type in REDIRECT_KINDS:
            made, further = redirects_of(child, source, error)
            redirects.extend(made)
            words.extend(further)
            if child.type == "heredoc_redirect":
                heredocs.append(child)
        elif child.is_named:
            body.extend(statement(child, source))
    statements = _with_redirects(body, words, redirects, source.span(node))
    for heredoc in heredocs:
        statements = _continued(statements, heredoc, source)
    return statements


def _with_redirects(
    body: Statements, words: list[Word | Assignment], redirects: list[Redirect], span: Span
) -> Statements:
    last = body[-1] if body else syntax.SimpleCommand((), (), (), span)
    return [*body[:-1], *_redirect_last(last, words, redirects, span)]


def _redirect_last(
    last: Statement, words: list[Word | Assignment], redirects: list[Redirect], span: Span
) -> Statements:
    """Give a statement its redirects; the grammar lets those of `a && b >f` stand for both."""
    if isinstance(last, syntax.SimpleCommand):
        own = last.words
        if redirects and isinstance(redirects[0].descriptor, str):  # see `descriptor_before`
            own = own[:-1]
        return commands(list(last.assignments), (*own, *words), (*last.redirects, *redirects), span)
    if isinstance(last, syntax.AndOr):
        *links, (operator, inner) = last.rest
        made, *after = _redirect_last(inner, words, redirects, span)
        return [syntax.AndOr(last.first, (*links, (operator, made))), *after]
    if isinstance(last, syntax.Pipeline):
        made, *after = _redirect_last(last.stages[-1], words, redirects, span)
        return [syntax.Pipeline((*last.stages[:-1], made), last.span), *after]
    if isinstance(last, syntax.Not):
        made, *after = _redirect_last(last.body, words, redirects, span)
        return [syntax.Not(made), *after]
    return [syntax.Redirected(last, tuple(redirects))]


def _only_redirect(node: tree_sitter.Node, source: Source) -> Statements:
    """`$(<file)` is what `cat` would give of the file."""
    redirects, further = redirects_of(node, source)
    span = source.span(node)
    reads = bool(redirects) and redirects[0].operator == "<"
    words = [Word((syntax.Text("cat"),), span, "cat")] if reads and not further else further
    return commands([], words, redirects, span)


def _continued(made: Statements, heredoc: tree_sitter.Node, source: Source) -> Statements:
    """Join what follows `<<END` on its line: `| tee x`, `&& next`, `; next`."""
    operator = ""
    loose: list[tree_sitter.Node] = []
    for child in heredoc.children:
        kind = child.type
        if kind in ("&&", "||"):
            operator = kind
        elif child.is_error and source.text(child) in (";", "&"):
            source.repaired.add(child.id)
            operator = ";"
        elif kind == "pipeline":
            rest = statements_of(child, source)
            made = [*made[:-1], _piped(made[-1], rest, source.span(heredoc))]
        elif operator == ";" and kind in WORD_KINDS:
            loose.append(child)
        elif operator and child.is_named and kind not in ("heredoc_body", "heredoc_end"):
            rest = statement(child, source)
            if operator in ("&&", "||") and rest:
                made = [*made[:-1], _chained(made[-1], operator, rest[0]), *rest[1:]]
            else:
                made = [*made, *rest]
    return [*made, *loose_commands(loose, source)] if loose else made


def _piped(first: Statement, rest: Statements, span: Span) -> Statement:
    """`first | rest`, where the grammar may have put `&& more` inside the rest."""
    if rest and isinstance(rest[0], syntax.AndOr):
        inner = rest[0]
        head = syntax.Pipeline((first, inner.first, *rest[1:]), span)
        return syntax.AndOr(head, inner.rest)
    return syntax.Pipeline((first, *rest), span)


def _chained(first: Statement, operator: str, second: Statement) -> Statement:
    return syntax.AndOr(first, (("&&" if operator == "&&" else "||", second),))


def _list(node: tree_sitter.Node, source: Source) -> Statements:
    """`a && b || c`: the grammar nests to the left, as deep as the list is long."""
    links: list[tuple[str, tree_sitter.Node]] = []
    while node.type == "list" and node.child_count >= 3:
        links.append((node.children[1].type, node.children[-1]))
        node = node.children[0]
    first = statement(node, source)
    made = first[-1] if first else syntax.Group((), subshell=False)
    for operator, second in reversed(links):
        for each in statement(second, source):
            made = _chained(made, operator, each)
    return [*first[:-1], _flat(made)]


def _flat(made: Statement) -> Statement:
    """Undo the left nesting of AndOr."""
    links: list[tuple[syntax.Link, Statement]] = []  # the last one first
    while isinstance(made, syntax.AndOr):
        links.extend(reversed(made.rest))
        made = made.first
    return syntax.AndOr(made, tuple(reversed(links))) if links else made


def _pipeline(node: tree_sitter.Node, source: Source) -> Statements:
    """`a && b | c`: the grammar may take `a && b` for the first stage."""
    stages = statements_of(node, source)
    span = source.span(node)
    if stages and isinstance(stages[0], syntax.AndOr):
        first = stages[0]
        *links, (operator, inner) = first.rest
        piped = syntax.Pipeline((inner, *stages[1:]), span)
        return [syntax.AndOr(first.first, (*links, (operator, piped)))]
    return [syntax.Pipeline(tuple(stages), span)]


def _not(node: tree_sitter.Node, source: Source) -> Statements:
    made = statements_of(node, source)
    return [syntax.Not(made[0]), *made[1:]] if made else []


def _subshell(node: tree_sitter.Node, source: Source) -> Statements:
    return [syntax.Group(tuple(statements_of(node, source)), subshell=True)]


def _compound(node: tree_sitter.Node, source: Source) -> Statements:
    if node.children and node.children[0].type == "((":
        expression = source.text(node)[2:-2]
        return [syntax.Test((), expression, scripts_within(node, source))]
    return [syntax.Group(tuple(statements_of(node, source)), subshell=False)]


def _test(node: tree_sitter.Node, source: Source) -> Statements:
    words: list[Word] = []
    stack = list(reversed(node.children[1:-1]))
    while stack:
        child = stack.pop()
        if child.type in WORD_KINDS:
            words.append(word_of(child, source))
        elif child.child_count:
            stack.extend(reversed(child.children))
        else:
            words.append(word_of(child, source))
    return [syntax.Test(tuple(words))]


def _if(node: tree_sitter.Node, source: Source) -> Statements:
    branches: list[tuple[tuple[Statement, ...], tuple[Statement, ...]]] = []
    otherwise: tuple[Statement, ...] = ()
    condition, body = _split_at(node, "then", source)
    branches.append((condition, body))
    for child in node.children:
        if child.type == "elif_clause":
            branches.append(_split_at(child, "then", source))
        elif child.type == "else_clause":
            otherwise = tuple(statements_of(child, source))
    return [syntax.If(tuple(branches), otherwise)]


def _split_at(
    node: tree_sitter.Node, keyword: str, source: Source
) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
    """The statements before and after a keyword, clauses left out."""
    before: Statements = []
    after: Statements = []
    current = before
    for child in node.children:
        if child.type == keyword:
            current = after
        elif child.type == "&" and current:
            current[-1] = syntax.Background(current[-1], source.span(child))
        elif child.is_named and child.type not in ("elif_clause", "else_clause", "comment"):
            current.extend(statement(child, source))
    return tuple(before), tuple(after)


def _body(node: tree_sitter.Node, source: Source) -> tuple[Statement, ...]:
    """What stands between `do` and `done`, or in the braces that may replace them."""
    return tuple(
        made
        for child in node.children
        if child.type in ("do_group", "compound_statement")
        for made in statements_of(child, source)
    )


def _while(node: tree_sitter.Node, source: Source) -> Statements:
    condition = tuple(
        made
        for child in node.children
        if child.is_named and child.type not in ("do_group", "comment")
        for made in statement(child, source)
    )
    negated = node.children[0].type == "until"
    return [syntax.While(condition, _body(node, source), negated, source.span(node))]


def _for_each(node: tree_sitter.Node, source: Source) -> Statements:
    name = node.child_by_field_name("variable")
    has_words = any(child.type == "in" for child in node.children)
    words = tuple(
        word
        for child in node.children
        if child.type in WORD_KINDS and child != name
        for word in words_of(child, source)
    )
    label = source.text(name) if name is not None else ""
    return [syntax.ForEach(label, words if has_words else None, _body(node, source))]


def _for_arithmetic(node: tree_sitter.Node, source: Source) -> Statements:
    """`for ((start; condition; step))`."""
    group = next((c for c in node.children if c.type in ("do_group", "compound_statement")), None)
    end = group.start_byte if group is not None else node.end_byte
    head = source.slice(node.start_byte, end)
    condition = head.split(";")[1].strip() if head.count(";") >= 2 else ""
    inner = tuple(
        script
        for child in node.children
        if child is not group
        for script in scripts_within(child, source)
    )
    tests: tuple[Statement, ...] = (syntax.Test((), condition, inner),) if condition else ()
    return [syntax.While(tests, _body(node, source), False, source.span(node))]


def _case(node: tree_sitter.Node, source: Source) -> Statements:
    subject = next((c for c in node.children if c.type in WORD_KINDS), None)
    items = tuple(_case_item(child, source) for child in node.children if child.type == "case_item")
    if subject is None:
        return statements_of(node, source)
    return [syntax.Case(word_of(subject, source), items)]


def _case_item(
    node: tree_sitter.Node, source: Source
) -> tuple[tuple[Word, ...], tuple[Statement, ...]]:
    patterns: list[Word] = []
    body: Statements = []
    inside = False
    for child in node.children:
        if child.type == ")" and not inside:
            inside = True
        elif child.type == "&" and body:
            body[-1] = syntax.Background(body[-1], source.span(child))
        elif child.is_named and inside and child.type != "comment":
            body.extend(statement(child, source))
        elif child.type in WORD_KINDS:
            patterns.append(word_of(child, source))
    return tuple(patterns), tuple(body)


def _function(node: tree_sitter.Node, source: Source) -> Statements:
    name = node.child_by_field_name("name")
    bodies = [
        made
        for child in node.children
        if child.is_named and child != name and child.type not in REDIRECT_KINDS
        for made in statement(child, source)
    ]
    body = bodies[0] if len(bodies) == 1 else syntax.Group(tuple(bodies), subshell=False)
    label = source.text(name) if name is not None else ""
    return [syntax.Function(label, body, source.span(node))]


_CONVERTERS: dict[str, Callable[[tree_sitter.Node, Source], Statements]] = {
    "command": command,
    "declaration_command": command,
    "unset_command": command,
    "variable_assignment": assignments_of,
    "variable_assignments": assignments_of,
    "redirected_statement": _redirected,
    "list": _list,
    "pipeline": _pipeline,
    "negated_command": _not,
    "subshell": _subshell,
    "compound_statement": _compound,
    "test_command": _test,
    "file_redirect": _only_redirect,
    "if_statement": _if,
    "while_statement": _while,
    "for_statement": _for_each,
    "c_style_for_statement": _for_arithmetic,
    "case_statement": _case,
    "function_definition": _function,
}
