"""Making a projection anew for the whole database."""

import apsw

from flowd.store.attachments import DocumentCache
from flowd.store.checking import fold
from flowd.store.runs_table import add_row


def rebuild_runs(connection: apsw.Connection) -> None:
    """Make the table `runs` anew from the events, in one transaction."""
    cache = DocumentCache()
    with connection:
        connection.execute("DELETE FROM runs")
        for run, run_id in connection.execute("SELECT run, id FROM streams"):
            row = fold(connection, cache, run_id)
            if row is not None:
                add_row(connection, run, row)
