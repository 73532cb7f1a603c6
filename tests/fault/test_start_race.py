"""Many start a daemon at once on one home: one serves, and none is left over."""

import os
import subprocess
import time
from pathlib import Path

from support.flow_home import FLOWCTL, flow_home
from support.real_daemon import BIN, PATIENCE_SECONDS, RealDaemon

ROUNDS = 6
AT_ONCE = 4


def daemons_of(home: Path) -> list[int]:
    """Every `flowd` of this home, however far it has come."""
    mark = f"FLOW_HOME={home}".encode()
    found = []
    for process in Path("/proc").iterdir():
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            named = any(Path(os.fsdecode(word)).name == "flowd" for word in words[:2])
            if named and mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError, NotADirectoryError):
            continue
    return found


def test_of_daemons_that_start_at_once_one_serves_and_the_others_succeed(tmp_path):
    """As when systemd and a shell each start one: there the daemon's own lock decides."""
    daemon = RealDaemon(tmp_path)
    for lap in range(ROUNDS):
        several = [
            subprocess.Popen(
                [str(BIN / "flowd")],
                env=daemon.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(AT_ONCE)
        ]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(serving := [one for one in several if one.poll() is None]) > 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert [one.returncode for one in several if one not in serving] == [0] * (AT_ONCE - 1)
        daemon.process = serving[0]
        with daemon.client() as client:
            assert client.request("flow/daemon/status", {})["pid"] == serving[0].pid
        if lap % 2:
            daemon.kill()  # the next ones find its socket in the way
        else:
            assert daemon.end() == 0
    assert daemons_of(tmp_path) == []


def test_of_programs_that_start_one_at_once_only_one_does(tmp_path):
    """A daemon too many would come up slowly and serve once the first one is stopped."""
    with flow_home(tmp_path) as home:
        for lap in range(ROUNDS):
            programs = [
                subprocess.Popen(
                    [FLOWCTL, "ps"],
                    cwd=home.project,
                    env=home.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                for _ in range(AT_ONCE)
            ]
            assert [program.wait(PATIENCE_SECONDS) for program in programs] == [0] * AT_ONCE
            pid = home.daemon_pid()
            assert daemons_of(tmp_path / "home") == [pid]
            if lap % 2:
                home.kill_daemon()
            else:
                assert home.flowctl("daemon", "stop").returncode == 0
