"""Steer runs: each request is one command to the engine."""

from pathlib import Path

from flowd.clocks import wall_clock_ms
from flowd.domain.consents import Keep
from flowd.domain.run import RunState
from flowd.errors import Conflict, InvalidInput
from flowd.projects import project_folders
from flowd.server.contexts import SteerContext
from flowproto.runs import AnswerParams, RunRef, StateResult, SteerParams

LONGEST_APPROVAL_SECONDS = 10 * 365 * 86_400


async def handle_cancel(params: RunRef, context: SteerContext) -> StateResult:
    """End what is running, start no more."""
    run = (await context.log.find(params.run)).id
    return StateResult(run, await context.engine.cancel(run, by=context.by))


async def handle_undo(params: SteerParams, context: SteerContext) -> StateResult:
    """Compensate a finished run."""
    run = (await context.log.find(params.run)).id
    await context.engine.give_secrets(run, params.secrets)
    return StateResult(run, await context.engine.undo(run, by=context.by))


async def handle_resume(params: SteerParams, context: SteerContext) -> StateResult:
    """Go on with a parked run."""
    run = (await context.log.find(params.run)).id
    await context.engine.give_secrets(run, params.secrets)
    return StateResult(run, await context.engine.resume(run, by=context.by))


async def handle_retry(params: SteerParams, context: SteerContext) -> StateResult:
    """Go on from the failed step."""
    run = (await context.log.find(params.run)).id
    await context.engine.give_secrets(run, params.secrets)
    return StateResult(run, await context.engine.retry(run, by=context.by))


async def handle_answer(params: AnswerParams, context: SteerContext) -> StateResult:
    """Decide what the run waits for."""
    run = (await context.log.find(params.run)).id
    step = params.step or _only_question(await context.engine.state(run))
    keep = _keep(params, (await context.engine.state(run)).cwd) if params.keep else None
    if params.expires_s is not None and keep is None:
        raise InvalidInput("expires_s without keep", cure="say for what the answer shall hold")
    state = await context.engine.answer(run, step, params.answer, by=context.by, keep=keep)
    return StateResult(run, state)


def _keep(params: AnswerParams, cwd: str) -> Keep:
    """For how long an answer is meant to hold."""
    assert params.keep is not None
    seconds = params.expires_s
    if seconds is not None and not 1 <= seconds <= LONGEST_APPROVAL_SECONDS:
        raise InvalidInput(
            f"expires_s is {seconds}: it must be between 1 and {LONGEST_APPROVAL_SECONDS}",
            cure="leave it out to approve without end",
        )
    project = str(project_folders(Path(cwd))[-1]) if params.keep == "project" else ""
    return Keep(params.keep, project, None if seconds is None else wall_clock_ms() + seconds * 1000)


def _only_question(state: RunState) -> str:
    """Give the step that asks; Conflict when none does, or several."""
    if len(state.questions) != 1:
        waiting = ", ".join(state.questions) or "no step of it"
        raise Conflict(
            f"which step of run {state.run} is answered? {waiting} asks",
            cure="name the step; flowctl show lists the open questions",
        )
    return next(iter(state.questions))
