"""Folders of attempts: complete when they appear, used again without a trace of the last one."""

import os
import shutil
from pathlib import Path

import pytest

from flowd.domain.ports import AttemptKey
from flowd.errors import Bug
from flowd.exec.folders import HOLDER_LOG, MOST_SPARES, PROMISES, SPARE, Folders, boot_id
from support.attempts import key_of


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "steps")


def names(folder: str | Path) -> list[str]:
    return [path.name for path in Path(folder).iterdir()]


def contents(folders: Folders, key: AttemptKey) -> dict[str, str]:
    return {path.name: path.read_text() for path in Path(folders.of(key)).iterdir()}


def test_a_new_attempt(folders):
    folders.make(key_of(), script="true\n", stdin="yes\n")
    assert contents(folders, key_of()) == {"script": "true\n", "stdin": "yes\n", "record": "\n"}
    assert folders.exists(key_of())
    assert folders.leftovers() == [key_of()]


def test_an_item_of_a_step_is_found_again(folders):
    keys = [AttemptKey("run1", step, "run", 2) for step in ("each.3", "each.31")]
    for key in keys:
        folders.make(key, script="true\n", stdin=None)
    assert folders.leftovers() == keys


@pytest.mark.parametrize("step", ["a.b", "a.1.2", "a.", ".1", "../a", "a.-1"])
def test_no_other_name_makes_a_folder(folders, step):
    with pytest.raises(Bug):
        folders.make(AttemptKey("run1", step, "run", 1), script="", stdin=None)


def test_only_the_user_can_look(folders, tmp_path):
    folders.make(key_of(), script="true\n", stdin="yes\n")
    steps = tmp_path / "steps"
    modes = {path.stat().st_mode & 0o77 for path in steps.rglob("*")}
    assert modes == {0}


def test_an_attempt_leaves_nothing_to_the_next_that_uses_its_folder(folders):
    folders.make(key_of(attempt=1), script="the longer script\n", stdin="secret\n")
    old = Path(folders.of(key_of(attempt=1)))
    inode = (old / "script").stat().st_ino
    for name in ("stdout", "stderr", "output", "more"):
        (old / name).write_text("secret")
    (old / "record").write_text("\nclaim 1 2\npid 3 4\nend 0 0 0\n")
    (old / "sub").mkdir()
    (old / "sub" / "file").touch()
    (old / "link").symlink_to(old / "sub")
    folders.forget(key_of(attempt=1))
    assert not old.exists()
    folders.make(key_of(attempt=2), script="short\n", stdin=None)
    assert contents(folders, key_of(attempt=2)) == {"script": "short\n", "record": "\n"}
    assert (Path(folders.of(key_of(attempt=2))) / "script").stat().st_ino == inode


@pytest.mark.parametrize("name", ["script", "record", "stdout", "stderr"])
@pytest.mark.parametrize("mode", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND])
def test_a_file_that_somebody_has_open_is_not_used_again(folders, name, mode):
    folders.make(key_of(attempt=1), script="true\n", stdin=None)
    path = Path(folders.of(key_of(attempt=1)), name)
    path.touch()
    held = os.open(path, mode)
    try:
        folders.forget(key_of(attempt=1))
        folders.make(key_of(attempt=2), script="true\n", stdin=None)
        now = Path(folders.of(key_of(attempt=2)), name)
        assert not now.exists() or now.stat().st_ino != os.fstat(held).st_ino
    finally:
        os.close(held)


def test_only_so_many_folders_are_kept_for_later(folders):
    keys = [key_of(attempt=n) for n in range(MOST_SPARES + 5)]
    for key in keys:
        folders.make(key, script="true\n", stdin=None)
    for key in keys:
        folders.forget(key)
    assert len(names(folders.this_boot)) == MOST_SPARES
    assert folders.leftovers() == []


def test_a_big_script_is_not_kept(folders):
    folders.make(key_of(attempt=1), script="x" * 1_000_000, stdin=None)
    folders.forget(key_of(attempt=1))
    assert sum(path.stat().st_size for path in Path(folders.this_boot).rglob("*/script")) == 0


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", "", "a.b", "a b", "a\nb"])
def test_names_that_are_none(folders, name):
    for key in (AttemptKey(name, "step", "run", 1), AttemptKey("run", name, "run", 1)):
        with pytest.raises(Bug):
            folders.make(key, script="true\n", stdin=None)
    assert folders.leftovers() == []


def test_an_attempt_that_is_laid_out_already(folders):
    folders.make(key_of(), script="first\n", stdin=None)
    with pytest.raises(OSError, match="not empty"):
        folders.make(key_of(), script="second\n", stdin=None)
    assert contents(folders, key_of())["script"] == "first\n"
    assert names(folders.this_boot) == [Path(folders.of(key_of())).name]


