"""Steps without an `undo:` whose files are kept before they run, and put back."""

import os
from pathlib import Path
from typing import Any

import pytest
import trio

from flowd.errors import Conflict
from flowproto import check, methods
from support.engines import open_workshop
from support.real_daemon import real_daemon
from support.saving import picture
from support.stories import tell

YES = {"approve": True}
FAILS = {"id": "fails", "run": "exit 1"}


@pytest.fixture
async def shop(tmp_path):
    async with open_workshop(tmp_path) as workshop:
        yield workshop


async def start(shop, *steps, **more):
    """Start what a person has agreed to."""
    return await shop.start(*steps, request=YES, **more)


async def carry_out(shop, *steps, **more):
    """Carry out what a person has agreed to."""
    return await shop.carry_out(*steps, request=YES, **more)


def lay_out(folder: Path) -> dict[str, Any]:
    """A small project; give what it is."""
    (folder / "w/build/deep").mkdir(parents=True)
    (folder / "w/build/deep/one").write_text("1")
    (folder / "w/build/two").write_text("2")
    (folder / "w/a").write_text("content of a")
    (folder / "w/f").write_text("old f")
    (folder / "w/x.txt").write_text("some text\n")
    (folder / "w/link").symlink_to("f")
    (folder / "w/tool").write_text("#!/bin/sh\n")
    (folder / "w/tool").chmod(0o755)
    return picture(folder / "w")


SCRIPTS = [
    "rm -rf build",
    "sed -i s/some/other/ x.txt",
    "sed -i.bak s/some/other/ x.txt",
    "echo new > f",
    "echo more > link",
    "mv a b",
    "mv a build",
    "mv build other\nrm other/two",
    "cp a f",
    "cp -r build copy; cp a build/",
    "touch fresh x.txt; mkdir -p p/q/r; echo 1 > p/q/r/s",
    "chmod 600 tool; ln -sf a link; truncate -s 0 a",
    "rm -f *.txt b*/t*; rm link",
    "gzip a",
    "echo x | tee f a > /dev/null",
    "cd build\nrm two\nmv deep ..",
    "rm -rf build; mkdir build; echo 3 > build/three",
    "mkdir new; touch new/z; rm -rf build; mv new build",
]


@pytest.mark.parametrize("script", SCRIPTS)
async def test_after_a_failure_what_a_step_changed_is_put_back_when_asked_for(shop, script):
    before = lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": script, "cwd": "w"}, FAILS)
    assert state.status == "failed"
    assert picture(shop.folder / "w") != before
    await shop.engine.undo(state.run)
    state = await shop.finish(state.run)
    assert state.status == "compensated", await shop.output(state.run, "stderr")
    assert picture(shop.folder / "w") == before


async def test_a_rollback_does_what_the_author_said_and_leaves_the_rest_to_a_person(shop):
    before = lay_out(shop.folder)
    state = await carry_out(
        shop,
        {"id": "a", "run": "rm w/f"},
        {"id": "b", "run": "echo b > w/b", "undo": "rm w/b"},
        FAILS,
    )
    assert state.status == "compensated"
    assert [name in picture(shop.folder / "w") for name in ("b", "f")] == [False, False]
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensated"
    assert picture(shop.folder / "w") == before
    with pytest.raises(Conflict, match="nothing left to undo"):
        await shop.engine.undo(state.run)


async def test_a_run_that_failed_is_gone_on_with_from_what_is_there(shop):
    """Saving must not take `retry` away."""
    lay_out(shop.folder)
    state = await carry_out(
        shop,
        {"id": "a", "run": "mkdir w/once; echo 1 > w/once/a"},
        {"id": "b", "run": "test -e go"},
    )
    assert state.status == "failed"
    (shop.folder / "go").touch()
    await shop.engine.retry(state.run)
    assert (await shop.finish(state.run)).status == "succeeded"


@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_finished_run_is_undone(shop, script):
    before = lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": script, "cwd": "w"})
    assert state.status == "succeeded"
    assert picture(shop.folder / "w") != before
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensated"
    assert picture(shop.folder / "w") == before


