"""The daemon itself: how it is, its figures, its end."""

import os
import time
from pathlib import Path

from flowd.domain.files import Room
from flowd.server.contexts import DaemonContext
from flowd.server.dispatch import Reply
from flowproto.daemon import Empty, StatsResult, StatusParams, StatusResult, StopResult


async def handle_status(params: StatusParams, context: DaemonContext) -> StatusResult:
    """Who answers here. Works when the store does not."""
    return StatusResult(
        pid=os.getpid(),
        socket=str(context.socket),
        version=context.version,
        uptime_s=_uptime(context),
        runs=context.engine.live_runs(),
        database=str(context.database),
        store_error=context.store_error,
        policy_error=context.policy_error,
        peers=context.peers,
        step_limits=await context.step_limits(),
        step_sandbox=await context.step_sandbox() if params.try_sandbox else "",
    )


async def handle_stats(params: Empty, context: DaemonContext) -> StatsResult:
    """Figures."""
    figures = await context.log.stats()
    kept = Room(0, 0) if context.artifacts is None else await context.artifacts.measure()
    due = await context.keeper.due(context.retention)
    return StatsResult(
        runs=figures.runs,
        runs_by_state=figures.runs_by_state,
        events=figures.events,
        last_position=figures.last_position,
        database_bytes=figures.database_bytes,
        wal_bytes=figures.wal_bytes,
        schema_version=figures.schema_version,
        memory_bytes=_memory_bytes(),
        uptime_s=_uptime(context),
        event_bytes=figures.event_bytes,
        output_bytes=figures.output_bytes,
        due_runs=due.runs,
        due_outputs=due.outputs,
        due_bytes=due.bytes,
        artifact_files=kept.files,
        artifact_bytes=kept.bytes,
    )


async def handle_stop(params: Empty, context: DaemonContext) -> Reply[StopResult]:
    """End the daemon once the answer is written; running steps go on without it."""
    return Reply(StopResult(running=context.engine.running_attempts()), then=context.stop)


def _uptime(context: DaemonContext) -> float:
    return round(time.monotonic() - context.started_at, 3)


def _memory_bytes() -> int:
    """Resident memory of this process; see proc(5)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
