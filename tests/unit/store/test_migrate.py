"""Schemas: made once, in order, and never changed after a release."""

from hashlib import sha256
from pathlib import Path

import apsw
import pytest

from flowd.errors import Bug, StoreUnavailable
from flowd.store import migrate as migrate_module
from flowd.store import open_log
from flowd.store.migrate import migrate, migrations, schema_version

# A released migration is never edited: databases have gone through it already. A new one gets a
# new line here.
RELEASED = {
    1: "09043b0e42284428",
    2: "26212edf558b77ce",
    3: "51a853efc0be66e6",
    4: "3dcd4ce7bb6716ea",
    5: "aae9260a9f19fa0f",
}


def test_released_migrations_are_as_they_were() -> None:
    found = {
        number: sha256(script.encode()).hexdigest()[:16]
        for number, script in enumerate(migrations(), start=1)
    }
    assert found == RELEASED


async def test_a_new_file_gets_every_migration_once(tmp_path: Path) -> None:
    for _ in range(2):
        async with open_log(tmp_path / "flow.db") as log:
            assert (await log.stats()).schema_version == len(migrations())


async def test_a_file_of_a_newer_flow_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    async with open_log(path):
        pass
    with apsw.Connection(str(path)) as connection:
        connection.pragma("user_version", 99)
    with pytest.raises(StoreUnavailable, match="newer Flow") as refused:
        async with open_log(path):
            pass
    assert "newer" in refused.value.cure
    assert refused.value.data["schema_version"] == 99
    with apsw.Connection(str(path)) as connection:
        assert schema_version(connection) == 99


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = apsw.Connection(str(tmp_path / "flow.db"))
    scripts = ["CREATE TABLE one (x);", "CREATE TABLE two (x); INSERT INTO nowhere VALUES (1);"]
    monkeypatch.setattr(migrate_module, "migrations", lambda: scripts)
    with pytest.raises(apsw.SQLError):
        migrate(connection)
    assert schema_version(connection) == 1
    tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("one",)]

    scripts[1] = "CREATE TABLE two (x);"
    migrate(connection)
    assert schema_version(connection) == 2
    connection.close()


async def test_a_failing_migration_is_our_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_module, "migrations", lambda: ["CREATE TABLE"])
    with pytest.raises(Bug):
        async with open_log(tmp_path / "flow.db"):
            pass
