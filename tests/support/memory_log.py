"""An event log in memory: quick, without threads or files, for tests of what stands above the log.

It passes the same contract suite as the real one (`tests/contract/test_event_log.py`).
"""

from collections.abc import Sequence

import trio

from flowd.domain.events import Event, Recorded, RunStarted
from flowd.domain.ports import LogStats, RunSummary
from flowd.errors import Conflict, NotFound, TokenTaken
from flowd.store.codec import encode_event
from flowd.store.projections import RunRow, summarise_all


class MemoryLog:
    """Implements `flowd.domain.ports.EventLog`."""

    def __init__(self) -> None:
        self._events: dict[str, list[Recorded]] = {}
        self._rows: dict[str, RunRow] = {}
        self._tokens: dict[str, str] = {}
        self._last_position = 0

    async def append(
        self, run: str, expected_version: int, events: Sequence[Event]
    ) -> list[Recorded]:
        for event in events:
            encode_event(event)  # refuses what the real one cannot store
        await trio.lowlevel.cancel_shielded_checkpoint()
        if not events:
            return []
        row = self._rows.get(run)
        version = row.version if row else 0
        if version != expected_version:
            raise Conflict(
                f"run {run} is at version {version}, not {expected_version}",
                data={"run": run, "version": version},
            )
        token = events[0].client_token if isinstance(events[0], RunStarted) else None
        if row is None and token in self._tokens:
            raise TokenTaken(self._tokens[token])
        recorded = [
            Recorded(self._last_position + n, run, version + n, event)
            for n, event in enumerate(events, start=1)
        ]
        self._rows[run] = summarise_all(row, recorded)
        self._events.setdefault(run, []).extend(recorded)
        self._last_position = recorded[-1].position
        if row is None and token is not None:
            self._tokens[token] = run
        return recorded

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[Recorded]:
        await trio.lowlevel.checkpoint()
        return [r for r in self._events.get(run, []) if r.position > after][:limit]

    async def find(self, name: str) -> RunSummary:
        await trio.lowlevel.checkpoint()
        if name in self._rows:
            return self._rows[name].summary()
        fitting = [run for run in sorted(self._rows) if len(name) >= 3 and run.startswith(name)]
        if not fitting:
            raise NotFound(f"there is no run {name!r}", cure="give 3 characters or more")
        if len(fitting) > 1:
            raise Conflict(f"{name!r} can mean several", data={"candidates": fitting[:10]})
        return self._rows[fitting[0]].summary()

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[RunSummary]:
        await trio.lowlevel.checkpoint()
        sought = query.casefold()
        fitting = [
            row.summary()
            for row in reversed(self._rows.values())
            if (not states or row.state in states)
            and (sought in row.name.casefold() or sought in row.id.casefold())
        ]
        return fitting[:limit]

    async def run_with_token(self, client_token: str) -> str | None:
        await trio.lowlevel.checkpoint()
        return self._tokens.get(client_token)

    async def stats(self) -> LogStats:
        await trio.lowlevel.checkpoint()
        states = [row.state for row in self._rows.values()]
        return LogStats(
            runs=len(states),
            runs_by_state={state: states.count(state) for state in set(states)},
            events=self._last_position,
            last_position=self._last_position,
            database_bytes=0,
            wal_bytes=0,
            schema_version=0,
        )
