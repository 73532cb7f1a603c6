"""Judging a whole workflow while everything else goes on."""

import time

import trio

from flowd.domain.ports import Judge, StepJudgement
from flowd.domain.preview import judge_step
from flowd.domain.workflow import Workflow, shell_of

LONG_SECONDS = 0.05
BREATH_SECONDS = 0.05


async def judge_in_turns(workflow: Workflow, judge: Judge, cwd: str) -> list[StepJudgement]:
    """Judge every script of every step, in file order, and let others work in between.

    A long script takes up to a second, and a workflow can hold five hundred: done in one go,
    no other run would move for minutes, and systemd would take the daemon for hung.
    """
    judged = []
    for step in workflow.steps:
        began = time.monotonic()
        judged.append(judge_step(step, shell_of(workflow, step), judge, cwd))
        if time.monotonic() - began < LONG_SECONDS:
            await trio.lowlevel.checkpoint()
        else:  # one turn is not enough for a request that waits: it takes several to be answered
            await trio.sleep(BREATH_SECONDS)
    return judged
