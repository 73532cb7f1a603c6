"""Steps that run once for each item of a list, through a real daemon and its command line."""

import json
import time

import pytest

from flowproto import methods, runs
from flowproto.client import RemoteError
from support.engines import open_workshop
from support.real_daemon import PATIENCE_SECONDS, RealDaemon, real_daemon


@pytest.fixture
async def shop(tmp_path):
    async with open_workshop(tmp_path) as workshop:
        yield workshop


async def test_items_reach_scripts_as_variables_and_cannot_break_out(shop):
    evil = ["$(touch pwned)", "a b", "'; touch pwned; '", "-rf", "Ü\n*"]
    run = await shop.start(
        {
            "id": "a",
            "for_each": evil,
            "as": "it",
            "run": 'printf "%s=%s|%s\\0" "$FLOW_ITEM_INDEX" "$FLOW_ITEM" "$it"',
        }
    )
    assert (await shop.finish(run)).status == "succeeded"
    told = (await shop.output(run)).split("\0")[:-1]
    assert told == [f"{n}={item}|{item}" for n, item in enumerate(evil)]
    assert not (shop.folder / "pwned").exists()


async def test_no_more_side_by_side_than_parallel_says_and_than_the_daemon_allows(tmp_path):
    async with open_workshop(tmp_path, max_processes=3) as shop:
        script = "echo + >> log; sleep 0.1; echo - >> log"
        for parallel, most in ((2, 2), (9, 3)):
            (tmp_path / "log").unlink(missing_ok=True)
            items = [str(n) for n in range(9)]
            state = await shop.carry_out(
                {"id": "a", "for_each": items, "parallel": parallel, "run": script}
            )
            assert state.status == "succeeded"
            level = highest = 0
            for line in (tmp_path / "log").read_text().split():
                level += 1 if line == "+" else -1
                highest = max(highest, level)
            assert highest == most


async def test_each_item_has_its_own_undo_timeout_retry_and_saved_files(shop):
    for name in ("x", "y"):
        (shop.folder / name).write_text(f"old {name}")
    state = await shop.carry_out(
        {"id": "a", "for_each": ["x", "y"], "run": 'echo new > "$FLOW_ITEM"'},
        {
            "id": "b",
            "for_each": ["1", "2"],
            "run": 'echo try >> "b$FLOW_ITEM"; [ "$(wc -l < "b$FLOW_ITEM")" = 2 ] || exit 1',
            "undo": 'echo "$FLOW_ITEM" >> undone',
            "retry": {"attempts": 2, "delay": 0},
        },
        {"id": "c", "for_each": ["0", "9"], "timeout": 1, "run": 'sleep "$FLOW_ITEM"'},
    )
    assert state.status == "compensated"
    assert state.steps["c.1"].status == "timed_out"
    assert (shop.folder / "undone").read_text() == "2\n1\n"
    assert state.steps["a.1"].saved_files == 1
    await shop.engine.undo(state.run)
    await shop.finish(state.run)
    assert (shop.folder / "x").read_text() == "old x"
    assert (shop.folder / "y").read_text() == "old y"


@pytest.fixture
def mortal(tmp_path):
    """A daemon to be killed and started again; none is left when the test fails."""
    daemon = RealDaemon(tmp_path)
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.kill()


def of_forty(witness) -> dict[str, object]:
    script = f'echo "$FLOW_ITEM" >> {witness}; echo out "$FLOW_ITEM"; sleep 0.02'
    find = {"id": "find", "run": "seq 40"}
    each = {"id": "each", "for_each": "steps.find.stdout", "parallel": 4, "run": script}
    last = {"id": "last", "run": f"echo last >> {witness}"}
    return {"flow": 1, "name": "forty", "steps": [find, each, last]}


def test_kill_9_in_the_middle_of_forty_items_and_each_runs_once(mortal, tmp_path):
    witness = tmp_path / "witness"
    daemon = mortal.start()
    with daemon.client() as client:
        params = runs.RunParams(workflow=of_forty(witness), cwd=str(tmp_path))
        run = client.call(methods.RUN, params).run
    for wanted in (3, 12, 21, 33):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not witness.exists() or len(witness.read_text().split()) < wanted:
            assert time.monotonic() < deadline, daemon.log()
            time.sleep(0.005)  # another process: no clock of ours can be turned
        daemon.kill()
        daemon.start()
    with daemon.client() as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (shown := client.call(methods.SHOW, runs.RunRef(run))).state != "succeeded":
            assert shown.state == "running", shown
            assert time.monotonic() < deadline, daemon.log()
            time.sleep(0.02)
    assert daemon.end() == 0
    lines = witness.read_text().split()
    assert sorted(lines) == sorted([*map(str, range(1, 41)), "last"])
    assert lines[-1] == "last"
    items = shown.steps[1].items
    assert items is not None
    assert [item.item for item in items] == [str(n) for n in range(1, 41)]
    assert {item.state for item in items} == {"succeeded"}
    assert all(len(item.attempts) == 1 for item in items)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with real_daemon(tmp_path_factory.mktemp("home")) as started:
        yield started


