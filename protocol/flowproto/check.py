"""`flow/check`: validate and judge without running."""

from typing import Any, Literal

from msgspec import Struct, field

Verdict = Literal["allow", "confirm", "block"]


class CheckParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of workflow, text (YAML), path, command (shell text), template, suggestion."""

    workflow: dict[str, Any] | None = None
    text: str | None = None
    path: str | None = None
    command: str | None = None
    template: str | None = None
    suggestion: str | None = None
    cwd: str | None = None


class FindingRow(Struct, kw_only=True):
    """One reason. `span` is [start, end) in characters; `step` is set for workflows.

    `source` is the file and line of a rule of a user, a project or an administrator.
    """

    rule: str
    verdict: Verdict
    message: str
    span: tuple[int, int]
    safer: str = ""
    step: str = ""
    source: str = ""


class Problem(Struct, kw_only=True):
    """A place where a workflow breaks the language.

    Lines and columns count from 1, columns in characters; the end is exclusive. A `warning` does
    not make the workflow invalid. `replacement`, put in place of the range, mends it.
    """

    line: int
    column: int
    message: str
    fix: str = ""
    path: str = ""
    end_line: int = 0
    end_column: int = 0
    severity: Literal["error", "warning"] = "error"
    replacement: str = ""


Reversibility = Literal["reversible", "saved", "compensable", "irreversible"]
"""Changes nothing; its files are kept before it runs; has an undo; cannot be taken back."""


class StepPreview(Struct, kw_only=True):
    """What a run of the step would mean."""

    id: str
    verdict: Verdict
    reversibility: Reversibility


class CheckResult(Struct, kw_only=True):
    """Verdict over everything; a workflow with problems has `valid` false and verdict `block`.

    `workflow` is what was judged, in language version 1, so that clients can show it; empty for a
    command and for a workflow with problems.
    """

    verdict: Verdict
    findings: list[FindingRow]
    valid: bool = True
    problems: list[Problem] = field(default_factory=list)
    steps: list[StepPreview] = field(default_factory=list)
    name: str = ""
    workflow: dict[str, Any] = field(default_factory=dict)
