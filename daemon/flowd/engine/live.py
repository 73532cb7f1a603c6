"""A run that is in memory because something is going on with it."""

from collections.abc import Iterator

import trio

from flowd.domain.events import ScriptKind
from flowd.domain.ports import AttemptKey
from flowd.domain.run import AttemptState, RunState
from flowd.errors import Bug


class LiveRun:
    """The state of a run, the lock under which it changes, and its tasks.

    Whoever holds `lock` may change `state`; every change is recorded before the lock is let go.
    `holders` counts requests that are using it: a finished run leaves memory when there are none.
    `ending` are attempts whose processes are being ended; each event is set when all are gone.
    """

    def __init__(self, state: RunState):
        self.state = state
        self.lock = trio.Lock()
        self.tasks: set[trio.CancelScope] = set()
        self.running: set[AttemptKey] = set()
        self.ending: dict[AttemptKey, trio.Event] = {}
        self.holders = 0

    async def acquire(self) -> None:
        """Take the lock; at once when it is free, which costs a step less than to pause.

        It cannot be cancelled: whoever holds the lock soon lets it go.
        """
        try:
            self.lock.acquire_nowait()
        except trio.WouldBlock:
            with trio.CancelScope(shield=True):
                await self.lock.acquire()

    def drop_tasks(self) -> None:
        """Stop watching; the processes go on."""
        for scope in self.tasks:
            scope.cancel()
        self.ending.clear()

    def in_flight(self) -> Iterator[AttemptKey]:
        """Attempts whose start is recorded and whose end is not."""
        for step_id in self.state.active:
            for row in self.state.steps[step_id].attempts:
                if row.outcome is None:
                    yield AttemptKey(self.state.run, step_id, row.kind, row.attempt)

    def is_in_flight(self, step: str, kind: ScriptKind, attempt: int) -> bool:
        """Whether an attempt is recorded and its end is not."""
        row = self.state.steps[step].attempt(kind, attempt)
        return row is not None and row.outcome is None

    def is_called_off(self, key: AttemptKey) -> bool:
        """Whether cancelling the run ends this attempt: not compensations and `finally` steps."""
        return (
            self.state.cancelling and key.kind != "undo" and not self.state.plan[key.step].finally_
        )

    def attempt(self, key: AttemptKey) -> AttemptState:
        """What is recorded of an attempt. Bug when its start is not."""
        row = self.state.steps[key.step].attempt(key.kind, key.attempt)
        if row is None:
            raise Bug(f"{key} is not an attempt of its run")
        return row
