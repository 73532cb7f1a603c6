"""Work on a whole database: looking it through, and making a projection anew."""

import apsw

from flowd.store.attachments import DocumentCache
from flowd.store.projections import RunRow, summarise_all
from flowd.store.queries import read
from flowd.store.runs_table import add_row

PAGE = 500


def find_damage(connection: apsw.Connection) -> list[str]:
    """Look through every page of the file; empty when all is well."""
    try:
        return [text for (text,) in connection.execute("PRAGMA quick_check") if text != "ok"]
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return [str(error)]


def rebuild_runs(connection: apsw.Connection) -> None:
    """Make the table `runs` anew from the events, in one transaction."""
    cache = DocumentCache()
    with connection:
        connection.execute("DELETE FROM runs")
        for run, run_id in connection.execute("SELECT run, id FROM streams"):
            row: RunRow | None = None
            while page := read(connection, cache, run_id, row.position if row else 0, PAGE):
                row = summarise_all(row, page)
            if row is not None:
                add_row(connection, run, row)
