"""Daemons that do not keep their word: what looks for broken promises must find theirs.

python -m support.unfaithful_daemon repeats    runs again what an earlier daemon had running
python -m support.unfaithful_daemon forgets    has lost the newest run at its start
"""

import os
import sqlite3
import sys

from flowd import main
from flowd.config import find_paths
from flowd.domain.ports import AttemptKey, Ending, NeverStarted
from flowd.exec.process import ProcessExecutor

TABLES = ("recent_batches", "sealed_batches", "runs", "streams")


faithful = ProcessExecutor.adopt


async def _adopt(self: ProcessExecutor, key: AttemptKey) -> Ending:
    return await faithful(self, key) if key in self._answers else NeverStarted()


def _forget() -> None:
    path = find_paths().database
    if not path.exists():
        return
    database = sqlite3.connect(path)
    newest = "SELECT max(run) FROM runs"
    run = database.execute(newest).fetchone()[0] if _has_runs(database) else None
    for table in TABLES if run is not None else ():
        database.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
    database.commit()
    database.close()


def _has_runs(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'runs'").fetchone())


if __name__ == "__main__":
    how = sys.argv.pop()
    if how == "repeats":
        ProcessExecutor.adopt = _adopt  # type: ignore[method-assign]
    else:
        os.umask(0o077)
        _forget()
    main.main()
