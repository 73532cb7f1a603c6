"""What was learned from what users did with suggestions: show it, forget it."""

from flowd.domain.learning import LearnedThing
from flowd.server.contexts import LearnedContext
from flowproto import learned as p
from flowproto.daemon import Empty


async def handle_list(params: Empty, context: LearnedContext) -> p.LearnedResult:
    """All that was learned."""
    return p.LearnedResult(learned=[_row(thing) for thing in await context.learning.things()])


async def handle_forget(params: p.ForgetParams, context: LearnedContext) -> p.LearnedRow:
    """Unlearn one thing."""
    return _row(await context.learning.forget(params.id))


async def handle_forget_all(params: Empty, context: LearnedContext) -> p.ForgottenResult:
    """Unlearn everything."""
    return p.ForgottenResult(facts=await context.learning.forget_all())


async def handle_dismiss(params: p.DismissParams, context: LearnedContext) -> Empty:
    """Take note that a suggestion was not wanted."""
    context.learning.dismissed(params.suggestion)
    return Empty()


def _row(thing: LearnedThing) -> p.LearnedRow:
    return p.LearnedRow(
        id=thing.id,
        kind=thing.kind,
        text=thing.text,
        seen=thing.seen,
        against=thing.against,
        last_at=thing.last_at,
        active=thing.active,
        examples=list(thing.examples),
    )
