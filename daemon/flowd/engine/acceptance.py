"""May this workflow run here? Everything that can be refused is refused before step 1."""

import os
from pathlib import Path

from msgspec import to_builtins

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn, drawn_by
from flowd.domain.consents import Consents
from flowd.domain.events import Confined, RunStarted
from flowd.domain.foresight import Obstacle
from flowd.domain.inputs import resolve_inputs
from flowd.domain.ports import (
    BoundariesIn,
    Executor,
    Extents,
    Judge,
    Preflight,
    RunRequest,
    StepJudgement,
)
from flowd.domain.workflow import Workflow, kept_within, sandbox_of
from flowd.engine.approvals import approvable, with_approvals
from flowd.engine.judging import judge_in_turns
from flowd.engine.vault import Vault
from flowd.errors import BlockedByPolicy, InvalidInput, PreflightFailed


async def accept(
    request: RunRequest,
    *,
    judge: Judge,
    executor: Executor,
    environment: dict[str, str],
    run: str,
    at: int,
    extents: Extents | None = None,
    preflight: Preflight | None = None,
    consents: Consents | None = None,
    vault: Vault | None = None,
    boundaries: BoundariesIn | None = None,
) -> RunStarted:
    """Turn a request into the first event of its run.

    InvalidInput, BlockedByPolicy or Unsupported when it must not start; nothing was changed then.
    Other runs go on while the scripts are judged.
    """
    workflow = request.workflow
    inputs = resolve_inputs(workflow, request.inputs)
    cwd = _folder(folder_in(request.cwd, workflow.cwd))
    judged = await judge_in_turns(workflow, judge, cwd, extents)
    refuse_blocked(judged)
    if preflight is not None and request.preflight:
        refuse_hopeless(await preflight(workflow, judged, cwd, environment, warnings=False))
    asked = approvable(workflow, judged, inputs, environment)
    if vault is not None:
        await vault.check(workflow, request.secrets, cwd, run)
    drawn = NOTHING_DRAWN if boundaries is None else drawn_by(boundaries(cwd))
    sandbox = await _confined(workflow, executor, cwd, run if request.rehearse else "", drawn)
    return RunStarted(
        at=at,
        workflow=workflow,
        inputs=inputs,
        cwd=cwd,
        environment=environment,
        questions=_questions(judged),
        approved=request.approve or request.rehearse,
        client_token=request.client_token,
        origin=request.origin,
        window=request.window,
        approvable=await with_approvals(asked, consents, cwd, at),
        sandbox=sandbox,
    )


async def _confined(
    workflow: Workflow, executor: Executor, cwd: str, rehearsal: str, drawn: Drawn
) -> Confined | None:
    """Find out whether sandboxes that steps ask for, and policies, can be kept; or Unsupported.

    A step without a sandbox is confined where a policy draws something.
    `rehearsal` is the id of a run whose steps are all confined, whatever they ask for.
    """
    asked = {sandbox_of(workflow, step) for step in workflow.steps}
    levels = {kept_within(level, rehearsal=bool(rehearsal)) for level in asked}
    if drawn == NOTHING_DRAWN:
        levels -= {"off"}
    if not levels:
        return None
    return await executor.confine(levels, cwd, rehearsal=rehearsal, drawn=drawn)


def folder_in(base: str, given: str | None) -> str:
    """Give the folder that a `cwd:` names, seen from `base`. `~` is the user's home.

    `~NAME` of nobody stays as it is: then there is no such folder, which is what the user is told.
    """
    if given is None:  # as for most steps
        return base
    return str(Path(base, os.path.expanduser(given or "")))  # noqa: PTH111  # pathlib's one raises


def _folder(path: str) -> str:
    """Give the path of a folder that exists. InvalidInput for anything else."""
    folder = Path(path)
    try:
        found = folder.is_absolute() and folder.is_dir()
    except OSError:  # too long a name, or a folder on the way that must not be looked into
        found = False
    if not found:
        raise InvalidInput(
            f"{folder} is not a folder to run in", cure="make it, or give another one as cwd"
        )
    return str(folder)


def refuse_hopeless(obstacles: list[Obstacle]) -> None:
    """Raise PreflightFailed when a step surely cannot work here."""
    errors = [obstacle for obstacle in obstacles if obstacle.severity == "error"]
    if errors:
        first, more = errors[0], len(errors) - 1
        raise PreflightFailed(
            f"step {first.step} cannot work here: {first.message}"
            + (f" (and {more} more)" if more else ""),
            cure=f"{first.cure}; nothing was run",
            data={"obstacles": [to_builtins(obstacle) for obstacle in obstacles]},
        )


def refuse_blocked(judged: list[StepJudgement]) -> None:
    """Raise BlockedByPolicy with every finding that blocks."""
    findings = [
        {
            "step": item.step,
            "rule": finding.rule,
            "verdict": finding.verdict,
            "message": finding.message,
            "span": list(finding.span),
            "safer": finding.safer,
        }
        for item in judged
        for finding in item.judgement.findings
        if finding.verdict == "block"
    ]
    blocked = [item.step for item in judged if item.judgement.verdict == "block"]
    if blocked:
        first = findings[0]["message"] if findings else "it is blocked"
        raise BlockedByPolicy(
            f"step {blocked[0]} must not run: {first}",
            cure="change the step; flowctl check shows every finding",
            data={"findings": findings, "steps": blocked},
        )


def _questions(judged: list[StepJudgement]) -> dict[str, str]:
    """The confirmations the judge demands, by step, in words."""
    questions = {}
    for item in judged:
        if item.judgement.verdict == "confirm":
            reasons = [
                f"{f.message} ({f.extent})" if f.extent else f.message
                for f in item.judgement.findings
                if f.verdict == "confirm"
            ]
            questions[item.step] = f"{' '.join(reasons) or 'This needs a person.'} Run it?"
    return questions