async def test_what_the_user_did_after_the_step_is_kept_aside(shop):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "echo new > f; rm -rf build", "cwd": "w"})
    (shop.folder / "w/f").write_text("the user's own work")
    (shop.folder / "w/build").mkdir()
    (shop.folder / "w/build/mine").write_text("mine")
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensated"
    assert (shop.folder / "w/f").read_text() == "old f"
    assert {path.name for path in (shop.folder / "w/build").iterdir()} == {"deep", "two"}
    aside = shop.folder / f"saved/{state.run}.a.1/replaced{shop.folder}/w"
    assert (aside / "f").read_text() == "the user's own work"
    assert (aside / "build/mine").read_text() == "mine"
    assert f"{shop.folder}/w/f, what was there is kept as {aside}/f" in await shop.output(state.run)


async def test_what_was_saved_is_recorded_before_the_process_exists(shop):
    lay_out(shop.folder)
    run = await start(shop, {"id": "a", "run": "rm a", "cwd": "w"})
    await shop.finish(run)
    told = [tell(item.event) for item in await shop.history(run)]
    assert told[1:3] == ["step_started a 1", "files_saved a 1"]


@pytest.mark.parametrize(
    "script", ["true", "cat f", "make --version > /dev/null; rm f", "mkdir -p build"]
)
async def test_a_step_that_has_nothing_to_keep_pays_nothing(shop, script):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": script, "cwd": "w"})
    told = [tell(item.event).split()[0] for item in await shop.history(state.run)]
    assert "files_saved" not in told
    assert not (shop.folder / "saved").exists()


async def test_a_step_with_its_own_undo_is_not_saved(shop):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "rm w/f", "undo": "echo mine > w/f"}, FAILS)
    assert state.status == "compensated"
    assert (shop.folder / "w/f").read_text() == "mine\n"
    assert state.steps["a"].saved_files == 0


async def test_a_step_that_failed_half_way_is_put_back_too(shop):
    before = lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "rm -r build\ncat nothing > f", "cwd": "w"})
    assert state.status == "failed"
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensated"
    assert picture(shop.folder / "w") == before


async def test_only_the_first_attempt_saves(shop):
    before = lay_out(shop.folder)
    state = await carry_out(shop,
        {"id": "a", "run": "mv a b || mv b a\n[ -e done ]", "cwd": "w",
         "retry": {"attempts": 3, "delay": 0}},
    )  # fmt: skip
    assert state.status == "failed"
    await shop.engine.undo(state.run)
    state = await shop.finish(state.run)
    assert len([row for row in state.steps["a"].attempts if row.kind == "run"]) == 3
    assert state.steps["a"].saved_attempt == 1
    assert picture(shop.folder / "w") == before


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"saved_bytes_per_step": 3}, "more than 3 bytes"),
        ({"saved_files_per_step": 2}, "more than 2 files"),
    ],
)
async def test_what_cannot_be_saved_runs_and_says_that_it_cannot_be_undone(
    tmp_path, settings, reason
):
    async with open_workshop(tmp_path, **settings) as shop:
        lay_out(shop.folder)
        state = await carry_out(shop, {"id": "a", "run": "rm -rf build f", "cwd": "w"})
        assert state.status == "succeeded"
        assert not (shop.folder / "w/build").exists()
        saved = (await shop.history(state.run))[2].event
        assert saved.files == 0
        assert reason in saved.reason
        with pytest.raises(Conflict, match="no undo: a"):
            await shop.engine.undo(state.run)
        assert not list((shop.folder / "saved").glob("*"))


async def test_switched_off_it_saves_nothing_and_says_nothing(tmp_path):
    async with open_workshop(tmp_path, saved_bytes_per_step=0) as shop:
        lay_out(shop.folder)
        state = await carry_out(shop, {"id": "a", "run": "rm w/f"}, FAILS)
        assert state.status == "failed"
        assert "files_saved" not in " ".join(tell(i.event) for i in await shop.history(state.run))


