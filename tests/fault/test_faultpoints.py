"""SIGKILL of the real daemon at every named fault point: nothing is lost, nothing runs twice."""

import re
import signal
import sqlite3
from pathlib import Path

import pytest

import flowd
from flowd import faultpoints
from flowd.errors import InvalidInput
from support.fault_client import LoadClient
from support.fault_deaths import die_at
from support.fault_verdict import judge
from support.mixed_load import prepare
from support.raw_client import eventually, over_socket
from support.real_daemon import RealDaemon, real_daemon

Life = tuple[str, tuple[str, ...]]
"""Where a daemon dies, and the kinds of runs that are started for it to get there."""

MIXED = ("sequence", "failing", "items")
SLOW = ("parallel", "cancelled", "marked check")
# Each daemon has to do with what the one before it left.
LIVES: dict[str, tuple[Life, ...]] = {
    "starting": (
        ("migration.written:3", ()),
        ("daemon.locked", ()),
        ("append.written", MIXED),
        ("append.committed", ()),
        ("run.recorded:2", ()),
        ("attempt.prepared:3", ()),
    ),
    "attempts": (
        ("attempt.ordering:3", MIXED),
        ("attempt.refusing", ()),
        ("attempt.ordered:3", MIXED),
        ("recovery.read", ()),
        ("attempt.told:5", MIXED),
        ("attempt.reporting:4", ()),
        ("recovery.swept", ()),
        ("attempt.reported:5", MIXED),
    ),
    "slow steps": (
        ("attempt.ordered:4", SLOW),
        ("recovery.woken", ()),
        ("append.written:3", ("parallel",)),
        ("cancel.recorded", SLOW),  # so that there is a run to be woken
        ("recovery.woken", ()),
    ),
    "requests": (
        ("request.recorded", ("undone",)),
        ("request.recorded", ("approval",)),
        ("request.recorded", ("retried",)),
        ("cancel.recorded", ("cancelled", "parallel")),
        ("attempt.overdue", ("overdue",)),
        ("output.recorded", ("talks",)),
    ),
    "rollbacks": (
        ("items.recorded", ("items",)),
        ("retry.recorded", ("retries",)),
        ("retry.recorded", ("failing",)),
        ("compensation.recorded:3", ("failing",)),
        ("attempt.ordering:4", ("undone",)),
        ("attempt.ordered:4", ("undone",)),
        ("attempt.told:4", ("undone",)),
        ("attempt.reported:4", ("undone",)),
        ("finish.recorded:2", ("undone", "sequence")),
    ),
    "files": (
        ("files.copied:2", ("saved",)),
        ("files.saved", ()),
        ("files.recorded", ("saved",)),
        ("files.forgetting", ()),
        ("artifacts.copied", ("artifacts",)),
        ("artifacts.kept", ()),
        ("artifacts.recorded", ()),
    ),
}
KEEPING = {
    "artifacts.dropping",
    "retention.removed",
    "vacuum.packed",
    "vacuum.returned",
    "backup.copied",
    "backup.named",
}


def new_load(home: Path, kinds: tuple[str, ...]) -> LoadClient:
    prepare(home)
    return LoadClient(home, iter(kinds))


@pytest.mark.parametrize("name", LIVES)
def test_daemons_killed_at_fault_points_keep_their_word(tmp_path: Path, name: str):
    load = new_load(tmp_path, tuple(kind for _, kinds in LIVES[name] for kind in kinds))
    daemon = RealDaemon(tmp_path)
    runs = 0
    for fault, kinds in LIVES[name]:
        runs += len(kinds)
        die_at(fault, daemon, load, runs=runs)
    with real_daemon(tmp_path):  # which has no fault
        load.settle(daemon.socket, runs=runs)
        verdict = judge(load, daemon.socket)
    assert verdict.violations == []
    assert verdict.runs == runs
    assert verdict.attempts > runs


