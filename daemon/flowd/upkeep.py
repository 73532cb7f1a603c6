"""What the daemon does by itself now and then: keep no more than its settings say."""

import logging

import trio

from flowd.domain.ports import LogKeeper
from flowd.domain.retention import Retention
from flowd.errors import FlowError

EVERY_SECONDS = 3600.0

log = logging.getLogger("flowd.upkeep")


class Upkeep:
    """Applies retention: at the start, every hour, and when its settings change."""

    def __init__(self, keeper: LogKeeper, retention: Retention):
        self._keeper = keeper
        self._retention = retention
        self._changed = trio.Event()

    def configure(self, retention: Retention) -> None:
        """Take over settings, and apply them soon."""
        self._retention = retention
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
            with trio.move_on_after(EVERY_SECONDS):
                await self._changed.wait()
