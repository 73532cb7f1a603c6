"""Judge the scripts in a file of another kind."""

import trio

from flowd.domain.ports import Finding, Verdict
from flowd.domain.preview import stricter
from flowd.domain.scripts import Script, kind_of, scripts_in
from flowd.server.contexts import JudgeContext
from flowd.server.sources import folder_of, path_in, read_workflow_file
from flowproto.scan import PlacedFinding, ScanParams, ScanResult


async def handle_scan(params: ScanParams, context: JudgeContext) -> ScanResult:
    """Find the scripts and judge each by itself; one is not of the next one's shell."""
    cwd = folder_of(params.cwd)
    text = params.text
    if text is None:
        text = await read_workflow_file(path_in(cwd, params.path))
    kind = kind_of(params.path, text)
    scripts = scripts_in(kind, text)
    verdict: Verdict = "allow"
    findings: list[PlacedFinding] = []
    for script in scripts:
        await trio.lowlevel.checkpoint()
        judgement = context.judge.judge(script.before + script.text, cwd=params.cwd)
        for finding in judgement.findings:
            if finding.span[0] < len(script.before):
                continue  # of another script's, or of nothing that is run
            placed = _placed(finding, script)
            if params.lines is None or _is_in(placed, params.lines):
                findings.append(placed)
                verdict = stricter(verdict, finding.verdict)
    findings.sort(key=lambda each: (each.line, each.column))
    return ScanResult(
        path=params.path, kind=kind, verdict=verdict, scripts=len(scripts), findings=findings
    )


def _placed(finding: Finding, script: Script) -> PlacedFinding:
    start, end = (script.place_of(offset - len(script.before)) for offset in finding.span)
    return PlacedFinding(
        rule=finding.rule,
        verdict=finding.verdict,
        message=finding.message,
        safer=finding.safer,
        script=script.name,
        line=start.line,
        column=start.column,
        end_line=end.line,
        end_column=end.column,
    )


def _is_in(placed: PlacedFinding, ranges: list[tuple[int, int]]) -> bool:
    return any(first <= placed.end_line and placed.line <= last for first, last in ranges)
