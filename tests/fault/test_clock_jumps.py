"""Somebody sets the clock, by hours or years, while the daemon works or is down.

Timeouts and pauses are not touched by it, and nothing is removed for its age.
"""

import time

import pytest

from support.raw_client import PLAIN, eventually, over_socket
from support.real_daemon import PATIENCE_SECONDS, RealDaemon
from support.set_clock import SetClock, find_libfaketime

SETTINGS = "[retention]\nkeep_days = 30\n[engine]\nsaved_days = 30\n"
FAILS_ONCE = "echo >> {name}; test $(wc -l < {name}) = 2"


@pytest.fixture
def clock(tmp_path):
    library = find_libfaketime()
    if library is None:
        pytest.skip("libfaketime is not installed (tests/install_tools.sh does)")
    return SetClock(tmp_path / "clock", library)


@pytest.fixture
def daemon(tmp_path, clock):
    """A daemon whose clock can be set, with a run that is over and has saved a file."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(SETTINGS)
    (tmp_path / "precious").write_text("text\n")
    daemon = RealDaemon(home)
    daemon.environment.update(clock.environment)
    daemon.start()
    yield daemon
    if daemon.process is not None and daemon.process.poll() is None:
        daemon.end()


def wait_for(path):
    eventually(path.exists, f"{path.name} never came")


def begin(client, tmp_path):
    """Start what the clock could disturb; give the runs by what must become of them."""
    client.folder = str(tmp_path)
    retry = {"attempts": 2, "delay": "1500ms"}
    wait = "touch begun-{0}; while [ ! -e go ]; do sleep 0.02; done"
    runs = {
        "goes on": client.start({"id": "a", "run": wait.format("a"), "timeout": "2h"}),
        "timed out": client.start(
            {"id": "a", "run": "touch begun-b; sleep 60", "timeout": "2500ms"}
        ),
        "retried": client.start(
            {"id": "a", "run": FAILS_ONCE.format(name="tries"), "retry": retry}
        ),
    }
    for name in ("begun-a", "begun-b", "tries"):
        wait_for(tmp_path / name)
    client.until(runs["retried"], "retry_scheduled")
    return runs


def check(client, runs, tmp_path):
    """All of it ends as if nobody had touched the clock, and in time."""
    began = time.monotonic()
    assert client.finished(runs["retried"])["state"] == "succeeded"
    timed_out = client.finished(runs["timed out"])
    assert timed_out["steps"][0]["state"] == "timed_out", timed_out
    assert time.monotonic() - began < PATIENCE_SECONDS / 2
    assert client.call("flow/show", {"run": runs["goes on"]})["state"] == "running"
    (tmp_path / "go").touch()
    assert client.finished(runs["goes on"])["state"] == "succeeded"


def finish_and_save(client, tmp_path):
    """A run that is over, and has kept a file that it moved away."""
    client.folder = str(tmp_path)
    run = client.start({"id": "a", "run": "mv precious moved"})
    last = client.until(run, "run_finished", state="succeeded")[-1]
    assert not (tmp_path / "precious").exists()
    return run, last["position"]


def undo(client, run, position, tmp_path):
    """Nothing of that run, which ended there, was removed: it can still be undone."""
    client.call("flow/undo", {"run": run})
    assert client.finished(run, position)["state"] == "compensated"
    assert (tmp_path / "precious").read_text() == "text\n"


@pytest.mark.parametrize("jump", ["+3y", "-3y"])
def test_the_clock_is_set_while_the_daemon_works(tmp_path, clock, daemon, jump):
    with over_socket(daemon.socket, **PLAIN) as client:
        old = finish_and_save(client, tmp_path)
        runs = begin(client, tmp_path)
        clock.set_by(jump)
        check(client, runs, tmp_path)
        client.call("flow/db/vacuum")  # applies retention
        undo(client, *old, tmp_path)


@pytest.mark.parametrize("jump", ["+5h", "-5h", "+3y", "-3y"])
def test_the_clock_is_set_while_the_daemon_is_down(tmp_path, clock, daemon, jump):
    with over_socket(daemon.socket, **PLAIN) as client:
        old = finish_and_save(client, tmp_path)
        runs = begin(client, tmp_path)
    daemon.kill()
    clock.set_by(jump)
    daemon.start()
    with over_socket(daemon.socket, **PLAIN) as client:
        check(client, runs, tmp_path)
        client.call("flow/db/vacuum")
        undo(client, *old, tmp_path)
