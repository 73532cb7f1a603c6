"""Import collections of commands for suggestions to look through.

What reads them is loaded when it is wanted: most daemons never import anything.
"""

import logging
import os
import time
from pathlib import Path

import trio

from flowd.clocks import wall_clock_ms
from flowd.domain.knowledge import KnowledgeSource
from flowd.errors import InvalidInput, NotFound
from flowd.server.contexts import KnowledgeContext
from flowd.server.sources import folder_of, path_in
from flowproto.daemon import Empty
from flowproto.knowledge import (
    ImportedRow,
    KnowledgeImportParams,
    KnowledgeImportResult,
    KnowledgeRemoveParams,
    KnowledgeResult,
    SourceRow,
)

_logger = logging.getLogger(__name__)
_LONGEST_NAME = 60


async def handle_list(params: Empty, context: KnowledgeContext) -> KnowledgeResult:
    """Name what was imported."""
    from flowd.suggest.library import count_recipes

    return KnowledgeResult(
        sources=[_row(source) for source in await context.knowledge.sources()],
        built_in=await trio.to_thread.run_sync(count_recipes),
    )


async def handle_import(
    params: KnowledgeImportParams, context: KnowledgeContext
) -> KnowledgeImportResult:
    """Take in a collection, or all that are in the usual places."""
    from flowd.suggest.imports.reading import KNOWN_PLACES, known_places, name_of

    begun = time.monotonic()
    if params.path is not None:
        given = path_in(folder_of(params.cwd), params.path)
        name = params.name if params.name is not None else name_of(given)
        rows = [await _import(context, given, _checked(name))]
    elif params.name is not None:
        raise InvalidInput("a name, but no path", cure="say what is to be imported")
    else:
        search_path = os.environ.get("MANPATH", "")
        places = await trio.to_thread.run_sync(known_places, Path.home(), search_path)
        rows = [row for place in places if (row := await _import_if_any(context, place))]
    return KnowledgeImportResult(
        imported=rows,
        looked_in=[] if params.path is not None else [*map("~/{}".format, KNOWN_PLACES), "MANPATH"],
        elapsed_ms=(time.monotonic() - begun) * 1000,
    )


async def _import_if_any(context: KnowledgeContext, place: Path) -> ImportedRow | None:
    """Take in what is in a usual place; None when there is nothing to take in."""
    from flowd.suggest.imports.reading import name_of

    try:
        return await _import(context, place, name_of(place))
    except InvalidInput as error:
        _logger.info("%s", error.message)
        return None


async def _import(context: KnowledgeContext, path: Path, name: str) -> ImportedRow:
    from flowd.server.manuals import read_manual
    from flowd.suggest.imported import asked_as, vocabulary, worded
    from flowd.suggest.imports.manuals import readers_of_manuals
    from flowd.suggest.imports.reading import READERS, Reading, read_collection

    reading = Reading()
    source = KnowledgeSource(name, "", str(path), wall_clock_ms(), vocabulary())
    examples = read_collection(path, reading, {**READERS, **readers_of_manuals(read_manual)})
    done = await context.knowledge.put(source, worded(examples), lambda: reading.kind)
    if context.nearness is not None:
        taken = await context.knowledge.everything(done.name)
        context.nearness.learn_soon(asked_as(example) for example in taken)
    return ImportedRow(
        name=done.name,
        kind=done.kind,
        origin=done.origin,
        examples=done.examples,
        imported_at=done.imported_at,
        skipped=reading.skipped,
        reason=reading.reason,
    )


async def handle_remove(params: KnowledgeRemoveParams, context: KnowledgeContext) -> Empty:
    """Forget a collection."""
    if not await context.knowledge.remove(params.name):
        known = [source.name for source in await context.knowledge.sources()]
        raise NotFound(
            f"nothing called {params.name!r} was imported",
            cure=f"choose among {', '.join(known)}" if known else "nothing was imported yet",
        )
    return Empty()


def _checked(name: str) -> str:
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidInput(
            f"{name[:_LONGEST_NAME]!r} cannot be a collection's name",
            cure=f"use 1 to {_LONGEST_NAME} printable characters",
        )
    return name.strip()


def _row(source: KnowledgeSource) -> SourceRow:
    return SourceRow(
        name=source.name,
        kind=source.kind,
        origin=source.origin,
        examples=source.examples,
        imported_at=source.imported_at,
    )
