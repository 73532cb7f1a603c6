"""Turn tasks into workflows."""

import time
from typing import Any

from flowd.domain import suggestions
from flowd.domain.suggestions import Failure, Show, SuggestRequest
from flowd.errors import InvalidInput
from flowd.server.contexts import SuggestContext
from flowd.server.convert import to_provider_row, to_suggest_progress, to_suggestion_row
from flowd.server.sources import folder_of
from flowproto.methods import PROGRESS
from flowproto.suggest import (
    ContextResult,
    ContextRow,
    SuggestParams,
    SuggestProgressParams,
    SuggestResult,
)

MOST_SUGGESTIONS = 50
LONGEST_WAIT_MS = 600_000


async def handle_suggest(params: SuggestParams, context: SuggestContext) -> SuggestResult:
    """Ask the suggester, within the client's deadline."""
    shown = _shown(params.partial_result_token, context)
    answer = await context.suggester.suggest(_request(params, context), *shown)
    return SuggestResult(
        task=params.task,
        suggestions=[to_suggestion_row(made) for made in answer.suggestions],
        providers=[to_provider_row(report) for report in answer.providers],
        elapsed_ms=answer.elapsed_ms,
    )


async def handle_context(params: SuggestParams, context: SuggestContext) -> ContextResult:
    """Say what providers would be sent for the same request; nothing is sent."""
    start = time.monotonic()
    rows = await context.suggester.tell(_request(params, context))
    return ContextResult(
        task=params.task,
        providers=[
            ContextRow(
                provider=row.provider,
                note=row.note,
                instructions=row.instructions,
                text=row.text,
                bytes=len((row.instructions + row.text).encode()),
            )
            for row in rows
        ],
        elapsed_ms=(time.monotonic() - start) * 1000,
    )


def _request(params: SuggestParams, context: SuggestContext) -> SuggestRequest:
    settings = context.config
    limit = settings.limit if params.limit is None else params.limit
    within("limit", limit, 1, MOST_SUGGESTIONS)
    if params.deadline_ms is None:
        deadline = settings.deadline_seconds
    else:
        within("deadline_ms", params.deadline_ms, 1, LONGEST_WAIT_MS)
        deadline = params.deadline_ms / 1000
    command = _text(params.context, "last_command")
    output = _text(params.context, "last_output")
    return SuggestRequest(
        task=params.task,
        cwd=str(folder_of(params.cwd)),
        providers=params.providers,
        limit=limit,
        selection=_text(params.context, "selection"),
        language=_text(params.context, "language"),
        diagnostics=_text(params.context, "diagnostics"),
        failure=Failure(command, output) if command else None,
        deadline_seconds=deadline,
        fresh=params.fresh,
    )


def _shown(token: str | int | None, context: SuggestContext) -> tuple[Show, ...]:
    """Give what sends partial results, if the client wants any."""
    if token is None:
        return ()

    async def show(progress: suggestions.SuggestProgress) -> None:
        await context.notify(
            PROGRESS, SuggestProgressParams(token=token, value=to_suggest_progress(progress))
        )

    return (show,)


def within(name: str, value: int, least: int, most: int) -> None:
    """Raise InvalidInput unless a parameter lies between two bounds."""
    if not least <= value <= most:
        raise InvalidInput(
            f"{name} is {value}: it must be between {least} and {most}", cure=f"change {name}"
        )


def _text(context: dict[str, Any], name: str) -> str:
    value = context.get(name, "")
    if not isinstance(value, str):
        raise InvalidInput(f"context.{name} is not text", cure=f"send context.{name} as a string")
    return value
