"""Bring a database file to the shape this Flow expects.

Migrations are `schema/NNNN_what.sql`, numbered from 1 without a gap, and are never changed once
released. `PRAGMA user_version` holds the number of the last one applied.
"""

from pathlib import Path

import apsw

from flowd import faultpoints
from flowd.errors import StoreUnavailable


def migrations() -> list[str]:
    """Give the SQL of every migration, in order: the first has number 1."""
    folder = Path(__file__).with_name("schema")
    scripts = {
        int(entry.name.partition("_")[0]): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql")
    }
    return [scripts[number] for number in range(1, len(scripts) + 1)]


def schema_version(connection: apsw.Connection) -> int:
    """Give the number of the last migration applied to the file."""
    version: int = connection.pragma("user_version")
    return version


def migrate(connection: apsw.Connection) -> None:
    """Apply what is missing, each migration in a transaction of its own.

    StoreUnavailable when a newer Flow has changed the file already.
    """
    scripts = migrations()
    found = schema_version(connection)
    if found > len(scripts):
        raise StoreUnavailable(
            f"the event store was changed by a newer Flow (its schema is {found}, this Flow "
            f"knows {len(scripts)})",
            cure="use the newer Flow, or set FLOW_HOME to another folder",
            data={"schema_version": found, "known": len(scripts)},
        )
    for number in range(found + 1, len(scripts) + 1):
        with connection:
            connection.execute(scripts[number - 1])
            connection.pragma("user_version", number)
            faultpoints.reach("migration.written")
