"""Start runs and look at them."""

from flowd.domain.ports import RunRequest
from flowd.errors import InvalidInput
from flowd.server.contexts import ReadContext, StartContext
from flowd.server.convert import to_run_row, to_show_result
from flowd.server.convert_events import OutputText, to_chunk
from flowd.server.sources import find_workflow, folder_of
from flowproto.runs import (
    ListParams,
    ListResult,
    LogChunk,
    LogsParams,
    LogsResult,
    RunParams,
    RunRef,
    RunResult,
    ShowResult,
)

LONGEST_LIST = 10_000
LOGS_AT_ONCE = 500  # events looked at with one read
LOGS_CHARACTERS = 1_000_000  # about as much text as one answer holds


async def handle_run(params: RunParams, context: StartContext) -> RunResult:
    """Find the workflow and start it."""
    cwd = folder_of(params.cwd)
    workflow, origin = await find_workflow(
        params, cwd, suggester=context.suggester, templates=context.templates
    )
    for name, value in params.inputs.items():
        if not isinstance(value, str | int | float | bool):
            raise InvalidInput(
                f"input {name!r} is neither text, a number, nor true or false",
                cure="give one plain value for each input",
                data={"input": name},
            )
    request = RunRequest(
        workflow=workflow,
        inputs=params.inputs,
        cwd=str(cwd),
        environment=params.environment,
        approve=params.approve,
        client_token=params.client_token,
        origin=origin,
    )
    return RunResult(await context.engine.start(request))


async def handle_show(params: RunRef, context: ReadContext) -> ShowResult:
    """A run as it stands."""
    found = await context.log.find(params.run)
    return to_show_result(await context.engine.state(found.id))


async def handle_list(params: ListParams, context: ReadContext) -> ListResult:
    """Runs, newest first."""
    if not 1 <= params.limit <= LONGEST_LIST:
        raise InvalidInput(
            f"limit is {params.limit}: it must be between 1 and {LONGEST_LIST}",
            cure="ask for fewer runs, or narrow them by state or query",
        )
    states = [params.state] if isinstance(params.state, str) else params.state or []
    found = await context.log.summaries(query=params.query, states=states, limit=params.limit)
    return ListResult([to_run_row(summary) for summary in found])


async def handle_logs(params: LogsParams, context: ReadContext) -> LogsResult:
    """Output of a run or one step: as many chunks as fit one answer."""
    run = await context.log.find(params.run)
    text = OutputText()
    chunks: list[LogChunk] = []
    position, characters = params.from_, 0
    while position < run.position and characters < LOGS_CHARACTERS:
        events = await context.log.read(run.id, after=position, limit=LOGS_AT_ONCE)
        if not events:
            break
        for event in events:
            position = event.position
            chunk = to_chunk(event, text)
            if chunk is not None and params.step in (None, chunk.step):
                chunks.append(chunk)
                characters += len(chunk.text)
                if characters >= LOGS_CHARACTERS:
                    break
    return LogsResult(chunks=chunks, position=position, more=position < run.position)
