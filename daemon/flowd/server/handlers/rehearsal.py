"""Look at what a rehearsal would have changed."""

from flowd.errors import Conflict, NotFound
from flowd.server.contexts import RehearsalContext
from flowproto.rehearsal import ChangeRow, RehearsalParams, RehearsalResult


async def handle_rehearsal(params: RehearsalParams, context: RehearsalContext) -> RehearsalResult:
    """What the run would have changed; then it is thrown away.

    Conflict while the run goes on, or when it was no rehearsal; NotFound once it is gone.
    """
    found = await context.log.find(params.run)
    state = await context.engine.state(found.id)
    if not state.rehearsal or state.sandbox is None:
        raise Conflict(
            f"run {found.id} was no rehearsal: what it did is done",
            cure="flowctl run FILE --rehearse rehearses it",
        )
    if not state.finished:
        raise Conflict(
            f"run {found.id} is {state.status}: its rehearsal is not over",
            cure=f"wait for its end: flowctl attach {found.id}",
        )
    if context.rehearsals is None:
        raise NotFound("this daemon keeps no rehearsals", cure="rehearse it again")
    rehearsed = await context.rehearsals.look(found.id, state.sandbox.project)
    if not params.keep:
        await context.rehearsals.drop(found.id)
    return RehearsalResult(
        run=found.id,
        project=state.sandbox.project,
        how=rehearsed.how,
        changes=[
            ChangeRow(
                path=change.path,
                change=change.change,
                kind=change.kind,
                size=change.size,
                diff=context.mask(change.diff),
                note=change.note,
            )
            for change in rehearsed.changes
        ],
        left_out=rehearsed.left_out,
    )
