"""Looking after the database while runs go on: the `LogKeeper` port on SQLite.

Reading has a connection of its own, so queries go on; writing goes through the log's writer in
short transactions, so appends wait no longer than behind one of them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import trio

from flowd.domain.ports import Backup, Damage, LogCheck, Vacuumed
from flowd.errors import FlowError
from flowd.store.attachments import DocumentCache
from flowd.store.backup import Copying
from flowd.store.checking import MENDABLE, Looked, check_file, check_runs, mend_row
from flowd.store.connection import Database, open_reader
from flowd.store.tidying import empty_wal, give_back_all, seal_finished, sizes

P = ParamSpec("P")
T = TypeVar("T")

MOST_DAMAGE = 1000  # a list of more would tell nobody anything


class Keeper:
    """See the port `LogKeeper`. One task at a time copies or tidies up; looking is always free."""

    def __init__(self, path: Path, writer: Database):
        self.path_of_database = str(path)
        self._path = path
        self._writer = writer
        self._busy = trio.Lock()

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

    async def vacuum(self) -> Vacuumed:
        """Pack what can be packed and give room back; see the port."""
        async with self._busy:
            before = await self._write(sizes)
            sealed: set[int] = set()
            while some := await self._write(seal_finished):
                sealed |= some
            while await self._write(give_back_all):
                pass
            await self._write(empty_wal)
            after = await self._write(sizes)
        return Vacuumed(before[0], after[0], before[1], after[1], len(sealed))

    async def _write(
        self, work: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Have the writer do something short, whole; cancelled before or after it, never within."""
        await trio.lowlevel.checkpoint()
        with trio.CancelScope(shield=True):
            result = await self._writer.run(work, *args, **kwargs)
        return result  # noqa: RET504  # within the block mypy would miss it: a scope may swallow