WORKFLOW = """flow: 1
name: fan
steps:
  - id: build
    for_each: [one, two words, three]
    as: target
    run: |
      echo "building $target"
      echo "path=/x/$target" >> "$FLOW_OUTPUT"
      test ! -e "stop-$FLOW_ITEM_INDEX"
    on_error: stop
  - id: pack
    for_each: steps.build.items.map(i, i.outputs.path)
    run: echo "packed $FLOW_ITEM"
"""


def test_what_the_command_line_tells_and_a_retry_from_the_failed_item(daemon, tmp_path):
    (tmp_path / "fan.flow.yaml").write_text(WORKFLOW)
    (tmp_path / "stop-1").touch()
    told = daemon.flowctl("run", "fan.flow.yaml", cwd=tmp_path)
    assert told.returncode == 1
    assert "build runs for 3 items: one, two words, three\n" in told.stdout
    assert "build.1 started for two words\n" in told.stdout
    assert "build failed (exit 1) in" in told.stdout
    run = json.loads(daemon.flowctl("history", "--json").stdout)["runs"][0]
    assert (run["steps"], run["steps_done"]) == (2, 0)
    shown = json.loads(daemon.flowctl("show", run["id"], "--json").stdout)
    build, pack = shown["steps"]
    assert [item["state"] for item in build["items"]] == ["succeeded", "failed", "pending"]
    assert build["for_each"]
    assert build["exit_code"] == 1
    assert build["items"][0]["outputs"] == {"path": "/x/one"}
    assert build["items"][1]["attempts"][0]["exit_code"] == 1
    assert pack["items"] is None
    text = daemon.flowctl("show", run["id"]).stdout
    assert "    build.1: failed" in text
    assert "two words" in text
    assert daemon.flowctl("logs", run["id"], "build.1").stdout == "building two words\n"
    assert daemon.flowctl("logs", run["id"], "build").stdout == (
        "build.0 | building one\nbuild.1 | building two words\n"
    )
    assert "no step 'build.7'" in daemon.flowctl("logs", run["id"], "build.7").stderr

    (tmp_path / "stop-1").unlink()
    assert daemon.flowctl("retry", run["id"]).returncode == 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (row := json.loads(daemon.flowctl("history", "--json").stdout)["runs"][0])["state"] != (
        "succeeded"
    ):
        assert time.monotonic() < deadline, row
    assert row["steps_done"] == 2
    shown = json.loads(daemon.flowctl("show", run["id"], "--json").stdout)
    assert [len(item["attempts"]) for item in shown["steps"][0]["items"]] == [1, 2, 1]
    assert daemon.flowctl("logs", run["id"], "pack").stdout.splitlines() == [
        "pack.0 | packed /x/one",
        "pack.1 | packed /x/two words",
        "pack.2 | packed /x/three",
    ]


def test_a_dangerous_script_is_judged_for_whatever_the_item_is(daemon, tmp_path):
    step = {"id": "a", "for_each": ["build"], "run": "rm -rf $FLOW_ITEM"}
    wipe = {"flow": 1, "name": "wipe", "steps": [step]}
    (tmp_path / "build").mkdir()
    with daemon.client() as client:
        run = client.call(methods.RUN, runs.RunParams(workflow=wipe, cwd=str(tmp_path))).run
        shown = client.call(methods.SHOW, runs.RunRef(run))
        assert shown.state == "waiting"
        assert shown.questions[0].step == "a"
        assert "(1 item: build)" in shown.questions[0].question
        with pytest.raises(RemoteError, match="asks nothing"):
            client.call(methods.ANSWER, runs.AnswerParams(run=run, step="a.0", answer="yes"))
        client.call(methods.ANSWER, runs.AnswerParams(run=run, step="a", answer="yes"))
    daemon.flowctl("attach", run)
    assert not (tmp_path / "build").exists()


def test_a_lost_item_is_asked_about_by_its_own_name(tmp_path):
    step = {"id": "a", "for_each": ["x", "y"], "run": "kill -9 $PPID; sleep 0.2"}
    workflow = {"flow": 1, "name": "lost", "steps": [step]}
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        params = runs.RunParams(workflow=workflow, cwd=str(tmp_path), approve=True)
        run = client.call(methods.RUN, params).run
        for step_id, answer in (("a.0", "yes"), ("a.1", "skip")):
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not (shown := client.call(methods.SHOW, runs.RunRef(run))).questions:
                assert time.monotonic() < deadline, shown
                time.sleep(0.02)
            assert [(q.step, q.about) for q in shown.questions] == [(step_id, "lost")]
            told = daemon.flowctl("answer", run, step_id, answer)
            assert told.returncode == 0, told.stderr
        assert client.call(methods.SHOW, runs.RunRef(run)).state == "succeeded"
