"""Which runs are in memory, and who waits for news of which run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import trio

from flowd.domain.evolve import replay
from flowd.domain.ports import AttemptKey, EventLog
from flowd.domain.run import RunState
from flowd.engine.live import LiveRun
from flowd.errors import NotFound

READ_AT_ONCE = 1000


class Registry:
    """Runs that are going on. A finished one stays only while somebody holds it."""

    def __init__(self, event_log: EventLog):
        self._log = event_log
        self._live: dict[str, LiveRun] = {}
        self._loading = trio.Lock()
        self._news: dict[str, trio.Event] = {}

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveRun]:
        return iter(self._live.values())

    def get(self, run: str) -> LiveRun | None:
        """The run, if it is in memory."""
        return self._live.get(run)

    def add(self, live: LiveRun) -> None:
        """Keep a run in memory."""
        self._live[live.state.run] = live

    def remove(self, live: LiveRun) -> None:
        """Forget a run that turned out not to begin."""
        self._live.pop(live.state.run, None)

    @asynccontextmanager
    async def hold(self, run: str) -> AsyncIterator[LiveRun]:
        """Lend the run, from memory or from the log, for as long as the block lasts.

        NotFound when there is no such run.
        """
        async with self._loading:  # two loads of one run would be two states of it
            live = self._live.get(run)
            if live is None:
                live = self._live[run] = LiveRun(await self.replay(run))
            live.holders += 1
        try:
            yield live
        finally:
            live.holders -= 1
            self.let_go(live)

    def let_go(self, live: LiveRun) -> None:
        """Take a finished run that nobody holds out of memory."""
        idle = live.state.finished and not live.holders
        if idle and self._live.get(live.state.run) is live:
            del self._live[live.state.run]

    def attempts_in_flight(self) -> set[AttemptKey]:
        """Every attempt whose start is recorded and whose end is not."""
        return {key for live in self._live.values() for key in live.in_flight()}

    async def replay(self, run: str) -> RunState:
        """Fold the run's history from the log. NotFound when it has none."""
        history = page = await self._log.read(run, 0, READ_AT_ONCE)
        while len(page) == READ_AT_ONCE:
            page = await self._log.read(run, page[-1].position, READ_AT_ONCE)
            history = [*history, *page]
        if not history:
            self._live.pop(run, None)  # retention may have removed it while somebody held it
            raise NotFound(f"there is no run {run}", cure="flowctl ps lists them")
        return replay(history)

    async def state(self, run: str) -> RunState:
        """The run as it stands, without keeping it in memory."""
        live = self._live.get(run)
        if live is None:
            return await self.replay(run)
        async with live.lock:  # a change under way is not a fact before it is recorded
            return live.state

    def announce(self, run: str) -> None:
        """Wake everybody who waits for news of the run."""
        news = self._news.pop(run, None)
        if news is not None:
            news.set()

    async def wait_beyond(self, run: str, position: int) -> None:
        """Return once the log holds an event of the run after `position`."""
        news = self._news.setdefault(run, trio.Event())
        try:  # announcements from here on are heard, so looking after that misses nothing
            live = self._live.get(run)
            newest = live.state.position if live else (await self._log.find(run)).position
            if newest <= position:
                await news.wait()
        finally:
            if not news.statistics().tasks_waiting and self._news.get(run) is news:
                del self._news[run]
