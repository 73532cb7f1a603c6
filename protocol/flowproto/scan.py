"""`flow/scan`: judge the shell text in a file of any known kind, where it stands."""

from typing import Literal

from msgspec import Struct, field

from flowproto.check import Verdict

ScannedKind = Literal["workflow", "shell", "github", "gitlab", "make", "docker", "npm"]


class ScanParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The file at `path`, or `text` as if it stood there: the name says what kind it is.

    With `lines`, ranges of first and last line, only what is in them is found. `cwd` as for a
    command of `flow/check`.
    """

    path: str
    text: str | None = None
    cwd: str | None = None
    lines: list[tuple[int, int]] | None = None


class PlacedFinding(Struct, kw_only=True):
    """One reason, and its place in the file: from 1, columns in characters, the end exclusive.

    `script` says whose text it is: a step, a target, a job.
    """

    rule: str
    verdict: Verdict
    message: str
    line: int
    column: int
    end_line: int
    end_column: int
    safer: str = ""
    script: str = ""


class ScanResult(Struct, kw_only=True):
    """The strictest verdict over all scripts of the file, and how many there are."""

    path: str
    kind: ScannedKind
    verdict: Verdict
    scripts: int
    findings: list[PlacedFinding] = field(default_factory=list)
