"""Looking after the database while runs go on: the `LogKeeper` port on SQLite.

Reading has a connection of its own, so queries go on; writing goes through the log's writer in
short transactions, so appends wait no longer than behind one of them.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import trio

from flowd import faultpoints
from flowd.domain.ports import Backup, Damage, LogCheck, Removed, Vacuumed
from flowd.domain.retention import KEEP_ALL, Retention
from flowd.errors import FlowError
from flowd.store.attachments import DocumentCache
from flowd.store.backup import Copying
from flowd.store.checking import MENDABLE, Looked, check_file, check_runs, mend_row
from flowd.store.commit import Rows
from flowd.store.connection import Database, Writer, open_reader
from flowd.store.retention import (
    due_outputs,
    due_runs,
    measure,
    remove_outputs,
    remove_runs,
    remove_unused,
)
from flowd.store.tidying import empty_wal, give_back_all, seal_finished, sizes

P = ParamSpec("P")
T = TypeVar("T")

MOST_DAMAGE = 1000  # a list of more would tell nobody anything


class Keeper:
    """See the port `LogKeeper`. One task at a time copies or tidies up; looking is always free."""

    def __init__(self, path: Path, writer: Writer, rows: Rows, now_ms: Callable[[], int]):
        self._now_ms = now_ms
        self.path_of_database = str(path)
        self._path = path
        self._writer = writer
        self._rows = rows
        self._busy = trio.Lock()
        self._unused_may_be_left = True  # by an earlier daemon, killed after it removed runs

    async def check(self, *, mend: bool = False) -> LogCheck:
        """Look through everything; see the port."""
        runs = events = mended = 0
        cache = DocumentCache()
        async with open_reader(self._path) as database:
            damage = await database.run(check_file)
            after: int | None = -1
            while after is not None and len(damage) < MOST_DAMAGE:
                looked: Looked = await database.run(check_runs, cache, after)
                runs, events, after = runs + looked.runs, events + looked.events, looked.last
                for found in looked.damage:
                    if mend and found.cure == MENDABLE and await self._mend(found):
                        mended += 1
                    else:
                        damage.append(found)
        return LogCheck(runs, events, damage, mended)

    async def _mend(self, damage: Damage) -> bool:
        """Make a summary anew; False when that cannot be done."""
        try:
            await self._write(mend_row, damage.what)
        except FlowError:
            return False
        return True

    async def back_up(self, path: Path) -> Backup:
        """Copy the database to a new file; see the port."""
        async with self._busy, open_reader(self._path) as database:
            with trio.CancelScope(shield=True):  # half a beginning could not be taken back
                copying = await database.run(Copying, path)
            try:
                while not await database.run(lambda _: copying.step()):
                    pass
                with trio.CancelScope(shield=True):
                    made = await database.run(lambda _: copying.publish())
            finally:
                with trio.CancelScope(shield=True):
                    await database.run(lambda _: copying.end())
        return made

    async def retain(self, retention: Retention) -> Removed:
        """Remove what is not to be kept; see the port."""
        async with self._busy:
            return await self._retain(retention)

    async def _retain(self, keep: Retention) -> Removed:
        if keep == KEEP_ALL:
            return Removed()
        runs = outputs = freed = 0
        async with open_reader(self._path) as database:
            async for due, whole in _what_is_due(database, keep, self._now_ms()):
                gone = await self._write(remove_runs if whole else remove_outputs, due)
                runs, outputs, freed = runs + gone.runs, outputs + gone.outputs, freed + gone.bytes
        if runs:
            faultpoints.reach("retention.removed")
        if runs or self._unused_may_be_left:
            await self._write(remove_unused)
            self._unused_may_be_left = False
        return Removed(runs, outputs, freed)

    async def due(self, retention: Retention) -> Removed:
        """Tell what would be removed; see the port."""
        if retention == KEEP_ALL:
            return Removed()
        runs = outputs = freed = 0
        async with open_reader(self._path) as database:
            async for due, whole in _what_is_due(database, retention, self._now_ms()):
                found = await database.run(measure, due, whole=whole)
                runs, outputs = runs + found.runs, outputs + found.outputs
                freed += found.bytes
        return Removed(runs, outputs, freed)

    async def vacuum(self, retention: Retention) -> Vacuumed:
        """Remove, pack, give room back; see the port."""
        async with self._busy:
            before = await self._write(sizes)
            removed = await self._retain(retention)
            sealed: set[int] = set()
            while some := await self._write(seal_finished):
                sealed |= some
            faultpoints.reach("vacuum.packed")
            while await self._write(give_back_all):
                pass
            faultpoints.reach("vacuum.returned")
            await self._write(empty_wal)
            after = await self._write(sizes)
        return Vacuumed(before[0], after[0], before[1], after[1], len(sealed), removed)

    async def _write(
        self, work: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Have the writer do something short, whole; cancelled before or after it, never within."""

        def work_and_forget(connection: apsw.Connection) -> T:
            self._rows.clear()  # `runs` may be another afterwards; see `commit`
            return work(connection, *args, **kwargs)

        await trio.lowlevel.checkpoint()
        return await self._writer.run(work_and_forget)


async def _what_is_due(
    database: Database, keep: Retention, now: int
) -> AsyncIterator[tuple[list[int], bool]]:
    """Give the keys of runs, some at a time: True with those to be removed as a whole."""
    searches = [
        (due_runs, True, keep.limits_runs),
        (due_outputs, False, keep.keep_output_days is not None),
    ]
    for search, whole, wanted in searches:
        after = -1
        while wanted and (some := await database.run(search, keep, now, after)):
            yield some, whole
            after = some[-1]
