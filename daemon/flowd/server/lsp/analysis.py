"""What is known of one state of a workflow file: its problems, and what the judge says of it."""

from collections import OrderedDict
from dataclasses import dataclass, field

import trio

from flowd.domain.nodes import Scalar, find_node, focus, span_inside
from flowd.domain.parse import Reading
from flowd.domain.ports import Finding, Judge, Judgement, StepJudgement
from flowd.domain.preview import judge_step
from flowd.domain.workflow import Shell, Step, Undo, shell_of
from flowd.server.sources import read_text

REMEMBERED_SCRIPTS = 1_000


class RememberingJudge:
    """Judges each script once while an editor has it open; the rules change with a restart only."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._known: OrderedDict[tuple[str, Shell, str | None], Judgement] = OrderedDict()

    def judge(self, script: str, *, shell: Shell = "bash", cwd: str | None = None) -> Judgement:
        """See `Judge`."""
        key = (script, shell, cwd)
        if key not in self._known:
            self._known[key] = self._judge.judge(script, shell=shell, cwd=cwd)
            if len(self._known) > REMEMBERED_SCRIPTS:
                self._known.popitem(last=False)
        return self._known[key]

    def can_save(self, script: str, *, shell: Shell = "bash") -> bool:
        """See `Judge`."""
        return self._judge.can_save(script, shell=shell)


@dataclass(frozen=True)
class PlacedFinding:
    """A finding of the judge and the characters of the document it is about."""

    finding: Finding
    span: tuple[int, int]


@dataclass(frozen=True)
class Analysis:
    """One state of a document. `judged` is by step id."""

    text: str
    reading: Reading
    judged: dict[str, StepJudgement] = field(default_factory=dict)
    findings: list[PlacedFinding] = field(default_factory=list)


async def analyse(text: str, judge: Judge, cwd: str | None) -> Analysis:
    """Read a workflow file and judge its scripts, letting others work in between."""
    reading = await read_text(text)
    analysis = Analysis(text, reading)
    if reading.draft is None:
        return analysis
    for index, step in enumerate(reading.draft.steps):
        await trio.lowlevel.checkpoint()
        if not step.run:
            continue  # reported as missing
        shell = shell_of(reading.draft, step)
        analysis.judged[step.id] = judge_step(step, shell, judge, cwd)
        for keys, script in _scripts(step):
            judgement = judge.judge(script, shell=shell, cwd=cwd)
            path: tuple[str | int, ...] = ("steps", index, *keys)
            for finding in judgement.findings:
                span = _place(reading, text, path, finding)
                analysis.findings.append(PlacedFinding(finding, span))
    return analysis


def _scripts(step: Step) -> list[tuple[tuple[str, ...], str]]:
    scripts: list[tuple[tuple[str, ...], str]] = [(("run",), step.run)]
    if step.check:
        scripts.append((("check",), step.check))
    if isinstance(step.undo, Undo):
        scripts.append((("undo", "run"), step.undo.run))
    elif step.undo:
        scripts.append((("undo",), step.undo))
    return scripts


def _place(
    reading: Reading, text: str, path: tuple[str | int, ...], finding: Finding
) -> tuple[int, int]:
    """Give the characters a finding is about: those of the script, else the whole script."""
    assert reading.root is not None
    node = find_node(reading.root, path)
    exact = span_inside(node, text, *finding.span) if isinstance(node, Scalar) else None
    return exact or focus(node)
