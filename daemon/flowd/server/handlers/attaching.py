"""Let a client follow runs."""

from functools import partial

from flowd.server.contexts import AttachContext
from flowd.server.convert import from_position
from flowd.server.dispatch import Reply
from flowproto.runs import AttachParams, AttachResult, RunRef, StateResult


async def handle_attach(params: AttachParams, context: AttachContext) -> Reply[AttachResult]:
    """Answer with where the run is, then send its events.

    The attachment the client had to this run ends before the answer, and the new one begins after
    it, so the answer separates their events.
    """
    run = await context.log.find(params.run)
    context.attachments.end(run.id)
    return Reply(
        AttachResult(run=run.id, position=run.position, state=run.state),
        then=partial(context.attachments.begin, run.id, from_position(params.from_)),
    )


async def handle_detach(params: RunRef, context: AttachContext) -> StateResult:
    """Send no more events of the run; it is no error when none were sent. Nor types the client."""
    run = await context.log.find(params.run)
    context.attachments.end(run.id)
    context.keyboard.leave(run.id)
    return StateResult(run.id, run.state)