async def test_a_socket_in_a_folder_is_not_promised_to_come_back(shop):
    lay_out(shop.folder)
    os.mkfifo(shop.folder / "w/build/pipe")
    state = await carry_out(shop, {"id": "a", "run": "rm -rf w/build"})
    saved = (await shop.history(state.run))[2].event
    assert (saved.files, "pipe is no ordinary file" in saved.reason) == (0, True)


async def test_a_path_that_only_the_run_knows_is_said_not_to_be_saved(shop):
    lay_out(shop.folder)
    for which, outcome in (("build", (1, "")), ("?", (0, "the folder is known only when it runs"))):
        state = await carry_out(
            shop,
            {"id": "a", "run": 'cd "$which"; rm two', "cwd": "w"},
            env={"which": which},
        )
        saved = next(
            item.event
            for item in await shop.history(state.run)
            if type(item.event).__name__ == "FilesSaved"
        )
        assert (saved.files, saved.reason) == outcome


async def test_an_undo_whose_files_are_gone_fails_and_says_why(shop):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "rm w/f"})
    for path in (shop.folder / f"saved/{state.run}.a.1").iterdir():
        if path.is_file():
            path.unlink()
    await shop.engine.undo(state.run)
    state = await shop.finish(state.run)
    assert state.status == "compensation_failed"
    assert "the files saved before step a are gone" in state.steps["a"].reason


async def test_a_lost_content_changes_nothing_and_says_so(shop):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "rm w/f; echo x > w/a"})
    for path in (shop.folder / f"saved/{state.run}.a.1/files").iterdir():
        path.unlink()
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensation_failed"
    assert "nothing was changed" in await shop.output(state.run, "stderr")
    assert (shop.folder / "w/a").read_text() == "x\n"


async def test_what_was_saved_for_an_undone_run_is_removed(shop):
    lay_out(shop.folder)
    state = await carry_out(shop, {"id": "a", "run": "rm w/f"})
    await shop.engine.undo(state.run)
    state = await shop.finish(state.run)
    with trio.fail_after(10):
        while list((shop.folder / "saved").iterdir()):  # in the background, and nobody is told
            await trio.sleep(0.01)
    assert state.status == "compensated"


async def test_git_clean_and_restore(shop):
    folder = shop.folder / "w"
    lay_out(shop.folder)
    setup = (
        "git init -q; git add f a; git -c user.name=a -c user.email=a@b commit -qm x; echo mine > f"
    )
    await carry_out(shop, {"id": "a", "run": setup, "cwd": "w"})
    before = {name: it for name, it in picture(folder).items() if not name.startswith(".git")}
    script = "git clean -fdq; git checkout -- f a"
    state = await carry_out(shop, {"id": "a", "run": script, "cwd": "w"})
    assert state.status == "succeeded"
    assert {path.name for path in folder.iterdir()} == {".git", "a", "f"}
    await shop.engine.undo(state.run)
    assert (await shop.finish(state.run)).status == "compensated"
    assert {
        name: it for name, it in picture(folder).items() if not name.startswith(".git")
    } == before


async def test_saving_stops_nobody_else(shop):
    """A hundred megabytes are copied in a thread; a run beside it is done meanwhile."""
    lay_out(shop.folder)
    with (shop.folder / "big").open("wb") as big:
        big.truncate(100_000_000)
    run = await start(shop, {"id": "a", "run": "truncate -s 0 big"})
    beside = await carry_out(shop, {"id": "a", "run": "true"})
    assert beside.status == "succeeded"
    assert (await shop.finish(run)).steps["a"].saved_files == 1


def test_nothing_is_promised_where_files_are_not_kept(tmp_path):
    """The preview says what this daemon, with its settings, will really do."""
    text = "flow: 1\nname: w\nsteps:\n  - {id: a, run: rm -f old.txt}\n"
    said = []
    for settings in ("", "[engine]\nsaved_bytes_per_step = 0\n"):
        (tmp_path / "config.toml").write_text(settings)
        with real_daemon(tmp_path) as daemon, daemon.client() as client:
            checked = client.call(methods.CHECK, check.CheckParams(text=text, cwd=str(tmp_path)))
            said.append(checked.steps[0].reversibility)
    assert said == ["saved", "irreversible"]
