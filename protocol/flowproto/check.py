"""`flow/check`: validate and judge without running."""

from typing import Any, Literal

from msgspec import Struct, field

Verdict = Literal["allow", "confirm", "block"]


class CheckParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of workflow, text (YAML), path, command (shell text), template, suggestion.

    With `environment`, what the steps would see, a workflow is also looked at for obstacles.
    """

    workflow: dict[str, Any] | None = None
    text: str | None = None
    path: str | None = None
    command: str | None = None
    template: str | None = None
    suggestion: str | None = None
    cwd: str | None = None
    environment: dict[str, str] | None = None


class FindingRow(Struct, kw_only=True):
    """One reason. `span` is [start, end) in characters; `step` is set for workflows.

    `extent` says how much would be lost, as far as it could be counted: "312 files, 4.1 MB".
    `source` is the file and line of a rule of a user, a project or an administrator.
    """

    rule: str
    verdict: Verdict
    message: str
    span: tuple[int, int]
    safer: str = ""
    step: str = ""
    extent: str = ""
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


class EffectRow(Struct, kw_only=True):
    """What a step will do, as far as its text tells. `unknown` names a program nobody knows."""

    kind: Literal["writes", "deletes", "network", "privilege", "unknown"]
    what: str


class StepPreview(Struct, kw_only=True):
    """What a run of the step would mean. `effects` describe its script, and promise nothing."""

    id: str
    verdict: Verdict
    reversibility: Reversibility
    effects: list[EffectRow] = field(default_factory=list)


class ObstacleRow(Struct, kw_only=True):
    """Why a step may not work here. An `error` keeps the run from starting; `span` as above."""

    step: str
    script: Literal["run", "undo", "check"]
    kind: Literal[
        "program", "flag", "variable", "folder", "disk", "file", "permission", "git", "secret"
    ]
    severity: Literal["error", "warning"]
    message: str
    cure: str = ""
    span: tuple[int, int] = (0, 0)


class CheckResult(Struct, kw_only=True):
    """Verdict over everything; a workflow with problems has `valid` false and verdict `block`.

    `workflow` is what was judged, in language version 1, so that clients can show it; empty for a
    command and for a workflow with problems. `boundaries` says, for people, what policies
    would hold its steps to.
    """

    verdict: Verdict
    findings: list[FindingRow]
    valid: bool = True
    problems: list[Problem] = field(default_factory=list)
    steps: list[StepPreview] = field(default_factory=list)
    name: str = ""
    workflow: dict[str, Any] = field(default_factory=dict)
    preflight: list[ObstacleRow] = field(default_factory=list)
    boundaries: str = ""
