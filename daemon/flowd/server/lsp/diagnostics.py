"""Problems and findings as an editor shows them."""

from lsprotocol import types

from flowd.domain.foresight import Obstacle
from flowd.domain.ports import Finding
from flowd.domain.problems import Problem
from flowd.server.lsp.analysis import Analysis
from flowd.server.lsp.documents import Text

SOURCE = "flow"
MAX_DIAGNOSTICS = 500

_SEVERITY = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "block": types.DiagnosticSeverity.Error,
    "confirm": types.DiagnosticSeverity.Warning,
    "allow": types.DiagnosticSeverity.Information,
}


def diagnostics_of(text: Text, analysis: Analysis) -> list[types.Diagnostic]:
    """List what is wrong with the workflow, then what the judge says of its scripts."""
    shown = [_of_problem(text, problem) for problem in analysis.reading.problems]
    shown += [_of_finding(text.range(*p.span), p.finding) for p in analysis.findings]
    shown += [_of_obstacle(text.range(*p.span), p.obstacle) for p in analysis.obstacles]
    return shown[:MAX_DIAGNOSTICS]


def range_of(text: Text, problem: Problem) -> types.Range:
    """Where a problem stands."""
    start = text.place(problem.line, problem.column)
    return text.range(start, max(start, text.place(problem.end_line, problem.end_column)))


def _of_problem(text: Text, problem: Problem) -> types.Diagnostic:
    return types.Diagnostic(
        range=range_of(text, problem),
        message=f"{problem.message}\n{problem.fix}" if problem.fix else problem.message,
        severity=_SEVERITY[problem.severity],
        source=SOURCE,
    )


def _of_obstacle(place: types.Range, obstacle: Obstacle) -> types.Diagnostic:
    cure = f"\n{obstacle.cure}" if obstacle.cure else ""
    return types.Diagnostic(
        range=place,
        message=f"{obstacle.message}{cure}",
        severity=_SEVERITY[obstacle.severity],
        source=SOURCE,
        code=f"preflight.{obstacle.kind}",
    )


def _of_finding(place: types.Range, finding: Finding) -> types.Diagnostic:
    done = {"block": "is blocked", "confirm": "must be confirmed before it runs"}
    consequence = done.get(finding.verdict, "is allowed")
    safer = f"\nSafer: {finding.safer}" if finding.safer else ""
    return types.Diagnostic(
        range=place,
        message=f"{finding.message.removesuffix('.')}; this {consequence}{safer}",
        severity=_SEVERITY[finding.verdict],
        source=SOURCE,
        code=finding.rule,
    )
