"""Steer runs: each request is one command to the engine."""

from flowd.domain.run import RunState
from flowd.errors import Conflict
from flowd.server.contexts import SteerContext
from flowproto.runs import AnswerParams, RunRef, StateResult


async def handle_cancel(params: RunRef, context: SteerContext) -> StateResult:
    """End what is running, start no more."""
    run = (await context.log.find(params.run)).id
    return StateResult(run, await context.engine.cancel(run, by=context.by))


async def handle_undo(params: RunRef, context: SteerContext) -> StateResult:
    """Compensate a finished run."""
    run = (await context.log.find(params.run)).id
    return StateResult(run, await context.engine.undo(run, by=context.by))


async def handle_resume(params: RunRef, context: SteerContext) -> StateResult:
    """Go on with a parked run."""
    run = (await context.log.find(params.run)).id
    return StateResult(run, await context.engine.resume(run, by=context.by))


async def handle_retry(params: RunRef, context: SteerContext) -> StateResult:
    """Go on from the failed step."""
    run = (await context.log.find(params.run)).id
    return StateResult(run, await context.engine.retry(run, by=context.by))


async def handle_answer(params: AnswerParams, context: SteerContext) -> StateResult:
    """Decide what the run waits for."""
    run = (await context.log.find(params.run)).id
    step = params.step or _only_question(await context.engine.state(run))
    return StateResult(run, await context.engine.answer(run, step, params.answer, by=context.by))


def _only_question(state: RunState) -> str:
    """Give the step that asks; Conflict when none does, or several."""
    if len(state.questions) != 1:
        waiting = ", ".join(state.questions) or "no step of it"
        raise Conflict(
            f"which step of run {state.run} is answered? {waiting} asks",
            cure="name the step; flowctl show lists the open questions",
        )
    return next(iter(state.questions))
