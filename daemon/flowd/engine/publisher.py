"""What running scripts write becomes events while they run.

One task looks at all of them. A task for each would cost a short step more than its process: making
it, putting it to sleep and ending it again, for a script that is over before the first look.
"""

import logging
import math
from collections.abc import Awaitable, Callable

import trio

from flowd.domain.commands import OutputChunk, ReportOutput
from flowd.domain.ports import AttemptKey, Executor
from flowd.engine.live import LiveRun
from flowd.engine.output import RESTS, OutputCursor

ECHO_LOOK = 0.01  # seconds until the look after somebody typed at a terminal
QUICKEST_LOOK = 0.05  # seconds between looks while scripts write, or are new
SLOWEST_LOOK = 0.4  # and while all are silent
PATIENT_LOOKS = 10  # in vain, before they become rarer

log = logging.getLogger(__name__)


class _Watched:
    """A running attempt, and whether what was read of it is on its way into the log.

    `rests`: how often the end of a flood is still shown to whoever typed at its terminal.
    """

    __slots__ = ("cursor", "live", "rests", "told")

    def __init__(self, live: LiveRun, cursor: OutputCursor):
        self.live = live
        self.cursor = cursor
        self.told: trio.Event | None = None
        self.rests = 0


class Publisher:
    """Reports the output of the attempts it is told to watch. `serve` must run in a task."""

    def __init__(
        self, executor: Executor, report: Callable[[LiveRun, ReportOutput], Awaitable[None]]
    ):
        self._executor = executor
        self._report = report
        self._watched: dict[AttemptKey, _Watched] = {}
        self._pause = math.inf
        self._in_vain = 0
        self._hurry = trio.Event()
        self._next_look = QUICKEST_LOOK

    def watch(self, live: LiveRun, cursor: OutputCursor) -> None:
        """Look at this attempt, too, soon and then again and again."""
        self._watched[cursor.key] = _Watched(live, cursor)
        self._in_vain = 0  # so that one short step after the other disturbs nobody's sleep
        if self._pause > QUICKEST_LOOK:
            self._hurry.set()

    def look_soon(self, key: AttemptKey) -> None:
        """Look in a moment: somebody typed at the terminal of this attempt, and awaits the echo."""
        watched = self._watched.get(key)
        if watched is not None:
            watched.cursor.let_more_through(self._executor)
            watched.rests = RESTS
            self._in_vain, self._next_look = 0, ECHO_LOOK
            self._hurry.set()

    async def leave(self, key: AttemptKey) -> None:
        """Look no more; returns once nothing of the attempt is on its way any longer."""
        watched = self._watched.pop(key, None)
        if watched is not None and watched.told is not None:
            await watched.told.wait()

    def drop(self, key: AttemptKey) -> None:
        """Look no more, whatever is on its way."""
        self._watched.pop(key, None)

    async def serve(self) -> None:
        """Look, again and again, for as long as there is something to look at."""
        while True:
            with trio.move_on_after(self._pause) as patience:
                await self._hurry.wait()
            if not patience.cancelled_caught:  # somebody is new, or typed: the look comes soon
                self._hurry = trio.Event()
                self._pause, self._next_look = self._next_look, QUICKEST_LOOK
                continue
            self._in_vain = 0 if await self._look() else self._in_vain + 1
            if self._in_vain < PATIENT_LOOKS:
                self._pause = QUICKEST_LOOK
            else:
                self._pause = min(self._pause * 1.5, SLOWEST_LOOK) if self._watched else math.inf

    async def _look(self) -> bool:
        """Record what is new of every attempt, side by side; say whether there was anything."""
        found = False
        async with trio.open_nursery() as nursery:
            for watched in list(self._watched.values()):
                try:
                    chunks = watched.cursor.read(self._executor)
                except OSError as error:  # too many open files, say: the next look may fare better
                    log.debug("%s cannot be looked at: %s", watched.cursor.key, error)
                    continue
                found = found or watched.cursor.floods  # a disk fills up faster than we look
                if not chunks and watched.rests:
                    watched.rests -= watched.cursor.catch_up(self._executor)
                if chunks:
                    found = True
                    watched.told = trio.Event()
                    nursery.start_soon(self._tell, watched, watched.told, chunks)
        return found

    async def _tell(self, watched: _Watched, told: trio.Event, chunks: list[OutputChunk]) -> None:
        key = watched.cursor.key
        report = ReportOutput(step=key.step, kind=key.kind, attempt=key.attempt, chunks=chunks)
        try:
            await self._report(watched.live, report)
        finally:
            watched.told = None
            told.set()
