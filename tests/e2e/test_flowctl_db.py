"""`flowctl db`: looking after the database of a daemon at work."""

import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FlowHome, flow_home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[FlowHome]:
    with flow_home(tmp_path) as made:
        yield made


def _run(home: FlowHome) -> str:
    file = home.workflow("  - {id: a, run: echo hello, undo: echo bye}\n")
    finished = home.json("run", file)
    return str(finished["run"])


def test_check_says_that_all_is_well(home: FlowHome) -> None:
    _run(home)
    found = home.json("db", "check")
    assert (found["runs"], found["damage"], found["mended"]) == (1, [], 0)
    assert "nothing is wrong" in home.out("db", "check")


def test_check_lists_damage_with_its_cure_and_mends_a_summary(home: FlowHome) -> None:
    run = _run(home)
    home.kill_daemon(signal.SIGTERM)
    with sqlite3.connect(home.folder / "home" / "flow.db") as database:
        database.execute("UPDATE runs SET version = 99")
    database.close()
    told = home.out("db", "check", code=1)
    assert run in told
    assert "to mend it: flowctl db check --mend" in told
    assert home.json("db", "check", code=1)["damage"][0]["what"] == run
    assert "1 summary made anew" in home.out("db", "check", "--mend")
    assert home.json("db", "check")["damage"] == []


def test_a_backup_is_a_home_of_its_own(home: FlowHome, tmp_path: Path) -> None:
    run = _run(home)
    (home.project / "copy").mkdir()
    made = home.json("db", "backup", "copy")
    assert made["path"] == str(home.project / "copy" / "flow.db")
    assert made["bytes"] == Path(made["path"]).stat().st_size
    again = home.flowctl("db", "backup", "copy")
    assert (again.returncode, "overwrites nothing" in again.stderr) == (6, True)
    assert home.flowctl("db", "backup", "no/such/folder").returncode == 2

    home.out("daemon", "stop")
    home.environment["FLOW_HOME"] = str(home.project / "copy")
    assert [row["id"] for row in home.json("history")["runs"]] == [run]
    assert home.out("logs", run).endswith("hello\n")
    assert "bye" in home.out("undo", run)
    home.out("daemon", "stop")


def test_vacuum_says_what_it_gave(home: FlowHome) -> None:
    _run(home)
    done = home.json("db", "vacuum")
    assert done["wal_bytes_before"] > done["wal_bytes_after"] == 0
    assert "database" in home.out("db", "vacuum")
    assert "long outputs" in home.out("stats")
    assert home.json("stats")["event_bytes"] > 0


def test_retention_keeps_the_newest_runs_and_says_so(home: FlowHome) -> None:
    runs = [_run(home) for _ in range(3)]
    home.out("daemon", "stop")
    settings = home.folder / "home" / "config.toml"
    settings.write_text("[retention]\nkeep_runs = 1\n", encoding="utf-8")
    home.json("db", "vacuum")  # the daemon does it at its start, too: who is first does not matter
    assert [row["id"] for row in home.json("history")["runs"]] == runs[2:]
    gone = home.flowctl("show", runs[0])
    assert (gone.returncode, "retention removed 2" in gone.stderr) == (6, True)
    assert "nothing to remove" in home.out("stats")
    assert home.json("db", "check")["damage"] == []


def test_settings_that_make_no_sense_are_refused(home: FlowHome) -> None:
    settings = home.folder / "home" / "config.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[retention]\nkeep_days = 0\n", encoding="utf-8")
    refused = home.flowctl("ps")
    assert (refused.returncode, "retention.keep_days" in refused.stderr) == (8, True)
