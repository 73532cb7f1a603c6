"""The user's own rules reach the runs, and a file that cannot be read makes Flow wary."""

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
    assert "policy.yaml" in daemon.log()


def test_a_changed_file_counts_at_once(daemon):
    for verb, code in (("block", 4), ("confirm", 5)):
        (daemon.home / "policy.yaml").write_text(f"{verb}:\n  - touch **\n")
        assert verdict(daemon, CHANGING) == code
    (daemon.home / "policy.yaml").write_text("block: [")
    assert verdict(daemon, CHANGING) == 5
    (daemon.home / "policy.yaml").unlink()
    assert verdict(daemon, CHANGING) == 0
