"""The power fails at any moment: what was promised is there, and nothing is there by halves."""

import random
import shutil
from pathlib import Path

import apsw
import pytest
import trio

from flowd.domain.events import Event
from flowd.errors import Bug, StoreUnavailable
from flowd.store import connection as connection_module
from flowd.store import open_log
from support.histories import run_finished, started, step_finished, step_output, step_started
from support.lossy_disk import Note, Promise, RecordingDisk, after_cut, recording_disk

CUTS = 520
CONTROL_CUTS = 100
RUNS = 12
APPENDS: list[list[Event]] = [
    [started(), step_started("build")],
    [step_output(b"some output\n" * 20), step_finished("build"), step_started("test")],
    [step_output(bytes(range(256)) * 16, "test"), step_finished("test")],
    [run_finished()],
]
BOUNDARIES = [0, 2, 5, 7, 8]
HISTORY = [event for append in APPENDS for event in append]


async def _work(path: Path, disk: RecordingDisk) -> None:
    """Carry runs out, some side by side, and note every promise the log makes."""

    async def carry_out(run: str) -> None:
        version = 0
        for events in APPENDS:
            version = (await log.append(run, version, events))[-1].version
            disk.notes.append(Promise(run, version))

    async with open_log(path) as log:
        for first in range(0, RUNS, 3):
            async with trio.open_nursery() as nursery:
                for number in range(first, first + 3):
                    nursery.start_soon(carry_out, f"run-{number:02}")


async def _record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Note]:
    def checkpoint_often(connection: apsw.Connection) -> None:
        connection.wal_autocheckpoint(20)

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, checkpoint_often])
    with recording_disk() as disk:
        await _work(tmp_path / "flow.db", disk)
    return disk.notes


async def _broken_promises(folder: Path, notes: list[Note]) -> int:
    """Open what a cut left; give how many promises it breaks. Half-written things fail the test."""
    promised = {note.run: note.version for note in notes if isinstance(note, Promise)}
    broken = 0
    async with open_log(folder / "flow.db") as log:
        assert (await log.keeper.check()).damage == []
        versions = {}
        for run in (f"run-{number:02}" for number in range(RUNS)):
            recorded = await log.read(run)
            versions[run] = len(recorded)
            assert versions[run] in BOUNDARIES
            assert [r.event for r in recorded] == HISTORY[: versions[run]]
            broken += versions[run] < promised.get(run, 0)
        live = await log.summaries()
        assert {s.id: s.version for s in live} == {r: v for r, v in versions.items() if v}
        await log.rebuild_projections()
        assert await log.summaries() == live
        [new] = await log.append("run-new", 0, [started()])
        assert new.position == sum(versions.values()) + 1
    return broken


def _cuts(notes: list[Note], count: int, chance: random.Random) -> list[list[Note]]:
    """Moments spread over the whole story, from the first promise on; some come up twice."""
    first = next(n for n, note in enumerate(notes) if isinstance(note, Promise))
    return [notes[:moment] for moment in sorted(chance.choices(range(first, len(notes)), k=count))]


def _put(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)


async def test_a_power_cut_breaks_no_promise_and_leaves_nothing_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await _record(tmp_path, monkeypatch)
    monkeypatch.setattr(
        connection_module, "WRITER_PRAGMAS", ("journal_mode=WAL", "synchronous=OFF")
    )
    chance = random.Random(20)
    for number, until in enumerate(_cuts(notes, CUTS, chance)):
        folder = tmp_path / f"cut-{number}"
        _put(folder, after_cut(until, chance))
        assert await _broken_promises(folder, until) == 0
        shutil.rmtree(folder)


async def test_without_syncing_promises_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: with the syncs left out, the same cuts lose what was promised."""
    unsafe = tuple(
        "synchronous=OFF" if pragma == "synchronous=FULL" else pragma
        for pragma in connection_module.WRITER_PRAGMAS
    )
    assert unsafe != connection_module.WRITER_PRAGMAS
    monkeypatch.setattr(connection_module, "WRITER_PRAGMAS", unsafe)
    notes = await _record(tmp_path, monkeypatch)
    chance = random.Random(20)
    harmed = 0
    for number, until in enumerate(_cuts(notes, CONTROL_CUTS, chance)):
        folder = tmp_path / f"cut-{number}"
        _put(folder, after_cut(until, chance))
        try:
            harmed += bool(await _broken_promises(folder, until))
        except (StoreUnavailable, Bug, AssertionError, BaseExceptionGroup):
            harmed += 1
    assert harmed > CONTROL_CUTS / 4
