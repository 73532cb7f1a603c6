"""Keeping files: what is refused, how much, for how long."""

import os
import re
import threading
from functools import partial

import pytest
import trio
import trio.testing

from flowd.config import EngineConfig
from flowd.domain.files import Touch
from flowd.domain.ports import AttemptKey
from flowd.errors import SpawnFailed
from flowd.exec.patterns import expand
from flowd.exec.preimages import SECONDS_A_DAY, SavedFiles
from support.saving import picture, put_back

KEY = AttemptKey("run", "a", "run", 1)


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "w"
    folder.mkdir()
    for name in ("a", "b.t", ".hidden.t", "[x]"):
        (folder / name).write_text(name)
    return folder


def saver(tmp_path, **settings):
    return SavedFiles(tmp_path / "saved", EngineConfig(**settings))


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a", ["a"]),
        ("*", ["[x]", "a", "b.t"]),
        ("*.t", ["b.t"]),
        ("?", ["a"]),
        (".h*", [".hidden.t"]),
        ("[x]", ["[x]"]),
        ("[a-b]*", ["a", "b.t"]),
        ("[!a]*", ["[x]", "b.t"]),
        ("nothing*", ["nothing*"]),
        ("../w/?", ["a"]),
    ],
)
def test_patterns_mean_what_they_mean_to_the_shell(work, pattern, found):
    seen = expand(f"{work}/{pattern}")
    assert sorted(os.path.relpath(os.path.normpath(path), work) for path in seen) == found


async def test_a_file_that_is_only_removed_is_kept_by_a_link(tmp_path, work):
    saved = await saver(tmp_path).save(KEY, [Touch(f"{work}/a", "deleted")])
    assert (saved.files, saved.bytes) == (1, 1)
    assert (work / "a").stat().st_nlink == 2


@pytest.mark.parametrize("how", ["moved_away", "written"])
async def test_a_file_that_lives_on_is_copied(tmp_path, work, how):
    touches = [Touch(f"{work}/a", "deleted"), Touch(f"{work}/a", how)]
    assert (await saver(tmp_path).save(KEY, touches)).files == 1
    assert (work / "a").stat().st_nlink == 1


async def test_a_file_of_several_names_keeps_them(tmp_path, work):
    (work / "other").hardlink_to(work / "a")
    before = picture(work)
    await saver(tmp_path).save(KEY, [Touch(f"{work}/a", "written")])
    (work / "a").write_text("changed")
    put_back(tmp_path / "saved/run.a.1")
    assert picture(work) == before
    assert (work / "a").samefile(work / "other")


@pytest.mark.parametrize(
    ("touch", "reason"),
    [
        (Touch("{tmp}/saved/x", "deleted"), "belongs to Flow itself"),
        (Touch("{tmp}", "deleted"), "belongs to Flow itself"),
        (Touch("{tmp}/w", "deleted"), "no ordinary file"),
        (Touch("{tmp}/w", "written", ask=("ls-files", "-z")), "git does not say"),
        pytest.param(
            Touch("/proc/sys/kernel/hostname", "written"),
            "could not be put back|cannot be kept",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere"),
        ),
    ],
)
async def test_what_is_not_kept_and_why(tmp_path, work, touch, reason):
    os.mkfifo(work / "pipe")
    (tmp_path / "saved").mkdir()
    made = Touch(touch.path.format(tmp=tmp_path), touch.how, ask=touch.ask)
    saved = await saver(tmp_path).save(KEY, [made])
    assert saved.files == 0
    assert re.search(reason, saved.reason)
    assert list((tmp_path / "saved").iterdir()) == []


async def test_a_link_the_script_makes_is_followed_by_nobody(tmp_path, work):
    touches = [Touch(f"{work}/n", "linked", "/etc"), Touch(f"{work}/n/passwd", "written")]
    assert "leads through a link" in (await saver(tmp_path).save(KEY, touches)).reason


async def test_a_save_that_is_called_off_leaves_nothing(tmp_path, work):
    with (work / "big").open("wb") as big:
        big.truncate(200_000_000)
    with trio.move_on_after(0):
        await saver(tmp_path).save(KEY, [Touch(f"{work}/big", "written")])
    with trio.fail_after(20):
        while list((tmp_path / "saved").glob("*")):  # the thread ends soon, and tells nobody
            await trio.sleep(0.01)


async def test_old_and_undone_go_live_ones_stay(tmp_path, work):
    files = saver(tmp_path, saved_days=3)
    for run in ("new", "old", "live", "undone"):
        await files.save(AttemptKey(run, "a", "run", 1), [Touch(f"{work}/a", "written")])
    for run in ("old", "live"):
        long_ago = (tmp_path / "saved").stat().st_mtime - 4 * SECONDS_A_DAY
        os.utime(tmp_path / f"saved/{run}.a.1", (long_ago, long_ago))
    await files.sweep(live={"live"}, undone={"undone"})
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"new.a.1", "live.a.1"}
    assert files.restoring("new", "a", 1).startswith("exec ")
    with pytest.raises(SpawnFailed, match="are gone"):
        files.restoring("old", "a", 1)


async def test_what_is_saved_while_others_are_swept_stays(tmp_path, work, monkeypatch):
    """Also when it seems older than the sweep, as the kernel's coarse clock makes it."""
    files = saver(tmp_path, saved_days=3)
    await files.save(KEY, [Touch(f"{work}/a", "written")])
    saved = threading.Event()
    scandir = os.scandir

    def slow(path):
        if path == str(tmp_path / "saved"):
            saved.wait(20)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", slow)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(files.sweep, live=(), undone={"run", "next"}))
        await trio.testing.wait_all_tasks_blocked()
        await files.save(AttemptKey("next", "a", "run", 1), [Touch(f"{work}/a", "written")])
        long_ago = (tmp_path / "saved").stat().st_mtime - 4 * SECONDS_A_DAY
        os.utime(tmp_path / "saved/next.a.1", (long_ago, long_ago))
        saved.set()
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["next.a.1"]
    await files.sweep(live=())
    assert list((tmp_path / "saved").iterdir()) == []


async def test_the_oldest_go_when_there_is_no_room(tmp_path, work):
    files = saver(tmp_path, saved_bytes_total=2)
    for age, run in enumerate(("newest", "middle", "oldest")):
        await files.save(AttemptKey(run, "a", "run", 1), [Touch(f"{work}/a", "written")])
        at = (tmp_path / "saved").stat().st_mtime - 60 * (age + 1)
        os.utime(tmp_path / f"saved/{run}.a.1", (at, at))
    await files.sweep(live=())
    assert {path.name for path in (tmp_path / "saved").iterdir()} == {"newest.a.1", "middle.a.1"}


async def test_what_was_put_aside_stays_when_the_run_was_undone(tmp_path, work):
    files = saver(tmp_path)
    await files.save(KEY, [Touch(f"{work}/a", "written")])
    (work / "a").write_text("mine")
    put_back(tmp_path / "saved/run.a.1")
    await files.sweep(live=(), undone={"run"})
    [left] = (tmp_path / "saved/run.a.1").iterdir()
    assert left.name == "replaced"
