"""Judging a whole workflow while everything else goes on."""

import time

import trio
from msgspec.structs import replace

from flowd.domain.ports import Extents, Judge, Judgement, StepJudgement
from flowd.domain.preview import judge_step
from flowd.domain.workflow import Workflow, shell_of

BRIEF_SECONDS = 0.001  # of judging, after which others have a turn
LONG_SECONDS = 0.05
BREATH_SECONDS = 0.05


async def judge_in_turns(
    workflow: Workflow, judge: Judge, cwd: str, extents: Extents | None = None
) -> list[StepJudgement]:
    """Judge every script of every step, in file order, and let others work in between.

    With `extents`, what would be lost is counted, too.

    A long script takes up to a second, and a workflow can hold five hundred: done in one go,
    no other run would move for minutes, and systemd would take the daemon for hung.
    """
    judged = []
    judge = judge.as_of_now(cwd)
    began = time.monotonic()
    for step in workflow.steps:
        judged.append(judge_step(step, shell_of(workflow, step), judge, cwd))
        took = time.monotonic() - began
        if took < BRIEF_SECONDS:  # known scripts, which take less than a turn of others would
            continue
        if took < LONG_SECONDS:
            await trio.lowlevel.checkpoint()
        else:  # one turn is not enough for a request that waits: it takes several to be answered
            await trio.sleep(BREATH_SECONDS)
        began = time.monotonic()
    return [
        replace(item, judgement=await with_extents(item.judgement, extents, cwd)) for item in judged
    ]


async def with_extents(judgement: Judgement, extents: Extents | None, cwd: str) -> Judgement:
    """Give the judgement with how much each finding is about, counted by `extents`.

    Judgements are shared, so it is a copy.
    """
    if extents is None or not any(finding.loss for finding in judgement.findings):
        return judgement
    counted = [
        replace(finding, extent=await extents(finding.loss, cwd)) if finding.loss else finding
        for finding in judgement.findings
    ]
    return replace(judgement, findings=counted)
