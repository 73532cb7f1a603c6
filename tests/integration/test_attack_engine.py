"""The engine under attack: daemons that die at the wrong moment, histories and disks that fail."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from flowd.errors import StoreUnavailable
from support.engines import open_workshop

DEAF = "trap '' TERM; touch begun; while :; do sleep 0.05; done"


@contextmanager
def _locked(database: Path) -> Iterator[None]:
    """Keep others from writing. From another process: SQLite's locks are those of a process."""
    script = (
        "import sqlite3, sys\n"
        "held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "held.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as intruder:
        assert intruder.stdout is not None
        assert intruder.stdout.readline() == b"locked\n"
        yield  # leaving the block closes its stdin


async def test_a_cancellation_outlives_the_daemon_that_accepted_it(tmp_path):
    """The daemon dies after its answer and before the step has ended."""
    async with open_workshop(tmp_path, grace_seconds=30) as shop:
        run = await shop.start({"id": "a", "run": DEAF}, {"id": "b", "run": "touch b"})
        while not (tmp_path / "begun").exists():
            await trio.sleep(0.02)
        await shop.engine.cancel(run)
    async with open_workshop(tmp_path) as shop:
        with trio.fail_after(10):
            assert (await shop.finish(run)).status == "cancelled"
    assert not (tmp_path / "b").exists()


async def test_a_finally_step_that_was_adopted_is_not_cancelled(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start(
            {"id": "a", "run": "sleep 60"},
            {"id": "z", "run": "sleep 0.5; touch tidied", "finally": True},
        )
        await shop.until(run, "step_started a")
        await shop.engine.cancel(run)
        await shop.until(run, "step_started z")
    async with open_workshop(tmp_path) as shop:
        assert (await shop.finish(run)).status == "cancelled"
    assert (tmp_path / "tidied").exists()


async def test_what_the_disk_has_not_taken_is_not_shown(tmp_path):
    """Somebody keeps the database locked while a step ends: its end is no fact yet."""
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "while [ ! -e go ]; do sleep 0.02; done"})
        await shop.until(run, "step_started a")
        with _locked(tmp_path / "flow.db"):
            (tmp_path / "go").touch()
            seen = set()
            with trio.move_on_after(1.0):
                while True:
                    seen.add((await shop.engine.state(run)).status)
                    await trio.sleep(0.005)
            assert seen == {"running"}
            assert "locked" in shop.engine.store_error
        assert (await shop.finish(run)).status == "succeeded"
        assert shop.engine.store_error == ""


async def test_one_damaged_history_harms_no_other_run(tmp_path, caplog):
    """The daemon comes up without that run, and keeps what may still be needed of it."""
    async with open_workshop(tmp_path) as shop:
        damaged = await shop.start({"id": "a", "run": "sleep 60"})
        sound = await shop.start({"id": "a", "run": "sleep 0.5; echo x >> witness"})
        await shop.until(damaged, "step_started a")
        await shop.until(sound, "step_started a")
    database = sqlite3.connect(tmp_path / "flow.db")
    database.execute(
        "UPDATE recent_batches SET events = x'ff00'"
        " WHERE run = (SELECT run FROM streams WHERE id = ?)",
        (damaged,),
    )
    database.commit()
    database.close()
    async with open_workshop(tmp_path) as shop:
        assert damaged in caplog.text
        assert (await shop.finish(sound)).status == "succeeded"
        try:
            await shop.engine.cancel(damaged)
        except StoreUnavailable as error:
            assert damaged in error.message
        else:
            raise AssertionError("a history that cannot be read was steered")
        (kept,) = shop.executor.leftovers()
        assert kept.run == damaged
        await shop.executor.terminate(kept, 0)
    assert (tmp_path / "witness").read_text() == "x\n"
