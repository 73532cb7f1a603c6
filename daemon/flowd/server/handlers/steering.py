"""Steer runs: each request is one command to the engine."""

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
    state = await context.engine.answer(run, params.step, params.answer, by=context.by)
    return StateResult(run, state)
