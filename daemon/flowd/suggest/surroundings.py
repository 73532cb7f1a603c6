"""Everything a task is asked in the middle of: its folder, the machine, what failed last."""

from pathlib import Path

import trio
from msgspec import Struct
from msgspec.structs import replace

from flowd.domain.suggestions import Failure
from flowd.suggest.context import Context, gather_context
from flowd.suggest.last_failure import RunRecord, last_failure
from flowd.suggest.tool_versions import ASKED, ToolVersions

GATHER_SECONDS = 0.15


class Found(Struct):
    """What was found in time."""

    context: Context
    failure: Failure | None = None


class Surroundings:
    """Gathers context. `serve` does in the background what takes longer than anybody waits.

    `record` None remembers no runs; `notes` is the user's own file of notes.
    """

    def __init__(self, record: RunRecord | None = None, notes: Path | None = None):
        self._record = record
        self._notes = notes
        self._versions = ToolVersions()

    async def gather(self, cwd: str) -> Found:
        """Look for at most 0.15 seconds; what is not known by then is left out."""
        found = Found(Context(cwd))

        async def look() -> None:
            found.context = await gather_context(cwd, timeout=GATHER_SECONDS, own=self._notes)

        async def remember() -> None:
            if self._record is not None:
                found.failure = await last_failure(self._record, cwd)

        with trio.move_on_after(GATHER_SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(remember)
                nursery.start_soon(look)
        programs = [name for name in ASKED if name in found.context.programs]
        versions = self._versions.known(programs)
        found.context = replace(found.context, versions=versions)
        return found

    async def serve(self) -> None:
        """Find out the versions of tools, for as long as the daemon lives."""
        await self._versions.serve()
