"""Files that steps make are kept with their run, through a real daemon and its command line."""

import json
import os
import time
from pathlib import Path

import pytest

from flowd.domain import events as e
from flowproto import artifacts, methods, runs
from support.engines import open_workshop
from support.real_daemon import PATIENCE_SECONDS, RealDaemon, real_daemon


@pytest.fixture
def mortal(tmp_path):
    """A daemon to be killed and started again; none is left when the test fails."""
    daemon = RealDaemon(tmp_path)
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()


async def carry_out(tmp_path, *steps, **settings):
    async with open_workshop(tmp_path, **settings) as shop:
        state = await shop.carry_out(*steps, request={"approve": True})
        return state, [item.event for item in await shop.history(state.run)]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def kept(history):
    return [event for event in history if isinstance(event, e.ArtifactsKept)]


async def test_they_are_recorded_before_the_end_of_the_attempt(tmp_path):
    step = {"id": "a", "run": "mkdir d; echo 1 > d/x; echo 22 > d/y", "artifacts": ["d/*"]}
    state, history = await carry_out(tmp_path, step)
    (event,) = kept(history)
    assert [(file.path, file.size) for file in event.files] == [("d/x", 2), ("d/y", 3)]
    order = [type(item).__name__ for item in history]
    assert order.index("ArtifactsKept") < order.index("StepFinished")
    assert state.steps["a"].artifacts == event


async def test_reports_of_a_failed_step_are_kept_and_each_attempt_replaces_the_last(tmp_path):
    script = 'echo "$FLOW_ATTEMPT" > report; [ "$FLOW_ATTEMPT" = 9 ]'
    step = {
        "id": "a",
        "run": script,
        "artifacts": ["report"],
        "retry": {"attempts": 2, "delay": 0},
    }
    state, history = await carry_out(tmp_path, step)
    assert state.status == "failed"
    assert [event.attempt for event in kept(history)] == [1, 2]
    there = sorted(path.name for path in (tmp_path / f"artifacts/{state.run}").iterdir())
    assert there == ["a.2"]
    assert (tmp_path / f"artifacts/{state.run}/a.2/0").read_text() == "2\n"


async def test_a_step_that_took_too_long_and_a_finally_step_leave_theirs(tmp_path):
    late = {"id": "a", "run": "echo > part; sleep 60", "timeout": 0.5, "artifacts": ["part"]}
    last = {"id": "z", "run": "echo > summary", "finally": True, "artifacts": ["summary"]}
    state, history = await carry_out(tmp_path, late, last)
    assert state.steps["a"].status == "timed_out"
    assert [[file.path for file in event.files] for event in kept(history)] == [
        ["part"],
        ["summary"],
    ]


async def test_nothing_outside_of_the_steps_folder_is_kept(tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "w").mkdir()
    script = "ln -s ../secret here; ln -s .. up; mkdir d; ln -s ../.. d/up; echo > d/mine"
    step = {"id": "a", "run": script, "cwd": "w", "artifacts": ["here", "up/secret", "d", "**/*"]}
    _, history = await carry_out(tmp_path, step)
    (event,) = kept(history)
    assert [file.path for file in event.files] == ["d/mine"]
    assert event.left_out == 3
    assert event.reason == "symbolic links are not kept"


async def test_a_step_and_a_run_have_so_much_room(tmp_path):
    script = 'head -c 600 /dev/zero > "big$FLOW_ITEM"; echo > "small$FLOW_ITEM"'
    step = {
        "id": "a",
        "for_each": ["1", "2", "3"],
        "run": script,
        "artifacts": ["big*", "small*"],
    }
    settings = {"artifact_bytes_per_step": 700, "artifact_bytes_per_run": 1250}
    state, history = await carry_out(tmp_path, {**step, "run": f"rm -f big* small*; {script}"},
        **settings)  # fmt: skip
    assert state.status == "succeeded"
    assert [[file.path for file in event.files] for event in kept(history)] == [
        ["big1", "small1"],
        ["big2", "small2"],
        ["small3"],
    ]
    assert kept(history)[2].reason == "big3 does not fit: 600 bytes, of 48 left"
    assert state.artifact_bytes == 1203


async def test_steps_side_by_side_share_the_room_of_their_run(tmp_path):
    step = {
        "id": "a",
        "for_each": [str(n) for n in range(8)],
        "parallel": 8,
        "run": 'mkdir "$FLOW_ITEM"; head -c 300 /dev/zero > "$FLOW_ITEM/x"',
        "artifacts": ["*/x"],
    }
    state, history = await carry_out(tmp_path, step, artifact_bytes_per_run=1000)
    assert sum(event.bytes for event in kept(history)) == state.artifact_bytes == 900
    assert any("of 100 left" in event.reason for event in kept(history))


async def test_zero_bytes_switch_it_off(tmp_path):
    step = {"id": "a", "run": "echo > x", "artifacts": ["x"]}
    state, history = await carry_out(tmp_path, step, artifact_bytes_per_step=0)
    assert state.status == "succeeded"
    assert kept(history)[0].reason == "keeping artifacts is switched off in [engine]"


WORKFLOW = """flow: 1
name: build
steps:
  - id: build
    for_each: [linux, mac]
    run: |
      mkdir -p dist
      echo "program for $FLOW_ITEM" > "dist/$FLOW_ITEM"
      chmod 755 "dist/$FLOW_ITEM"
    artifacts: ["dist/*", "none/*"]
  - id: test
    run: mkdir out; echo bad > out/junit.xml; exit 1
    on_error: stop
    artifacts: [out/junit.xml]
  - id: after
    run: "true"
"""


