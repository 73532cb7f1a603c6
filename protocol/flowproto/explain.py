"""`flow/explain`: what a command or a workflow does, part by part and in sentences."""

from typing import Any, Literal

from msgspec import Struct, field

from flowproto.check import EffectRow, FindingRow, Reversibility, Verdict


class ExplainParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Exactly one of command (shell text), text (YAML), path, workflow, template, suggestion."""

    command: str | None = None
    text: str | None = None
    path: str | None = None
    workflow: dict[str, Any] | None = None
    template: str | None = None
    suggestion: str | None = None
    cwd: str | None = None


class ExplainedPart(Struct, kw_only=True):
    """A piece of the script and what it means; "" where no manual here tells.

    `span` is [start, end) in characters of the script. `depth` is more than 0 for what stands in
    commands that another one runs: parts of different depth overlap, deeper ones come later.
    """

    span: tuple[int, int]
    text: str
    kind: Literal["program", "subcommand", "option", "argument", "redirect", "variable", "operator"]
    meaning: str = ""
    depth: int = 0


class ExplainedCommand(Struct, kw_only=True):
    """A command with a sentence; `program` is its name with its subcommand.

    `about` is what its manual calls it, `source` that manual: `tar(1)`, `pip install --help`, or
    "" where there is none here.
    """

    span: tuple[int, int]
    program: str
    sentence: str
    about: str = ""
    source: str = ""
    depth: int = 0


class ExplainedScript(Struct, kw_only=True):
    """A script of a step, or the command that was asked about (`step` is "" then).

    `sentence` says what the whole does. `complete` is false when a part could not be read, or not
    in time. `reversibility` and `effects` are those of the step, and come with its `run`.
    """

    step: str
    script: Literal["run", "undo", "check"]
    text: str
    sentence: str
    verdict: Verdict
    name: str = ""
    complete: bool = True
    commands: list[ExplainedCommand] = field(default_factory=list)
    parts: list[ExplainedPart] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    effects: list[EffectRow] = field(default_factory=list)
    reversibility: Reversibility | None = None


class ExplainResult(Struct, kw_only=True):
    """Every script in file order. `why` is why a suggestion was made."""

    verdict: Verdict
    scripts: list[ExplainedScript]
    name: str = ""
    why: str = ""
