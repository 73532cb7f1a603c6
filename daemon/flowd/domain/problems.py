"""What is wrong with a workflow, where, and what to do about it."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import Struct

from flowd.domain.nodes import Node, Scalar, find_node, focus, span_inside
from flowd.errors import InvalidWorkflow

MAX_PROBLEMS = 100
MAX_GUESSES = 20  # looking for what was meant costs a comparison with every known name
_LINE_BREAK = re.compile(r"\r\n|\r|\n")

Path = tuple[str | int, ...]
Severity = Literal["error", "warning"]


class Problem(Struct, frozen=True):
    """One place that breaks the language.

    Lines and columns count from 1, columns in characters; the end is exclusive. All four are 1 when
    the workflow did not come from text. A warning does not keep the workflow from running.
    `replacement` is text that, put in place of the range, mends it (a misspelled name).
    """

    line: int
    column: int
    end_line: int
    end_column: int
    path: str
    message: str
    fix: str = ""
    severity: Severity = "error"
    replacement: str = ""


class Problems:
    """Collects problems of one source; keeps the first `MAX_PROBLEMS` and drops the rest.

    `text` is what was read (None for JSON-shaped input); `root` becomes known once it is parsed.
    """

    def __init__(self, text: str | None) -> None:
        self.found: list[Problem] = []
        self.root: Node | None = None
        self._text = text
        self._breaks = (
            None if text is None else [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
        )

    @property
    def full(self) -> bool:
        """Whether looking further is a waste of time."""
        return len(self.found) >= MAX_PROBLEMS

    @property
    def fatal(self) -> bool:
        """Whether any of the problems is an error."""
        return any(problem.severity == "error" for problem in self.found)

    def is_there(self, path: Path) -> bool:
        """Whether the source has something at `path`."""
        if self.root is None:
            return False
        parent = find_node(self.root, path[:-1])
        return find_node(parent, path[-1:]) is not parent

    def inside(self, path: Path, start: int, end: int) -> tuple[int, int] | None:
        """Give where characters of the text at `path` stand, if they stand there unchanged."""
        node = find_node(self.root, path) if self.root is not None else None
        if self._text is None or not isinstance(node, Scalar):
            return None
        return span_inside(node, self._text, start, end)

    def _text_at(self, path: Path) -> str:
        node = find_node(self.root, path) if self.root is not None else None
        return node.text if isinstance(node, Scalar) else ""

    def add(
        self,
        path: Path,
        message: str,
        fix: str = "",
        *,
        span: tuple[int, int] | None = None,
        severity: Severity = "error",
        replacement: str = "",
    ) -> None:
        """Record a problem of the node at `path`, or of the characters `span` of the text."""
        if self.full:
            return
        if span is None:
            span = (0, 0) if self.root is None else focus(find_node(self.root, path))
        line, column = self._line_and_column(span[0])
        end_line, end_column = self._line_and_column(max(span))
        shown = show_path(path)
        self.found.append(
            Problem(line, column, end_line, end_column, shown, message, fix, severity, replacement)
        )

    def add_unknown(
        self,
        path: Path,
        message: str,
        name: str,
        known: Iterable[str],
        *,
        span: tuple[int, int] | None = None,
    ) -> None:
        """Record a name nobody knows, with the nearest known one as its fix."""
        if self.full:
            return
        near = closest(name, known) if len(self.found) < MAX_GUESSES else ""
        fix = f"did you mean {near!r}?" if near else _listed(known)
        if span is None and self.inside(path, 0, 0) is not None and self._text_at(path) == name:
            span = self.inside(path, 0, len(name))
        # Without the exact place there is nothing an editor could put the right name in place of.
        self.add(path, message, fix, span=span, replacement=near if span is not None else "")

    def sorted(self) -> list[Problem]:
        """Give all problems in the order of the text."""
        return sorted(self.found, key=lambda problem: (problem.line, problem.column))

    def _line_and_column(self, index: int) -> tuple[int, int]:
        if self._breaks is None:
            return 1, 1
        line = bisect_right(self._breaks, index)
        return line, index - self._breaks[line - 1] + 1


def show_path(path: Path) -> str:
    """Write a path as people do: `steps[2].retry.attempts`."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else f".{part}" if shown else part
    return shown


def closest(name: str, known: Iterable[str]) -> str:
    """Give the known name that `name` most likely is a misspelling of, or an empty text."""
    if len(name) > 80:
        return ""
    from difflib import get_close_matches  # here: it is wanted when something is wrong

    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.6)), "")


def _listed(known: Iterable[str]) -> str:
    names = sorted(known)
    if not names:
        return "nothing of the kind is declared here: remove it, or declare it first"
    more = "" if len(names) <= 12 else f" and {len(names) - 12} more"
    return f"known here: {', '.join(names[:12])}{more}"


def invalid_workflow(problems: list[Problem]) -> InvalidWorkflow:
    """Make the error that carries these problems; its message shows the first error."""
    errors = [problem for problem in problems if problem.severity == "error"]
    first = errors[0]
    where = first.path if first.line == first.end_line == first.end_column == 1 else ""
    place = where or f"line {first.line}, column {first.column}"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return InvalidWorkflow(
        f"{place}: {first.message}{more}",
        [msgspec.to_builtins(problem) for problem in problems],
        cure=first.fix,
    )
