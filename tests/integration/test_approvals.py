"""Answers that hold for longer: what they cover, what they do not, and that they outlive a kill."""

import json
import time

import pytest

from support.real_daemon import RealDaemon, real_daemon

WORKFLOW = """\
flow: 1
name: asked
inputs: {to: {type: string, default: a}}
steps:
  - {id: one, run: "true x"}
  - {id: two, run: "true x"}
  - {id: three, run: "true $to"}
"""


@pytest.fixture
def daemon(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "policy.yaml").write_text("confirm: ['true **']")
    with real_daemon(home) as running:
        yield running


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / "inner").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "a.flow.yaml").write_text(WORKFLOW)
    return folder


def begin(daemon: RealDaemon, folder, *more: str, file: str = "a.flow.yaml") -> str:
    started = daemon.flowctl("run", "--detach", *more, str(folder / file), cwd=folder)
    assert started.returncode == 0, started.stderr
    return started.stdout.strip()


def asks(daemon: RealDaemon, run: str) -> str:
    """The step that asks once nothing else goes on; empty when the run is over."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        shown = json.loads(daemon.flowctl("show", run, "--json").stdout)
        if shown["questions"]:
            return shown["questions"][0]["step"]
        if shown["state"] in ("succeeded", "failed", "compensated"):
            return ""
        time.sleep(0.02)  # another process: no clock of ours can be turned
    raise AssertionError("the run neither asks nor ends")


def answer(daemon: RealDaemon, run: str, step: str, *more: str) -> int:
    return daemon.flowctl("answer", run, step, "yes", *more).returncode


def approvals(daemon: RealDaemon) -> list[dict]:
    return json.loads(daemon.flowctl("policy", "approvals", "--json").stdout)["approvals"]


def answers(daemon: RealDaemon, run: str) -> list[tuple[str, str, int]]:
    lines = daemon.flowctl("attach", run, "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    return [
        (event["step"], event["by"], event["approval"])
        for event in events
        if event["type"] == "question_answered"
    ]


def test_once_holds_once_and_for_the_run_as_long_as_the_run(daemon, project):
    run = begin(daemon, project)
    assert asks(daemon, run) == "one"
    answer(daemon, run, "one")
    assert asks(daemon, run) == "two"
    again = begin(daemon, project)
    assert asks(daemon, again) == "one"
    answer(daemon, again, "one", "--for-run")
    assert asks(daemon, again) == "three"
    assert approvals(daemon) == []
    third = begin(daemon, project)
    assert asks(daemon, third) == "one"


def test_for_the_project_it_holds_there_is_counted_and_can_be_taken_back(daemon, project, tmp_path):
    run = begin(daemon, project)
    assert asks(daemon, run) == "one"
    assert answer(daemon, run, "one", "--for-project") == 0
    daemon.kill()
    daemon.start()
    (project / "inner" / "a.flow.yaml").write_text(WORKFLOW)
    inner = begin(daemon, project / "inner")
    assert asks(daemon, inner) == "three"
    (row,) = approvals(daemon)
    assert (row["project"], row["script"], row["rules"], row["uses"]) == (
        str(project),
        "true x",
        ["policy.confirm (Your policy wants to be asked about `true **`.)"],
        2,
    )
    answer(daemon, inner, "three")
    assert asks(daemon, inner) == ""
    number = row["approval"]
    by = f"approval {number}"
    assert answers(daemon, inner)[:2] == [("one", by, number), ("two", by, number)]
    (tmp_path / "a.flow.yaml").write_text(WORKFLOW)
    assert asks(daemon, begin(daemon, tmp_path)) == "one"
    assert daemon.flowctl("policy", "revoke", str(number)).returncode == 0
    assert asks(daemon, begin(daemon, project)) == "one"
    assert daemon.flowctl("policy", "revoke", str(number)).returncode == 6


def test_always_is_for_this_script_with_these_values_only(daemon, project, tmp_path):
    run = begin(daemon, project)
    for step in ("one", "three"):
        while asks(daemon, run) != step:
            answer(daemon, run, asks(daemon, run))
        answer(daemon, run, step, "--always")
    assert asks(daemon, run) == ""
    (tmp_path / "a.flow.yaml").write_text(WORKFLOW)
    assert asks(daemon, begin(daemon, tmp_path)) == ""
    assert asks(daemon, begin(daemon, tmp_path, "--input", "to=b")) == "three"
    (tmp_path / "a.flow.yaml").write_text(WORKFLOW.replace("true x", "true x y"))
    assert asks(daemon, begin(daemon, tmp_path)) == "one"


def test_another_rule_that_objects_asks_again_and_what_is_blocked_stays_so(daemon, project):
    run = begin(daemon, project)
    assert asks(daemon, run) == "one"
    answer(daemon, run, "one", "--always")
    assert asks(daemon, begin(daemon, project)) == "three"
    policy = daemon.home / "policy.yaml"
    policy.write_text("confirm: ['true **', 'true x']")
    assert asks(daemon, begin(daemon, project)) == "one"  # it is another rule that asks
    policy.write_text("block: ['true **']")
    refused = daemon.flowctl("run", "--yes", "a.flow.yaml", cwd=project)
    assert refused.returncode == 4, refused.stdout + policy.read_text()


def test_it_ends_when_its_time_is_over(daemon, project):
    run = begin(daemon, project)
    assert asks(daemon, run) == "one"
    answer(daemon, run, "one", "--always", "--expires", "1s")
    time.sleep(1.1)  # the wall clock of another process
    assert asks(daemon, begin(daemon, project)) == "one"
    assert [row["expired"] for row in approvals(daemon)] == [True]


def test_what_an_author_wants_asked_and_a_no_hold_once(daemon, project):
    (project / "b.flow.yaml").write_text(
        "flow: 1\nname: b\nsteps:\n  - {id: a, run: 'true x', confirm: Sure?}\n"
    )
    run = begin(daemon, project, file="b.flow.yaml")
    assert asks(daemon, run) == "a"
    refused = daemon.flowctl("answer", run, "a", "yes", "--always")
    assert refused.returncode == 6
    assert "once only" in refused.stderr
    assert daemon.flowctl("answer", run, "a", "no", "--always").returncode == 6
    assert asks(daemon, run) == "a"
    assert daemon.flowctl("answer", run, "a", "yes", "--expires", "8h").returncode == 2
    assert daemon.flowctl("answer", run, "a", "yes", "--always", "--expires", "8x").returncode == 2
    assert daemon.flowctl("answer", run, "a", "yes", "--always", "--for-run").returncode == 2
