"""Start runs and look at them."""

from collections.abc import Mapping
from typing import get_args

from flowd import faultpoints
from flowd.domain.events import RunStatus
from flowd.domain.items import parent_of
from flowd.domain.ports import AttemptKey, RunRequest
from flowd.errors import InvalidInput, NotFound
from flowd.server.contexts import ArtifactsContext, ReadContext, StartContext
from flowd.server.convert import from_position, to_artifacts_result, to_run_row, to_show_result
from flowd.server.convert_events import OutputText, to_chunk
from flowd.server.handlers.terminals import window_of
from flowd.server.sources import find_workflow, folder_of
from flowproto.artifacts import ArtifactsParams, ArtifactsResult
from flowproto.environment import shareable
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

_STATES: tuple[str, ...] = get_args(RunStatus)
LONGEST_LIST = 10_000
LONGEST_TOKEN = 200  # characters; it is kept as long as its run
LOGS_AT_ONCE = 500  # events looked at with one read
LOGS_CHARACTERS = 1_000_000  # about as much text as one answer holds


async def handle_run(params: RunParams, context: StartContext) -> RunResult:
    """Find the workflow and start it, unless a run with its token is there."""
    known = await _started_with(params.client_token, context)
    if known is not None:
        return RunResult(known)
    cwd = folder_of(params.cwd)
    workflow, origin = await find_workflow(
        params,
        cwd,
        suggester=context.suggester,
        templates=context.templates,
        trust=context.trust,
    )
    _refuse_odd_inputs(params.inputs)
    _refuse_odd_environment(params.environment or {})
    request = RunRequest(
        workflow=workflow,
        inputs=params.inputs,
        cwd=str(cwd),
        environment=None if params.environment is None else shareable(params.environment),
        approve=params.approve,
        preflight=params.preflight,
        secrets=params.secrets,
        client_token=params.client_token,
        origin=origin,
        window=window_of(params.columns, params.rows),
        rehearse=params.rehearse,
    )
    run = await context.engine.start(request)
    faultpoints.reach("run.recorded")
    if context.learning is not None and not params.rehearse:
        suggestion = params.suggestion or params.from_suggestion
        context.learning.ran(run, workflow, request.cwd, suggestion)
    _, notice = ("", "") if context.policies is None else context.policies.policy(request.cwd)
    return RunResult(run, notice)


async def _started_with(client_token: str | None, context: StartContext) -> str | None:
    """Give the run that has this token.

    The engine asks too, when it counts; asking first, the answer does not depend on whether the
    file or the suggestion is still there and still right.
    """
    if client_token is None:
        return None
    if not client_token:
        raise InvalidInput(
            "client_token is empty, and would be that of every client that leaves it so",
            cure="leave it out, or send a text of your own making, such as a UUID",
        )
    if len(client_token) > LONGEST_TOKEN:
        raise InvalidInput(
            f"client_token has {len(client_token)} characters: at most {LONGEST_TOKEN} are kept",
            cure="send a short text of your own making, such as a UUID",
        )
    return await context.log.run_with_token(client_token)


def _refuse_odd_inputs(inputs: Mapping[str, object]) -> None:
    for name, value in inputs.items():
        if not isinstance(value, str | int | float | bool):
            raise InvalidInput(
                f"input {name!r} is neither text, a number, nor true or false",
                cure="give one plain value for each input",
                data={"input": name},
            )


def _refuse_odd_environment(environment: Mapping[str, str]) -> None:
    """Refuse what the kernel would not hand to a process; see environ(7)."""
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidInput(
                f"{name!r} cannot be in an environment",
                cure="names are not empty and hold no =; neither they nor values hold zero bytes",
            )


async def handle_show(params: RunRef, context: ReadContext) -> ShowResult:
    """A run as it stands."""
    found = await context.log.find(params.run)
    return to_show_result(await context.engine.state(found.id))


async def handle_artifacts(params: ArtifactsParams, context: ArtifactsContext) -> ArtifactsResult:
    """What steps made and is kept with the run. NotFound for a step that is not of the run."""
    found = await context.log.find(params.run)
    state = await context.engine.state(found.id)
    if params.step is not None and params.step not in state.steps:
        raise NotFound(
            f"run {found.id} has no step {params.step!r}", cure="flowctl show lists its steps"
        )
    place_of = context.artifacts.place_of if context.artifacts is not None else _nowhere
    return to_artifacts_result(state, params.step, place_of)


def _nowhere(key: AttemptKey, number: int) -> str:
    return ""


async def handle_list(params: ListParams, context: ReadContext) -> ListResult:
    """Runs, newest first."""
    if not 1 <= params.limit <= LONGEST_LIST:
        raise InvalidInput(
            f"limit is {params.limit}: it must be between 1 and {LONGEST_LIST}",
            cure="ask for fewer runs, or narrow them by state or query",
        )
    given = [params.state] if isinstance(params.state, str) else params.state or []
    states = list(dict.fromkeys(given))  # each once: a statement takes so many values only
    for state in states:
        if state not in _STATES:
            raise InvalidInput(
                f"no run is ever {state!r}", cure=f"the states are {', '.join(_STATES)}"
            )
    found = await context.log.summaries(query=params.query, states=states, limit=params.limit)
    return ListResult(
        [to_run_row(summary, context.engine.terminals(summary.id)) for summary in found]
    )


async def handle_logs(params: LogsParams, context: ReadContext) -> LogsResult:
    """Output of a run or one step: as many chunks as fit one answer."""
    run = await context.log.find(params.run)
    text = OutputText()
    chunks: list[LogChunk] = []
    position, characters = from_position(params.from_), 0
    full = False
    while position < run.position and not full:
        events = await context.log.read(run.id, after=position, limit=LOGS_AT_ONCE)
        if not events:
            break
        for event in events:
            position = event.position
            chunk = to_chunk(event, text)
            if chunk is not None and params.step in (None, chunk.step, parent_of(chunk.step)):
                chunks.append(chunk)
                characters += len(chunk.text)
                # Better a little more than to part the halves of a character.
                full = characters >= LOGS_CHARACTERS * (1 if text.whole else 2)
                if full:
                    break
    return LogsResult(chunks=chunks, position=position, more=position < run.position)