def test_a_promise_is_kept_when_it_is_an_attempts_turn(folders, tmp_path):
    folders.make_or_promise(key_of(), script="true\n", stdin=None)
    assert folders.is_promised(key_of())
    assert folders.exists(key_of())
    assert not Path(folders.of(key_of())).exists()
    with pytest.raises(FileExistsError):
        folders.make_or_promise(key_of(), script="true\n", stdin=None)
    after = Folders(tmp_path / "steps")  # the next daemon's
    assert after.leftovers() == [key_of()]
    assert after.is_promised(key_of())
    after.make(key_of(), script="true\n", stdin=None)
    assert not after.is_promised(key_of())
    assert contents(after, key_of()) == {"script": "true\n", "record": "\n"}
    with pytest.raises(FileExistsError):
        after.make_or_promise(key_of(), script="true\n", stdin=None)
    after.forget(key_of())
    assert [name for name in names(after.this_boot) if name.startswith(SPARE)]
    assert after.leftovers() == []


def test_a_promise_that_was_kept_counts_for_nothing(folders, tmp_path):
    """The daemon was killed between the folder and the end of the promise."""
    folders.make_or_promise(key_of(), script="true\n", stdin=None)
    promises = Path(folders.this_boot, PROMISES)
    as_it_was = promises.read_bytes()
    folders.make(key_of(), script="true\n", stdin=None)
    promises.write_bytes(as_it_was)
    after = Folders(tmp_path / "steps")
    assert not after.is_promised(key_of())
    assert after.leftovers() == [key_of()]
    after.forget(key_of())
    assert Folders(tmp_path / "steps").leftovers() == []


def test_a_promise_can_be_taken_back(folders):
    folders.make_or_promise(key_of(), script="true\n", stdin=None)
    folders.forget(key_of())
    assert folders.leftovers() == []
    assert not folders.exists(key_of())


def test_folders_that_are_there_go_to_those_whose_turn_it_is(folders):
    folders.make(key_of("ended"), script="true\n", stdin=None)
    folders.forget(key_of("ended"))
    folders.make_or_promise(key_of("alone"), script="true\n", stdin=None)
    assert not folders.is_promised(key_of("alone"))
    folders.make_or_promise(key_of("waits"), script="true\n", stdin=None)
    folders.forget(key_of("alone"))
    folders.make_or_promise(key_of("behind"), script="true\n", stdin=None)
    assert folders.is_promised(key_of("behind"))


def test_where_nothing_can_be_promised_the_folder_is_made_at_once(folders):
    Path(folders.this_boot, PROMISES).mkdir()
    folders.make_or_promise(key_of(), script="true\n", stdin=None)
    assert Path(folders.of(key_of())).exists()
    assert folders.leftovers() == [key_of()]


def test_promises_outlive_the_removal_of_all_folders(folders, tmp_path):
    for run in ("run1", "run2"):
        folders.make_or_promise(key_of(run), script="true\n", stdin=None)
    shutil.rmtree(folders.this_boot)
    folders.make(key_of("run1"), script="true\n", stdin=None)
    after = Folders(tmp_path / "steps")
    assert after.leftovers() == [key_of("run1"), key_of("run2")]
    assert after.is_promised(key_of("run2"))


def test_spares_of_an_earlier_daemon_are_removed(folders, tmp_path):
    folders.make(key_of(), script="true\n", stdin=None)
    folders.forget(key_of())
    assert len(names(folders.this_boot)) == 1
    Folders(tmp_path / "steps")
    assert names(folders.this_boot) == []


def test_other_things_in_the_folder_are_no_attempts(folders):
    for name in ("README", "a.b.run.1.txt", "a.b.walk.1", "a.b.run.x", "holder.log"):
        Path(folders.this_boot, name).touch()
    assert folders.leftovers() == []


def test_an_earlier_boot_is_found_and_removed_with_its_last_attempt(tmp_path):
    steps = tmp_path / "steps"
    before = Folders(steps)
    for attempt in (1, 2):
        before.make(key_of(attempt=attempt), script="true\n", stdin=None)
    Path(before.of(key_of(attempt=1)), "stdout").write_text("before")
    Path(before.this_boot, HOLDER_LOG).touch()
    (steps / boot_id()).rename(steps / "an-earlier-boot")
    (steps / "an-empty-boot").mkdir()

    folders = Folders(steps)
    assert sorted(names(steps)) == sorted([boot_id(), "an-earlier-boot"])
    assert folders.leftovers() == [key_of(attempt=1), key_of(attempt=2)]
    assert not folders.exists(key_of(attempt=1))
    assert folders.in_earlier_boot(key_of(attempt=3)) is None
    assert folders.read(key_of(attempt=1), "stdout", 2, 3) == b"for"
    assert folders.size(key_of(attempt=1), "stdout") == 6
    folders.forget(key_of(attempt=1))
    assert folders.leftovers() == [key_of(attempt=2)]
    folders.forget(key_of(attempt=2))
    assert names(steps) == [boot_id()]


def test_forgetting_never_raises(folders, caplog):
    folders.make(key_of(), script="true\n", stdin=None)
    path = Path(folders.this_boot)
    path.rename(path.with_name("moved"))
    path.touch()  # not a folder any more
    folders.forget(key_of())
    assert "could not be removed" in caplog.text
