"""Kept files when the daemon, the restorer or the disk fails."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowd.config import EngineConfig
from flowd.domain.files import Touch
from flowd.domain.ports import AttemptKey
from flowd.exec import restore
from flowd.exec.preimages import SavedFiles
from flowproto import methods, runs
from support.doomed_engine import die_before_the_process
from support.engines import open_workshop
from support.real_daemon import RealDaemon, real_daemon
from support.saving import keep, picture, put_back, run_bash
from support.stories import tell

MANY = 1500


def _lay_out(folder: Path) -> None:
    (folder / "build/deep").mkdir(parents=True)
    for name in ("build/one", "build/deep/two", "f", "g"):
        (folder / name).write_text(f"old {name}")
    (folder / "link").symlink_to("f")


async def test_a_daemon_killed_after_the_record_and_before_the_process(tmp_path):
    """What was kept is believed, the step runs once, and its undo restores the true original."""
    _lay_out(tmp_path / "w")
    before = picture(tmp_path / "w")
    die_before_the_process(tmp_path, "cd w\nrm -r build\necho x > f\nmkdir ../witness")
    assert picture(tmp_path / "w") == before
    async with open_workshop(tmp_path) as shop:
        [summary] = await shop.log.summaries()
        state = await shop.finish(summary.id)
        assert state.status == "succeeded"
        told = [tell(item.event) for item in await shop.history(summary.id)]
        assert told[1:5] == [
            "step_started a 1",
            "files_saved a 6",
            "attempt_withdrawn a run 1",
            "step_started a 2",
        ]
        assert [line.split()[0] for line in told].count("files_saved") == 1
        assert (tmp_path / "witness").is_dir()  # a second time, it could not be made
        await shop.engine.undo(summary.id)
        assert (await shop.finish(summary.id)).status == "compensated"
        assert picture(tmp_path / "w") == before


def _kill_restorer(folder: Path) -> None:
    """Kill the program that puts files back, after its parent, so that nobody learns its end."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if any(word.endswith(b"/restore.py") for word in words) and any(
            word.startswith(bytes(folder)) for word in words
        ):
            parent = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
            os.kill(parent, signal.SIGKILL)
            os.kill(int(process.name), signal.SIGKILL)
            return
    raise AssertionError("nothing puts files back")


@pytest.mark.parametrize("killed", ["daemon", "restorer"])
def test_a_kill_in_the_middle_of_the_restore(tmp_path, killed):
    """Without the daemon it goes on, and is adopted; when it is lost itself, it begins again."""
    project = tmp_path / "w"
    project.mkdir()
    for number in range(MANY):
        (project / f"{number}").write_text(f"old {number}")
    before = picture(project)
    text = (
        "flow: 1\nname: many\nsteps:\n  - {id: a, run: 'for f in 0 1; do rm -f $f*; done; rm *'}\n"
    )
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = client.call(
            methods.RUN, runs.RunParams(text=text, cwd=str(project), approve=True)
        ).run
        *_, last = client.follow(run)
        assert last.state == "succeeded", daemon.log()
        assert picture(project) == {}
        client.call(methods.UNDO, methods.UNDO.params(run=run))
        for event in client.follow(run, last.position):
            if type(event).__name__ == "StepOutput" and event.kind == "undo":
                if killed == "restorer":
                    _kill_restorer(tmp_path)
                daemon.kill()
                break
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        *told, last = client.follow(run, last.position)
        assert last.state == "compensated"
        assert ("lost" in [getattr(event, "outcome", "") for event in told]) == (killed != "daemon")
    assert picture(project) == before


_DIES = """
import os, runpy, sys
left = int(sys.argv.pop(1))
def count(name, arguments):
    global left
    if name in ("os.rename", "os.mkdir", "os.remove", "os.chmod", "os.utime", "os.symlink", "open"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), 9)
sys.argv = sys.argv[1:]
sys.addaudithook(count)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_restorer_killed_at_every_moment_and_run_again(tmp_path):
    """It ends each time at the old state, and what the user had is there, aside."""
    moments = itertools.count(5, 7)
    environment = {"PATH": os.environ["PATH"]}
    for moment in moments:
        folder = tmp_path / f"{moment}"
        _lay_out(folder / "w")
        before = picture(folder / "w")
        saved = folder / "saved/r.a.1"
        script = "rm -r build\necho new > f\nmkdir build\necho 1 > build/more\nmv g h\nrm link"
        assert keep(script, folder / "w", saved, environment) == ""
        run_bash(script, folder / "w", environment)
        (folder / "w/f").write_text("the user's")
        died = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _DIES, str(moment), restore.__file__, str(saved)],
            capture_output=True,
            check=False,
            timeout=60,
        )
        put_back(saved)
        assert picture(folder / "w") == before, moment
        aside = [path.read_text() for path in (saved / "replaced").rglob("f") if path.is_file()]
        assert "the user's" in aside
        if died.returncode != -signal.SIGKILL:
            assert died.returncode == 0
            return


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    made = subprocess.run(mount, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"needs the right to mount: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


async def test_a_full_disk_keeps_nothing_and_says_so(small_disk, tmp_path):
    (tmp_path / "big").write_bytes(bytes(2_000_000))
    saved = SavedFiles(small_disk / "saved", EngineConfig())
    key = AttemptKey("r", "a", "run", 1)
    kept = await saved.save(key, [Touch(str(tmp_path / "big"), "written")])
    assert (kept.files, kept.reason) == (0, "there is no room on the disk to keep its files")
    assert not list((small_disk / "saved").iterdir())
    (tmp_path / "small").write_bytes(b"old")
    assert (await saved.save(key, [Touch(str(tmp_path / "small"), "written")])).files == 1


def test_what_is_taken_away_goes_to_another_file_system(small_disk, tmp_path):
    """Nothing is renamed across: it is copied, made durable, and only then removed."""
    _lay_out(tmp_path / "w")
    before = picture(tmp_path / "w")
    saved = small_disk / "saved/r.a.1"
    script = "echo new > f; rm -r build; mkdir build; ln -s ../f build/l; echo 1 > build/more"
    environment = {"PATH": os.environ["PATH"]}
    assert keep(script, tmp_path / "w", saved, environment) == ""
    run_bash(script, tmp_path / "w", environment)
    put_back(saved)
    assert picture(tmp_path / "w") == before
    aside = Path(f"{saved}/replaced{tmp_path}/w")
    assert (aside / "f").read_text() == "new\n"
    assert (aside / "build/more").read_text() == "1\n"
    assert (aside / "build/l").readlink() == Path("../f")


async def test_a_start_removes_what_a_killed_daemon_had_half_saved(tmp_path):
    (tmp_path / "saved/r.a.1.part/files").mkdir(parents=True)
    saved = SavedFiles(tmp_path / "saved", EngineConfig())
    await saved.sweep(live=())
    assert not list((tmp_path / "saved").iterdir())
