"""One attempt, from its recorded start to the report of its end.

Nothing here decides: the report goes to `react`, and what follows from it is performed.
"""

import math

import trio

from flowd.domain.commands import Command, ReportEnd, ReportNeverStarted
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
from flowd.engine.output import OutputCursor
from flowd.errors import SpawnFailed


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
