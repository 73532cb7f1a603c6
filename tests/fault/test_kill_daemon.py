"""The daemon ends, or is killed, beside clients and steps. Under load: `test_kill_campaign.py`."""

import os
import signal
import time

import pytest

from flowproto import methods, runs
from flowproto.client import ClientError
from support.real_daemon import PATIENCE_SECONDS, RealDaemon, real_daemon


def test_a_daemon_killed_while_a_client_watches(tmp_path):
    """`follow` reconnects by position: the story has no gap and no repetition."""
    text = (
        "flow: 1\nname: slow\nsteps:\n"
        "  - id: a\n    run: for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.15; done\n"
    )
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = client.call(methods.RUN, runs.RunParams(text=text, cwd=str(tmp_path))).run
        seen = []
        position = 0
        with pytest.raises(ClientError):
            for event in client.follow(run):
                seen.append(event)
                position = event.position
                if len(seen) == 5:
                    daemon.kill()
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        for event in client.follow(run, position):
            seen.append(event)
            if type(event).__name__ == "RunFinished":
                break
    positions = [event.position for event in seen]
    assert positions == sorted(set(positions))
    text = "".join(event.text for event in seen if type(event).__name__ == "StepOutput")
    assert text == "".join(f"line {n}\n" for n in range(1, 9))


def test_two_daemons_at_once_on_one_home(tmp_path):
    """One serves; the other leaves quietly and with success, since somebody serves."""
    with real_daemon(tmp_path) as first:
        second = RealDaemon(tmp_path)
        second.start()  # answers: the first one does
        assert second.process is not None
        assert second.process.wait(PATIENCE_SECONDS) == 0
        with first.client() as client:
            status = client.call(methods.STATUS, methods.STATUS.params())
        assert first.process is not None
        assert status.pid == first.process.pid


def test_sigterm_ends_the_daemon_and_not_the_step(tmp_path):
    text = (
        "flow: 1\nname: slow\nsteps:\n"
        "  - id: a\n"
        "    run: touch begun; while [ ! -e go ]; do sleep 0.02; done; echo x >> witness\n"
    )
    with real_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            run = client.call(methods.RUN, runs.RunParams(text=text, cwd=str(tmp_path))).run
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        assert daemon.end() == 0
        (tmp_path / "go").touch()
        daemon.start()
        with daemon.client() as client:
            *_, last = client.follow(run)
        assert last.state == "succeeded"
    assert (tmp_path / "witness").read_text() == "x\n"


def test_a_signal_that_a_lease_can_bring_ends_no_daemon(tmp_path):
    """The kernel sends it when another program opens a file that is being looked at."""
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        before = client.call(methods.STATUS, methods.STATUS.params())
        os.kill(before.pid, signal.SIGIO)
        assert client.call(methods.STATUS, methods.STATUS.params()).pid == before.pid
