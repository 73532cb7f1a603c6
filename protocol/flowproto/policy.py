"""`flow/policy/…`, `flow/approvals…`, `flow/trust…`: rules, lasting yeses, trusted folders."""

from typing import Literal

from msgspec import Struct, field

from flowproto.check import FindingRow, Verdict

LayerKind = Literal["administrator", "user", "project"]


class PolicyShowParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/policy/show`: what holds for a run in `cwd`."""

    cwd: str | None = None


class RuleRow(Struct, kw_only=True):
    """One rule of a file. `holds` is false outside of its `when`."""

    verdict: Verdict
    rule: str
    line: int
    holds: bool = True
    message: str = ""
    safer: str = ""


class PolicyFileRow(Struct, kw_only=True):
    """One policy file. `problem` says why it cannot be read; without `trusted` it is not read.

    `writable` and `readable` are null where the file draws no such boundary.
    """

    kind: LayerKind
    path: str
    trusted: bool = True
    problem: str = ""
    rules: list[RuleRow] = field(default_factory=list)
    writable: list[str] | None = None
    readable: list[str] | None = None
    network: bool = True
    privilege: bool = True


class FamilyRow(Struct, kw_only=True):
    """A family of built-in rules, and the programs that it looks at."""

    name: str
    programs: list[str]


class PolicyShowResult(Struct, kw_only=True):
    """The files there are, the administrator's first. `looked_for` are the places of all.

    `boundaries` says, for people, how what the files draw is held while a run goes on, or why it
    cannot be; empty when they draw nothing.
    """

    files: list[PolicyFileRow]
    built_in: list[FamilyRow]
    looked_for: list[str]
    boundaries: str = ""


class PolicyTestParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/policy/test`: try the examples of all files for `cwd`, or of one text.

    `path` is what a text is called, and where its relative globs start.
    """

    cwd: str | None = None
    text: str | None = None
    path: str = "policy.yaml"
    kind: LayerKind = "user"


class ExampleRow(Struct, kw_only=True):
    """One example that was tried. `why` says how it failed; empty when it did not."""

    path: str
    line: int
    rule: str
    command: str
    expected: bool
    passed: bool
    why: str = ""


class PolicyTestResult(Struct, kw_only=True):
    """What came of the examples, and what is wrong with files besides."""

    examples: list[ExampleRow]
    problems: list[str]
    files: int
    failed: int


class PolicyExplainParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/policy/explain`: why a command is judged as it is, in `cwd`."""

    command: str
    cwd: str | None = None


class CallRow(Struct, kw_only=True):
    """A command that was come upon; `depth` counts the commands it is inside of."""

    depth: int
    command: str
    span: tuple[int, int]


class LiftedRow(Struct, kw_only=True):
    """A question that is not asked, since a rule of the user allows the command."""

    finding: FindingRow
    rule: str
    source: str


class PolicyExplainResult(Struct, kw_only=True):
    """The chain from the text to the verdict. `decided` says in words what decided."""

    verdict: Verdict
    decided: str
    calls: list[CallRow]
    findings: list[FindingRow]
    lifted: list[LiftedRow] = field(default_factory=list)


class ApprovalRow(Struct, kw_only=True):
    """A yes that holds beyond its run. Without `project` everywhere; times in milliseconds."""

    approval: int
    script: str
    rules: list[str]
    question: str
    project: str
    run: str
    step: str
    granted_at: int
    expires_at: int | None = None
    expired: bool = False
    uses: int = 0
    last_used_at: int | None = None


class ApprovalsResult(Struct, kw_only=True):
    """Newest first."""

    approvals: list[ApprovalRow]


class RevokeParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/approvals/revoke`."""

    approval: int


class TrustParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/trust`. `path` is a folder; `revoke` trusts it no more."""

    path: str
    revoke: bool = False


class TrustResult(Struct, kw_only=True):
    """The folder, without links in its path, and whether it is trusted now."""

    path: str
    trusted: bool


class TrustedRow(Struct, kw_only=True):
    """A trusted folder, with all below it."""

    path: str
    trusted_at: int


class TrustedResult(Struct, kw_only=True):
    """By name."""

    folders: list[TrustedRow]
