"""Look after the database."""

import time
from pathlib import Path

from flowd.server.contexts import KeepContext
from flowproto.daemon import Empty
from flowproto.db import (
    DamageRow,
    DbBackupParams,
    DbBackupResult,
    DbCheckParams,
    DbCheckResult,
    DbVacuumResult,
)


async def handle_check(params: DbCheckParams, context: KeepContext) -> DbCheckResult:
    """Look through everything and list the damage."""
    begun = time.monotonic()
    found = await context.keeper.check(mend=params.mend)
    rows = [DamageRow(what=d.what, problem=d.problem, cure=d.cure) for d in found.damage]
    return DbCheckResult(
        runs=found.runs,
        events=found.events,
        damage=rows,
        mended=found.mended,
        elapsed_ms=_since(begun),
    )


async def handle_backup(params: DbBackupParams, context: KeepContext) -> DbBackupResult:
    """Copy the database to a new file."""
    begun = time.monotonic()
    made = await context.keeper.back_up(Path(params.path))
    return DbBackupResult(
        path=made.path, bytes=made.bytes, position=made.position, elapsed_ms=_since(begun)
    )


async def handle_vacuum(params: Empty, context: KeepContext) -> DbVacuumResult:
    """Pack tightly and give room back."""
    begun = time.monotonic()
    done = await context.keeper.vacuum(context.retention)
    if done.removed.runs:
        context.tidy()
    return DbVacuumResult(
        database_bytes_before=done.database_before,
        database_bytes_after=done.database_after,
        wal_bytes_before=done.wal_before,
        wal_bytes_after=done.wal_after,
        sealed_runs=done.sealed_runs,
        removed_runs=done.removed.runs,
        removed_outputs=done.removed.outputs,
        elapsed_ms=_since(begun),
    )


def _since(begun: float) -> float:
    return round((time.monotonic() - begun) * 1000, 1)
