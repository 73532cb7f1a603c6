"""One attempt, from its recorded start to the report of its end.

Nothing here decides: the report goes to `react`, and what follows from it is performed.
"""

import math
from collections.abc import Awaitable, Callable

import trio

from flowd.config import EngineConfig
from flowd.domain.commands import Command, ReportEnd, ReportNeverStarted, ReportOutput
from flowd.domain.events import Outcome
from flowd.domain.ports import (
    AttemptKey,
    Ending,
    Executor,
    Exited,
    Launch,
    NeverStarted,
    Vanished,
)
from flowd.engine.keeping import Keeper
from flowd.engine.launches import timeout_seconds
from flowd.engine.live import LiveRun
from flowd.engine.output import OutputCursor
from flowd.errors import SpawnFailed

QUICKEST_LOOK = 0.05  # seconds between looks at a script's output while it writes
SLOWEST_LOOK = 0.4  # and while it is silent


class Carrier:
    """Sees attempts through, so many at a time as the settings allow."""

    def __init__(
        self,
        executor: Executor,
        config: EngineConfig,
        report: Callable[[LiveRun, Command], Awaitable[None]],
        keeper: Keeper | None = None,
    ):
        self._executor = executor
        self.config = config
        self._report = report
        self._keeper = keeper
        self._slots = trio.Semaphore(config.max_processes)

    async def see_through(
        self, live: LiveRun, key: AttemptKey, launch: Launch | SpawnFailed | None
    ) -> Command:
        """Wait for the end of an attempt and give the report of it.

        `launch` None adopts the process of an earlier daemon; it has its slot already, being there.
        """
        recorded = live.attempt(key).written
        cursor = OutputCursor(key, self.config.output_bytes_per_attempt, dict(recorded))
        ending: Ending | SpawnFailed
        timed_out = False
        if isinstance(launch, SpawnFailed):
            ending = launch
        elif launch is None:
            ending, timed_out = await self._watch(live, key, None, cursor)
        else:
            async with self._slots:
                if self._keeper is not None:
                    await self._keeper.before(live, key, launch, self._report)
                ending, timed_out = await self._watch(live, key, launch, cursor)
        return report_of(
            key,
            ending,
            cursor,
            self._executor,
            timed_out=timed_out,
            cancelled=live.state.cancelling and key.kind != "undo",
        )

    async def _watch(
        self, live: LiveRun, key: AttemptKey, launch: Launch | None, cursor: OutputCursor
    ) -> tuple[Ending | SpawnFailed, bool]:
        """Carry an attempt out and publish its output meanwhile."""
        if launch is not None and live.is_called_off(key):
            return SpawnFailed("cancelled before it began"), False
        timeout = timeout_seconds(live.state, key)
        if launch is None and timeout is not None:
            timeout = max(0.0, timeout - live.age_seconds(key))
        live.running.add(key)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._publish_output, live, key, cursor)
                try:
                    return await carry_out(
                        key,
                        launch,
                        self._executor,
                        timeout=timeout,
                        grace=self.config.grace_seconds,
                    )
                except SpawnFailed as error:
                    return error, False
                finally:
                    nursery.cancel_scope.cancel()
        finally:
            live.running.discard(key)

    async def _publish_output(self, live: LiveRun, key: AttemptKey, cursor: OutputCursor) -> None:
        pause = QUICKEST_LOOK
        while True:
            await trio.sleep(pause)
            cursor.unsent += cursor.read(self._executor)
            if cursor.unsent:
                await self._report(
                    live,
                    ReportOutput(
                        step=key.step, kind=key.kind, attempt=key.attempt, chunks=cursor.unsent
                    ),
                )
                cursor.unsent = []
                pause = QUICKEST_LOOK
            else:
                pause = min(pause * 1.5, SLOWEST_LOOK)


async def carry_out(
    key: AttemptKey,
    launch: Launch | None,
    executor: Executor,
    *,
    timeout: float | None,
    grace: float,
) -> tuple[Ending, bool]:
    """Make the process (adopt it, when `launch` is None) and wait for its end.

    Gives the ending, and whether it was brought about because the time (in seconds) was over.
    SpawnFailed when there is no process to be had.
    """
    with trio.move_on_after(math.inf if timeout is None else max(0.0, timeout)):
        ending = await (executor.adopt(key) if launch is None else executor.run(launch))
        return ending, False
    await executor.terminate(key, grace)
    return await executor.adopt(key), True


def report_of(
    key: AttemptKey,
    ending: Ending | SpawnFailed,
    cursor: OutputCursor,
    executor: Executor,
    *,
    timed_out: bool,
    cancelled: bool,
) -> Command:
    """Put an ending into the words of the domain."""
    outcome: Outcome
    match ending:
        case NeverStarted():
            return ReportNeverStarted(step=key.step, kind=key.kind, attempt=key.attempt)
        case SpawnFailed():
            reason = f"{ending.message} ({ending.cure})" if ending.cure else ending.message
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome="cancelled" if cancelled else "failed",
                reason=reason,
            )
        case Vanished():
            outcome = "timed_out" if timed_out else "cancelled" if cancelled else "lost"
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome=outcome,
                reason=ending.reason if outcome == "lost" else "",
                chunks=cursor.finish(executor),
            )
        case Exited():
            if timed_out:
                outcome = "timed_out"
            elif ending.exit_code == 0:
                outcome = "succeeded"
            else:
                outcome = "cancelled" if cancelled else "failed"
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome=outcome,
                exit_code=ending.exit_code,
                duration_ms=ending.duration_ms,
                outputs=ending.outputs,
                chunks=cursor.finish(executor),
            )
