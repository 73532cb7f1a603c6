"""Shell text as plain data: what `parse` makes of it and everything else works on.

Spans are [start, end) in characters of the judged text. Text found inside other text (the string
given to `bash -c`, a here-document) carries the span of the place it was found in.
"""

from typing import Literal as OneOf

from msgspec import Struct

Span = tuple[int, int]


class Text(Struct, frozen=True):
    """Characters written as they are. `quoted` ones are never expanded any further."""

    text: str
    quoted: bool = False


class Parameter(Struct, frozen=True):
    """`$name` or `${name operator argument}`; `index` is what stands in `[...]`.

    The operators before the name, `!` and `#`, are called "indirect" and "length".
    """

    name: str
    quoted: bool
    operator: str = ""
    argument: "Word | None" = None
    replacement: "Word | None" = None
    index: str = ""
    inner: tuple["Script", ...] = ()


class Substitution(Struct, frozen=True):
    """`$(...)`, backquotes, `<(...)` or `>(...)`, told apart by `kind`."""

    script: "Script"
    quoted: bool
    kind: OneOf["$", "<", ">"] = "$"


class Arithmetic(Struct, frozen=True):
    """`$((...))`, with the scripts that run inside it."""

    expression: str
    inner: tuple["Script", ...] = ()


Part = Text | Parameter | Substitution | Arithmetic


class Word(Struct, frozen=True):
    """One word before expansion. `plain` is its text when nothing in it can change.

    `starts_line`: a line ends before it, which the grammar did not notice.
    """

    parts: tuple[Part, ...]
    span: Span
    plain: str | None = None
    starts_line: bool = False


class Assignment(Struct, frozen=True):
    """`name=value`, `name+=value`, `name[index]=value` or `name=(elements)`.

    `inner` are the scripts that run inside the index.
    """

    name: str
    value: "Word | tuple[Word, ...]"
    append: bool
    index: str
    span: Span
    inner: tuple["Script", ...] = ()


class Redirect(Struct, frozen=True):
    """`descriptor operator target`. A here-document's or here-string's target is its text.

    `descriptor` is the variable's name for `{name}>file`, None for the operator's usual one.
    """

    operator: str
    target: Word | None
    descriptor: int | str | None
    span: Span


class SimpleCommand(Struct, frozen=True):
    """Assignments, words and redirects; any of them may be missing."""

    assignments: tuple[Assignment, ...]
    words: tuple["Word | Assignment", ...]
    redirects: tuple[Redirect, ...]
    span: Span


class Pipeline(Struct, frozen=True):
    """Stages run side by side, each reading what the one before writes."""

    stages: tuple["Statement", ...]
    span: Span


Link = OneOf["&&", "||"]


class AndOr(Struct, frozen=True):
    """`first && a || b`: each rest is run or not by the status so far."""

    first: "Statement"
    rest: tuple[tuple[Link, "Statement"], ...]


class Not(Struct, frozen=True):
    """`! body`."""

    body: "Statement"


class Background(Struct, frozen=True):
    """`body &`."""

    body: "Statement"
    span: Span


class Group(Struct, frozen=True):
    """Statements in `{ }`, or in `( )` when `subshell`."""

    statements: tuple["Statement", ...]
    subshell: bool


class If(Struct, frozen=True):
    """Conditions with their bodies, and the body of `else`."""

    branches: tuple[tuple[tuple["Statement", ...], tuple["Statement", ...]], ...]
    otherwise: tuple["Statement", ...]


class While(Struct, frozen=True):
    """`while` (`until` when `negated`); no condition at all for `for ((;;))`."""

    condition: tuple["Statement", ...]
    body: tuple["Statement", ...]
    negated: bool
    span: Span


class ForEach(Struct, frozen=True):
    """`for name in words` and `select`; `words` None walks the positional arguments."""

    name: str
    words: tuple[Word, ...] | None
    body: tuple["Statement", ...]


class Case(Struct, frozen=True):
    """`case subject in`, each item with its patterns."""

    subject: Word
    items: tuple[tuple[tuple[Word, ...], tuple["Statement", ...]], ...]


class Function(Struct, frozen=True):
    """A definition; the body runs when the name is called."""

    name: str
    body: "Statement"
    span: Span


class Test(Struct, frozen=True):
    """`[[ ]]`, `[ ]` or `(( ))`: its words run nothing but the scripts inside them."""

    words: tuple[Word, ...]
    arithmetic: str = ""
    inner: tuple["Script", ...] = ()


class Redirected(Struct, frozen=True):
    """A compound statement with redirects."""

    body: "Statement"
    redirects: tuple[Redirect, ...]


Statement = (
    SimpleCommand
    | Pipeline
    | AndOr
    | Not
    | Background
    | Group
    | If
    | While
    | ForEach
    | Case
    | Function
    | Test
    | Redirected
)


class Script(Struct, frozen=True):
    """Statements in order, and the places that could not be read."""

    statements: tuple[Statement, ...]
    unreadable: tuple[Span, ...] = ()