def test_the_command_line_lists_them_and_copies_them_out(tmp_path):
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / "build.flow.yaml").write_text(WORKFLOW)
    with real_daemon(home) as daemon:
        told = daemon.flowctl("run", "build.flow.yaml", cwd=project)
        assert "build.0 kept 1 file, 18 bytes\n" in told.stdout
        assert "test kept 1 file, 4 bytes\n" in told.stdout
        run = json.loads(daemon.flowctl("history", "--json").stdout)["runs"][0]["id"]
        with daemon.client() as client:
            answer = client.call(methods.ARTIFACTS, artifacts.ArtifactsParams(run=run))
            assert [(row.step, row.path, row.mode) for row in answer.files] == [
                ("test", "out/junit.xml", 0o644),
                ("build.0", "dist/linux", 0o755),
                ("build.1", "dist/linux", 0o755),
                ("build.1", "dist/mac", 0o755),
            ]
            shown = client.call(methods.SHOW, runs.RunRef(run))
        assert [item.artifacts for item in shown.steps[0].items or ()] == [1, 2]
        assert shown.steps[1].artifacts == 1
        assert "1 file kept: flowctl artifacts" in daemon.flowctl("show", run).stdout
        for path in (home / "artifacts").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0

        # What is kept does not change with the files it is of.
        (project / "out/junit.xml").write_text("overwritten")
        listed = daemon.flowctl("artifacts", run, "build")
        assert [line.split()[0] for line in listed.stdout.splitlines()] == [
            "build.0", "build.1", "build.1"
        ]  # fmt: skip
        assert daemon.flowctl("artifacts", run, "--get", "there", cwd=tmp_path).returncode == 0
        assert (tmp_path / "there/test/out/junit.xml").read_text() == "bad\n"
        assert (tmp_path / "there/build.1/dist/mac").read_text() == "program for mac\n"
        assert os.access(tmp_path / "there/build.1/dist/mac", os.X_OK)
        again = daemon.flowctl("artifacts", run, "test", "--get", "there", cwd=tmp_path)
        assert again.returncode == 6
        assert "is there already" in again.stderr
        assert daemon.flowctl("artifacts", run, "none").returncode == 6
        assert "no step of this run" in daemon.flowctl("artifacts", run, "after").stderr

        (home / f"artifacts/{run}/test.1/0").write_text("spoilt")
        spoilt = daemon.flowctl("artifacts", run, "test", "--get", "new", cwd=tmp_path)
        assert "is not what was kept" in spoilt.stderr
        assert not (tmp_path / "new/test/out/junit.xml").exists()

        figures = json.loads(daemon.flowctl("stats", "--json").stdout)
        assert figures["artifact_files"] == 4
        assert "artifacts  4 files" in daemon.flowctl("stats").stdout


def test_they_go_with_their_run(mortal, tmp_path):
    step = {"id": "a", "run": "echo > x", "artifacts": ["x"]}
    workflow = {"flow": 1, "name": "short-lived", "steps": [step]}
    daemon = mortal.start()
    with daemon.client() as client:
        params = runs.RunParams(workflow=workflow, cwd=str(tmp_path))
        made = [client.call(methods.RUN, params).run for _ in range(2)]
    for run in made:
        daemon.flowctl("attach", run)
    assert sorted(names(tmp_path / "artifacts")) == sorted(made)
    daemon.end()
    (tmp_path / "config.toml").write_text("[retention]\nkeep_runs = 1\n")
    daemon.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while names(tmp_path / "artifacts") != made[1:]:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.02)
    assert daemon.end() == 0


def test_tidying_up_the_database_takes_them_along(tmp_path):
    step = {"id": "a", "run": "echo > x", "artifacts": ["x"]}
    workflow = {"flow": 1, "name": "short-lived", "steps": [step]}
    (tmp_path / "config.toml").write_text("[retention]\nkeep_runs = 1\n")  # applied hourly
    with real_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            params = runs.RunParams(workflow=workflow, cwd=str(tmp_path))
            made = [client.call(methods.RUN, params).run for _ in range(2)]
        for run in made:
            daemon.flowctl("attach", run)
        assert len(names(tmp_path / "artifacts")) == 2
        daemon.flowctl("db", "vacuum")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while names(tmp_path / "artifacts") != made[1:]:
            assert time.monotonic() < deadline, daemon.log()
            time.sleep(0.02)


@pytest.mark.parametrize("after_ms", [0, 5, 15, 30, 60])
def test_kill_9_while_files_are_kept_and_all_are_there_in_the_end(mortal, tmp_path, after_ms):
    script = f"echo >> {tmp_path}/witness; for n in $(seq 200); do echo $n > f$n; done"
    step = {"id": "a", "run": script, "artifacts": ["f*"]}
    workflow = {"flow": 1, "name": "many", "steps": [step]}
    daemon = mortal.start()
    (tmp_path / "w").mkdir()
    with daemon.client() as client:
        params = runs.RunParams(workflow=workflow, cwd=str(tmp_path / "w"))
        run = client.call(methods.RUN, params).run
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (tmp_path / "w/f200").exists():
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.001)
    time.sleep(after_ms / 1000)
    daemon.kill()
    daemon.start()
    daemon.flowctl("attach", run)
    with daemon.client() as client:
        answer = client.call(methods.ARTIFACTS, artifacts.ArtifactsParams(run=run))
    assert daemon.end() == 0
    assert len(answer.files) == 200
    for row in answer.files:
        assert Path(row.kept_at).read_text() == f"{row.path.removeprefix('f')}\n"
    assert names(tmp_path / f"artifacts/{run}") == ["a.1"]
    assert (tmp_path / "witness").read_text() == "\n"
