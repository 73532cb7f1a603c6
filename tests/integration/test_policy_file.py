"""The user's own rules reach the runs, and a file that cannot be read makes Flow wary."""

import json
import sys

import pytest

from support.real_daemon import RealDaemon, real_daemon

CHANGING = "touch a"
READING = "git status"


@pytest.fixture
def daemon(tmp_path):
    with real_daemon(tmp_path) as running:
        yield running


def restart(daemon: RealDaemon, policy: str) -> None:
    daemon.end()
    (daemon.home / "policy.yaml").write_text(policy)
    daemon.start()


def verdict(daemon: RealDaemon, command: str) -> int:
    return daemon.flowctl("check", "--command", command).returncode


def test_rules_allow_and_block(daemon):
    assert verdict(daemon, "git push --force") == 5
    assert verdict(daemon, "terraform plan") in (0, 5)
    restart(daemon, "allow:\n  - git push --force\nblock:\n  - terraform **\n")
    assert verdict(daemon, "git push --force") == 0
    assert verdict(daemon, "terraform plan") == 4
    assert verdict(daemon, "rm -rf /") == 4


def test_a_broken_file_is_loud_and_everything_that_changes_something_is_asked_about(daemon):
    restart(daemon, "block:\n  - 'unclosed\n")
    status = daemon.flowctl("daemon", "status")
    assert "policy.yaml:" in status.stdout
    doctor = daemon.flowctl("doctor")
    assert "policy" in doctor.stdout
    assert doctor.returncode != 0
    assert verdict(daemon, CHANGING) == 5
    assert verdict(daemon, READING) == 0
    (daemon.home / "x.flow.yaml").write_text("flow: 1\nname: x\nsteps:\n  - {id: a, run: date}\n")
    told = daemon.flowctl("run", "x.flow.yaml")
    assert told.returncode == 0
    assert "policy.yaml:" in told.stderr
    assert "policy.yaml" in daemon.log()


def test_a_changed_file_counts_at_once(daemon):
    for verb, code in (("block", 4), ("confirm", 5)):
        (daemon.home / "policy.yaml").write_text(f"{verb}:\n  - touch **\n")
        assert verdict(daemon, CHANGING) == code
    (daemon.home / "policy.yaml").write_text("block: [")
    assert verdict(daemon, CHANGING) == 5
    (daemon.home / "policy.yaml").unlink()
    assert verdict(daemon, CHANGING) == 0


def test_an_administrators_file_is_a_floor(tmp_path):
    floor = tmp_path / "floor.yaml"
    floor.write_text("block:\n  - date **\nconfirm:\n  - run: touch **\n    message: Ask Jo.\n")
    home = tmp_path / "home"
    home.mkdir()
    (home / "policy.yaml").write_text("allow: ['date **', 'touch **']")
    daemon = RealDaemon(home)
    code = f"from pathlib import Path; from flowd.main import main; main(Path({str(floor)!r}))"
    daemon.command = [sys.executable, "-c", code]
    daemon.start()
    try:
        assert verdict(daemon, "date") == 4
        assert verdict(daemon, "touch a") == 5
        shown = json.loads(daemon.flowctl("policy", "show", "--json").stdout)
        assert [(file["kind"], file["path"]) for file in shown["files"]] == [
            ("administrator", str(floor)),
            ("user", str(home / "policy.yaml")),
        ]
        floor.write_text("block: [")
        assert verdict(daemon, "touch a") == 5
        assert str(floor) in daemon.flowctl("doctor").stdout
    finally:
        daemon.end()


def test_show_test_and_explain(daemon):
    (daemon.home / "policy.yaml").write_text(
        "allow:\n  - git push --force origin docs/*\n"
        "block:\n  - run: date **\n    match: [date -u]\n    not_match: [echo date]\n"
        "    message: Look at the sun.\n    when: {from: '00:00', to: '24:00'}\n"
    )
    shown = daemon.flowctl("policy", "show")
    assert "line 4    block  date **" in shown.stdout
    assert "git         git hub" in shown.stdout
    assert shown.returncode == 0
    assert daemon.flowctl("policy", "test").stdout == "2 examples of 1 file tried, 0 failed\n"
    explained = daemon.flowctl("policy", "explain", "sudo sh -c 'date; git push'")
    assert explained.returncode == 4
    assert "\n      date\n      git push\n" in explained.stdout
    assert f"block: policy.block ({daemon.home}/policy.yaml:4): Look at the sun." in (
        explained.stdout
    )
    lifted = daemon.flowctl("policy", "explain", "--json", "--", "git push --force origin docs/a")
    answer = json.loads(lifted.stdout)
    assert (lifted.returncode, answer["verdict"]) == (0, "allow")
    assert answer["lifted"][0]["source"] == f"{daemon.home}/policy.yaml:2"
    assert daemon.flowctl("policy", "explain", "git reset --hard").returncode == 5


def test_an_example_that_fails_is_named_and_those_behind_it_are_tried(daemon):
    other = daemon.home / "other.yaml"
    other.write_text(
        "block:\n  - run: rm *\n    match: [ls, rm x]\n    not_match: [rm y]\n  - run: '\"'\n"
    )
    broken = daemon.flowctl("policy", "test", str(other))
    assert broken.returncode == 1
    assert f"{other}:5:10: " in broken.stdout
    other.write_text("block:\n  - run: rm *\n    match: [ls, rm x]\n    not_match: [rm y]\n")
    failed = daemon.flowctl("policy", "test", str(other))
    assert failed.returncode == 1
    assert f"{other}:3" in failed.stdout
    assert f"{other}:4" in failed.stdout
    assert "3 examples of 1 file tried, 2 failed" in failed.stdout
    assert daemon.flowctl("policy", "test", "absent.yaml").returncode == 2
