"""What the daemon does by itself now and then: keep no more than its settings say."""

import logging

import trio

from flowd import faultpoints
from flowd.domain.files import Artifacts, Rehearsals
from flowd.domain.ports import EventLog, LogKeeper
from flowd.domain.retention import Retention
from flowd.domain.run import FINISHED
from flowd.errors import FlowError, NotFound

EVERY_SECONDS = 3600.0
REHEARSED_SECONDS = 3600.0  # how long a client may take to ask what a rehearsal changed

log = logging.getLogger("flowd.upkeep")


class Upkeep:
    """Applies retention at the start, every hour, and when its settings change."""

    def __init__(
        self,
        keeper: LogKeeper,
        retention: Retention,
        event_log: EventLog,
        artifacts: Artifacts,
        rehearsals: Rehearsals,
    ):
        self._rehearsals = rehearsals
        self._keeper = keeper
        self._log = event_log
        self._artifacts = artifacts
        self._retention = retention
        self._changed = trio.Event()

    def configure(self, retention: Retention) -> None:
        """Take over settings, and apply them soon."""
        self._retention = retention
        self.look_soon()

    def look_soon(self) -> None:
        """Apply settings, and remove what removed runs left, at the next occasion."""
        self._changed.set()

    async def serve(self) -> None:
        """Work until cancelled. What goes wrong is logged and tried again next time."""
        while True:
            self._changed = trio.Event()
            try:
                gone = await self._keeper.retain(self._retention)
            except FlowError as error:
                log.warning("retention could not be applied: %s", error.message)
            else:
                if gone.runs or gone.outputs:
                    log.info("retention removed %d runs, %d outputs", gone.runs, gone.outputs)
            await self._drop_artifacts()
            await self._drop_rehearsals()
            with trio.move_on_after(EVERY_SECONDS):
                await self._changed.wait()

    async def _drop_artifacts(self) -> None:
        """Remove the artifacts of runs that are no longer there, by whatever removed them."""
        gone = []
        try:
            for run in await self._artifacts.runs():
                try:
                    await self._log.find(run)
                except NotFound:
                    gone.append(run)
        except FlowError as error:  # who cannot be asked for may be there
            log.warning("artifacts are not tidied: %s", error.message)
            return
        if gone:
            faultpoints.reach("artifacts.dropping")
            await self._artifacts.drop(gone)
            log.info("removed the artifacts of %d runs", len(gone))

    async def _drop_rehearsals(self) -> None:
        """Throw away the rehearsals that nobody asked about, but for those that still go on."""
        try:
            for run in await self._rehearsals.old(REHEARSED_SECONDS):
                try:
                    over = (await self._log.find(run)).state in FINISHED
                except NotFound:
                    over = True
                if over:
                    await self._rehearsals.drop(run)
        except FlowError as error:
            log.warning("rehearsals are not tidied: %s", error.message)