def test_every_point_has_its_test_and_its_place():
    tested = {fault.partition(":")[0] for lives in LIVES.values() for fault, _ in lives}
    assert tested | KEEPING == faultpoints.POINTS.keys()
    package = Path(flowd.__file__).parent
    reached = re.findall(
        r'"((?:\w+)\.(?:\w+))"',
        "\n".join(
            line
            for path in package.rglob("*.py")
            if path.name != "faultpoints.py"
            for line in path.read_text().splitlines()
            if "faultpoints.reach(" in line or line.lstrip().startswith("e.")
        ),
    )
    assert sorted(set(reached)) == sorted(faultpoints.POINTS)
    assert len(reached) == len(set(reached)), "one name is one place"


@pytest.mark.parametrize("point", ["backup.copied", "backup.named"])
def test_a_daemon_killed_while_it_makes_a_backup(tmp_path: Path, point: str):
    load = new_load(tmp_path, MIXED)
    daemon = RealDaemon(tmp_path)
    target = tmp_path / "copy.db"

    def back_up(path: Path) -> None:
        with over_socket(daemon.socket) as client:
            client.call("flow/db/backup", {"path": str(path)})

    die_at(point, daemon, load, runs=len(MIXED), at_rest=lambda: back_up(target))
    if point == "backup.named":
        database = sqlite3.connect(target)
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    else:
        assert not target.exists()
    with real_daemon(tmp_path):
        target.unlink(missing_ok=True)
        back_up(target)
        assert judge(load, daemon.socket).violations == []
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]


@pytest.mark.parametrize("point", ["vacuum.packed", "vacuum.returned"])
def test_a_daemon_killed_while_it_tidies_up(tmp_path: Path, point: str):
    load = new_load(tmp_path, MIXED)
    daemon = RealDaemon(tmp_path)

    def vacuum() -> None:
        with over_socket(daemon.socket) as client:
            client.call("flow/db/vacuum")

    die_at(point, daemon, load, runs=len(MIXED), at_rest=vacuum)
    with real_daemon(tmp_path):
        vacuum()
        assert judge(load, daemon.socket).violations == []


@pytest.mark.parametrize("point", ["retention.removed", "artifacts.dropping"])
def test_a_daemon_killed_while_it_removes_what_is_not_to_be_kept(tmp_path: Path, point: str):
    load = new_load(tmp_path, 6 * ("artifacts",))
    with real_daemon(tmp_path) as daemon:
        load.settle(daemon.socket, runs=6)
    (tmp_path / "config.toml").write_text("[retention]\nkeep_runs = 2\n")
    die_at(point, daemon, load, runs=6)
    removed = tuple(each.run for each in load.followed[:4])
    kept = sorted(each.run for each in load.followed[4:])
    with real_daemon(tmp_path):
        eventually(
            lambda: sorted(path.name for path in (tmp_path / "artifacts").iterdir()) == kept,
            "artifacts are not dropped",
        )
        verdict = judge(load, daemon.socket, removed=removed)
        with over_socket(daemon.socket) as client:
            assert sorted(row["id"] for row in client.call("flow/list")["runs"]) == kept
    assert verdict.violations == []
    database = sqlite3.connect(tmp_path / "flow.db")
    assert database.execute("SELECT count(*) FROM documents").fetchone()[0] <= 3
    database.close()


def test_an_unknown_point_is_refused_with_the_cure(tmp_path: Path):
    daemon = RealDaemon(tmp_path)
    assert daemon.spawn(FLOW_FAULTPOINT="append.comitted").wait(30) == 2
    assert "append.comitted" in daemon.log()
    assert "unset FLOW_FAULTPOINT" in daemon.log()
    for words in ("append.committed:0", "append.committed:x", ":1"):
        with pytest.raises(InvalidInput):
            faultpoints.arm({faultpoints.VARIABLE: words})


def test_steps_are_not_given_the_fault(tmp_path: Path):
    """What a step starts, another daemon among it, must not die with this one."""
    daemon = RealDaemon(tmp_path)
    process = daemon.spawn(FLOW_FAULTPOINT="vacuum.packed")
    eventually(daemon.socket.exists, "it serves")
    with over_socket(daemon.socket) as client:
        client.folder = str(tmp_path)
        run = client.start({"id": "a", "run": "env"})
        client.finished(run)
        assert "FLOW_RUN=" in client.output(run)
        assert faultpoints.VARIABLE not in client.output(run)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
