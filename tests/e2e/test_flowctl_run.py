"""Running workflows with the real flowctl and flowd, without a terminal."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, borrowed, flow_home


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


def test_a_run_is_told_line_by_line(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: echo one; echo two >&2}\n  - {id: b, run: printf three}\n"
    )
    lines = home.out("run", file).splitlines()
    assert lines[0].startswith("run ")
    assert lines[0].endswith(" w started, 2 steps")
    assert {"a | one", "a ! two", "b | three"} <= set(lines)
    assert " succeeded in " in lines[-1]


def test_json_is_one_event_a_line_and_ends_with_run_finished(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: 'true'}\n")
    events = [json.loads(line) for line in home.out("run", file, "--json").splitlines()]
    assert all({"position", "run", "type"} <= set(event) for event in events)
    assert [event["position"] for event in events] == sorted(event["position"] for event in events)
    assert events[-1]["type"] == "run_finished"
    assert events[-1]["state"] == "succeeded"
    again = home.out("attach", events[0]["run"], "--json").splitlines()
    assert [json.loads(line) for line in again] == events
    after = home.out("attach", events[0]["run"], "--from", str(events[1]["position"]), "--json")
    assert [json.loads(line) for line in after.splitlines()] == events[2:]
    last = str(events[-1]["position"])
    assert home.out("attach", events[0]["run"], "--from", last, "--json") == ""


def test_what_holds_a_limit_and_that_it_ended_the_step_is_said(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: 'while :; do :; done', limits: {cpu: 1s}, on_error: stop}\n"
    )
    lines = home.out("run", file, code=1).splitlines()
    assert "a had limits: cpu 1s (rlimit, counts each process)" in lines
    assert any("over its limit of 1s of CPU time" in line for line in lines)
    shown = home.out("show", home.json("history")["runs"][0]["id"])
    assert "limits: cpu 1s (rlimit, counts each process)" in shown
    assert "killed: over its limit of 1s of CPU time" in shown
    held = {check["name"]: check["message"] for check in home.json("doctor")["checks"]}["limits"]
    assert held.startswith("of steps: ")
    assert "control group" in held or "rlimit" in held


def test_a_failed_run_is_rolled_back_and_says_so(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: touch made, undo: rm made}\n  - {id: b, run: exit 7}\n")
    text = home.out("run", file, code=1)
    assert "b failed (exit 7)" in text
    assert "a undo succeeded" in text
    assert not (home.project / "made").exists()


def test_a_finished_run_can_be_undone(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: touch made, undo: rm made}\n")
    run = home.json("run", file)["run"]
    assert (home.project / "made").exists()
    assert home.json("undo", run) == {"run": run, "state": "compensated"}
    assert not (home.project / "made").exists()
    assert home.json("undo", run, code=6)["error"]["code"] == "conflict"


def test_what_an_undo_leaves_as_it_is_is_named(home: FlowHome) -> None:
    steps = "".join(f"  - {{id: more{n}, run: echo {n} >> log}}\n" for n in range(10))
    file = home.workflow("  - {id: a, run: touch made, undo: rm made}\n" + steps)
    text = home.out("undo", home.json("run", file)["run"])
    names = ", ".join(f"more{n}" for n in range(8))
    assert text.splitlines()[-1] == f"{names} and 2 more stay done: no undo, and nothing saved"


def test_an_invalid_file_is_refused_with_its_places(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, rum: ls}\n")
    ran = home.flowctl("run", file)
    assert ran.returncode == 3
    assert f"{file}:4:" in ran.stderr
    assert "fix: did you mean 'run'?" in ran.stderr
    error = home.json("run", file, code=3)["error"]
    assert error["code"] == "invalid_workflow"
    assert error["data"]["problems"][0]["line"] == 4
    assert home.json("check", file, code=3)["valid"] is False


def test_a_question_without_a_terminal_ends_with_5_and_the_run_waits(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, confirm: Push it?, run: echo pushed}\n")
    ran = home.flowctl("run", file)
    assert ran.returncode == 5
    run = home.json("ps")["runs"][0]
    assert run["state"] == "waiting"
    assert run["question"] == "Push it?"
    assert f"flowctl answer {run['id']} push yes|no|skip" in ran.stderr
    assert home.json("answer", run["id"], "push", "yes")["run"] == run["id"]
    assert "push | pushed" in home.out("attach", run["id"]).splitlines()
    assert home.json("answer", run["id"], "push", "yes", code=6)["error"]["code"] == "conflict"


def test_yes_approves_beforehand(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, confirm: Push it?, run: echo pushed}\n")
    assert "push | pushed" in home.out("run", file, "--yes")


def test_what_is_not_there_is_said_with_the_places_looked_at(home: FlowHome) -> None:
    ran = home.flowctl("run", "nothing-like-it")
    assert ran.returncode == 6
    assert "no file, template or suggestion 'nothing-like-it'" in ran.stderr
    assert str(home.project) in ran.stderr
    assert home.flowctl("run", "missing.flow.yaml").returncode == 6
    assert home.flowctl("show", "zzzz").returncode == 6
    assert home.flowctl("run", "./").returncode == 2


def test_interrupting_run_cancels_it(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo ready; sleep 60}\n")
    program = subprocess.Popen(
        [FLOWCTL, "run", file],
        cwd=home.project,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    while "ready" not in program.stdout.readline():
        assert program.poll() is None
    program.send_signal(signal.SIGINT)
    rest, said = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "cancelled" in rest.splitlines()[-1]
    assert "cancelling" in said
    assert home.json("history")["runs"][0]["state"] == "cancelled"


def test_detached_runs_are_listed_shown_and_logged(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: printf 'x\\ny\\n'}\n", name="listed")
    run = home.out("run", file, "--detach").strip()
    home.out("attach", run)
    assert home.json("ps") == {"runs": []}
    assert home.json("ps", "--all")["runs"][0]["id"] == run
    assert [row["id"] for row in home.json("history", "listed")["runs"]] == [run]
    assert home.json("history", "no such name") == {"runs": []}
    shown = home.json("show", run[:6])
    assert shown["id"] == run
    step = shown["steps"][0]
    assert (step["id"], step["state"], step["exit_code"]) == ("a", "succeeded", 0)
    assert step["attempts"][0]["kind"] == "run"
    assert home.out("logs", run) == "x\ny\n"
    assert home.out("logs", run, "a", "--follow") == "x\ny\n"
    assert home.flowctl("logs", run, "b").returncode == 6
    assert f"listed  succeeded  {run}" in home.out("show", run)


def test_standard_input_and_pipes_are_read_by_flowctl(home: FlowHome) -> None:
    text = "flow: 1\nname: piped\nsteps:\n  - {id: a, run: echo hi}\n"
    assert "a | hi" in home.out("run", "-", input=text)
    ran = subprocess.run(
        ["bash", "-c", f"{FLOWCTL} run <(cat)"],
        input=text,
        cwd=home.project,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "a | hi" in ran.stdout


def test_inputs(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: 'echo \"<$version $count>\"'}\n",
        head="inputs:\n  version: {pattern: '^v[0-9]+$'}\n  count: {type: integer, default: 1}\n",
    )
    assert "a | <v1 3>" in home.out("run", file, "--input", "version=v1", "-i", "count=3")
    missing = home.flowctl("run", file)
    assert missing.returncode == 2
    assert "--input version=VALUE" in missing.stderr
    assert home.flowctl("run", file, "-i", "version=1").returncode == 2
    assert home.flowctl("run", file, "-i", "version").returncode == 2


def test_secrets_of_the_environment_do_not_reach_the_record(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: env}\n")
    home.environment |= {"MY_API_KEY": "hunter2", "SEEN": "yes", "SSH_AUTH_SOCK": "/s"}
    text = home.out("run", file)
    assert "SEEN=yes" in text
    assert "SSH_AUTH_SOCK=/s" in text
    assert "hunter2" not in text
    home.kill_daemon(signal.SIGTERM)
    stored = b"".join(path.read_bytes() for path in (home.folder / "home").glob("flow.db*"))
    assert b"hunter2" not in stored


def test_a_dry_run_shows_everything_and_runs_nothing(home: FlowHome) -> None:
    steps = "  - {id: a, run: touch made, undo: rm made}\n  - {id: b, run: ls}\n"
    file = home.workflow(steps, name="dry")
    text = home.out("run", file, "--dry-run")
    assert "touch made" in text
    assert "undo: rm made" in text
    assert home.json("run", file, "--dry-run")["steps"][0]["id"] == "a"
    assert not (home.project / "made").exists()
    assert home.json("history", "dry") == {"runs": []}


def test_closing_the_pipe_ends_flowctl_and_not_the_run(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: for i in 1 2 3; do echo $i; sleep 0.3; done; touch done}\n"
    )
    ran = subprocess.run(
        ["bash", "-c", f"{FLOWCTL} run {file} | head -1; exit ${{PIPESTATUS[0]}}"],
        cwd=home.project,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 141
    assert ran.stderr == ""
    home.out("attach", home.json("ps", "--all")["runs"][0]["id"])
    assert (home.project / "done").exists()


def test_a_run_outlives_the_daemon_and_the_watching_goes_on(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: echo one; sleep 3; echo two}\n  - {id: b, run: echo three}\n"
    )
    program = subprocess.Popen(
        [FLOWCTL, "run", file],
        cwd=home.project,
        env=home.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    while "a | one" not in program.stdout.readline():
        assert program.poll() is None
    home.kill_daemon()
    rest, said = program.communicate(timeout=60)
    assert program.returncode == 0, said
    assert rest.splitlines().count("a | two") == 1
    assert rest.splitlines().count("b | three") == 1
    assert "a | one" not in rest
    assert "looking for it again" in said
    assert home.daemon_pid() is not None


def test_ps_says_what_needs_a_person(home: FlowHome) -> None:
    asking = home.workflow("  - {id: a, confirm: Really?, run: 'true'}\n", name="asking")
    run = home.out("run", asking, "--detach").strip()
    undone = home.workflow("  - {id: a, run: 'true', undo: 'false'}\n  - {id: b, run: 'false'}\n")
    home.out("run", undone, code=1)
    left = home.json("ps", "--all")["runs"][0]["id"]
    lines = home.out("ps").splitlines()
    assert f"{run} waits: Really? (flowctl attach {run})" in lines
    assert f"{left} w could not be undone completely: flowctl show {left}" in lines
    assert [row["id"] for row in home.json("ps")["runs"]] == [run]


def test_a_daemon_that_is_stopped_is_waited_for(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo one; sleep 6; echo two}\n")
    with watching(home, FLOWCTL, "run", file) as program:
        home.out("daemon", "stop")
        assert program.stderr is not None
        while "waiting up to 60 s" not in program.stderr.readline():
            assert program.poll() is None
        home.out("daemon", "start")
        rest, _ = program.communicate(timeout=60)
        assert program.returncode == 0
        assert rest.splitlines().count("a | two") == 1
        assert "a | one" not in rest


def test_a_daemon_that_stays_away_is_not_waited_for_for_ever(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo one; sleep 60}\n")
    impatient = "w._AWAY_SECONDS = 2.0; sys.exit(m.main())"
    soon = f"import sys, flowctl.watch as w, flowctl.main as m; {impatient}"
    with watching(home, sys.executable, "-c", soon, "run", file) as program:
        home.out("daemon", "stop")
        _, said = program.communicate(timeout=60)
        assert program.returncode == 8
        run = home.json("ps", "--all")["runs"][0]["id"]
        assert f"no daemon came back within 2 s; the run goes on with: flowctl attach {run}" in said


@contextmanager
def watching(home: FlowHome, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A program that watches a run whose first step has written `one`."""
    pipe = subprocess.PIPE
    program = subprocess.Popen(
        command, cwd=home.project, env=home.environment, stdout=pipe, stderr=pipe, text=True
    )
    try:
        assert program.stdout is not None
        while "a | one" not in program.stdout.readline():
            assert program.poll() is None
        yield program
    finally:
        program.kill()
        program.wait()
