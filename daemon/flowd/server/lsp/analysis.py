"""What is known of one state of a workflow file: its problems, and what the judge says of it."""

import os
from dataclasses import dataclass, field

import trio

from flowd.domain.foresight import Obstacle
from flowd.domain.nodes import Scalar, find_node, focus, span_inside
from flowd.domain.parse import Reading
from flowd.domain.ports import Finding, Judge, Preflight, StepJudgement
from flowd.domain.preview import judge_step
from flowd.domain.workflow import Step, Undo, shell_of
from flowd.engine.acceptance import folder_in
from flowd.server.sources import read_text


@dataclass(frozen=True)
class PlacedFinding:
    """A finding of the judge and the characters of the document it is about."""

    finding: Finding
    span: tuple[int, int]


@dataclass(frozen=True)
class PlacedObstacle:
    """What is in the way of a run here, and the characters of the document it is about."""

    obstacle: Obstacle
    span: tuple[int, int]


@dataclass(frozen=True)
class Analysis:
    """One state of a document. `judged` is by step id."""

    text: str
    reading: Reading
    judged: dict[str, StepJudgement] = field(default_factory=dict)
    findings: list[PlacedFinding] = field(default_factory=list)
    obstacles: list[PlacedObstacle] = field(default_factory=list)


async def analyse(
    text: str, judge: Judge, cwd: str, preflight: Preflight | None = None
) -> Analysis:
    """Read a workflow file and judge its scripts, letting others work in between.

    A valid one is also looked at for what would be in its way here.
    """
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
        for keys, script in scripts_of(step):
            judgement = judge.judge(script, shell=shell, cwd=cwd)
            path: tuple[str | int, ...] = ("steps", index, *keys)
            for finding in judgement.findings:
                span = place_of(reading, text, path, finding.span)
                analysis.findings.append(PlacedFinding(finding, span))
    if preflight is not None and reading.valid:
        judged = list(analysis.judged.values())
        folder = folder_in(cwd, reading.draft.cwd)
        for obstacle in await preflight(reading.draft, judged, folder, os.environ):
            analysis.obstacles.append(_placed(reading, text, obstacle))
    return analysis


def _placed(reading: Reading, text: str, obstacle: Obstacle) -> PlacedObstacle:
    assert reading.draft is not None
    index = [step.id for step in reading.draft.steps].index(obstacle.step)
    scripts = scripts_of(reading.draft.steps[index])
    keys = next(keys for keys, _ in scripts if keys[0] == obstacle.script)
    return PlacedObstacle(obstacle, place_of(reading, text, ("steps", index, *keys), obstacle.span))


def scripts_of(step: Step) -> list[tuple[tuple[str, ...], str]]:
    """The scripts of a step, each with the keys that lead to it."""
    scripts: list[tuple[tuple[str, ...], str]] = [(("run",), step.run)]
    if step.check:
        scripts.append((("check",), step.check))
    if isinstance(step.undo, Undo):
        scripts.append((("undo", "run"), step.undo.run))
    elif step.undo:
        scripts.append((("undo",), step.undo))
    return scripts


def place_of(
    reading: Reading, text: str, path: tuple[str | int, ...], span: tuple[int, int]
) -> tuple[int, int]:
    """Give the characters that a span of a script is about, else those of the whole script."""
    assert reading.root is not None
    node = find_node(reading.root, path)
    exact = span_inside(node, text, *span) if isinstance(node, Scalar) else None
    return exact or focus(node)
