"""The daemon's life as flowctl sees it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, flow_home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[FlowHome]:
    with flow_home(tmp_path) as made:
        yield made


def test_it_starts_by_itself_unless_told_not_to(home: FlowHome) -> None:
    assert home.flowctl("ps", "--no-start").returncode == 8
    assert home.daemon_pid() is None
    assert home.flowctl("daemon", "status").returncode == 8
    assert home.daemon_pid() is None
    assert home.json("ps") == {"runs": []}
    status = home.json("daemon", "status")
    assert status["pid"] == home.daemon_pid()
    assert {"pid", "socket", "version", "uptime_s", "runs"} <= set(status)


def test_many_at_once_start_one_daemon(home: FlowHome) -> None:
    programs = [
        subprocess.Popen(
            [FLOWCTL, "ps", "--json"],
            cwd=home.project,
            env=home.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for program in programs:
        assert json.loads(program.communicate(timeout=60)[0]) == {"runs": []}
        assert program.returncode == 0
    log = (home.folder / "home" / "logs" / "flowd.log").read_text(encoding="utf-8")
    assert log.count(" serves " + str(home.folder / "home" / "flowd.sock")) == 1


def test_start_stop_restart(home: FlowHome) -> None:
    assert "started" in home.out("daemon", "start")
    assert "already running" in home.out("daemon", "start")
    first = home.daemon_pid()
    file = home.workflow("  - {id: a, run: sleep 1; touch done}\n")
    run = home.out("run", file, "--detach").strip()
    assert "1 running step goes on" in home.out("daemon", "restart")
    assert home.daemon_pid() not in (None, first)
    home.out("attach", run)
    assert (home.project / "done").exists()
    home.out("daemon", "stop")
    assert home.daemon_pid() is None
    assert "was not running" in home.out("daemon", "stop")


def test_a_daemon_that_cannot_start_shows_its_last_words(home: FlowHome) -> None:
    (home.folder / "home").mkdir()
    (home.folder / "home" / "config.toml").write_text("[engine\n", encoding="utf-8")
    began = time.monotonic()
    ran = home.flowctl("ps")
    assert ran.returncode == 8
    assert "is not TOML" in ran.stderr
    assert time.monotonic() - began < 10
    error = home.json("ps", code=8)["error"]
    assert error["code"] == "unreachable"
    report = home.json("doctor", code=1)["checks"]
    failed = {check["name"] for check in report if check["status"] == "fail"}
    assert failed == {"settings", "daemon"}


def test_nothing_is_started_for_a_socket_of_somebody_else(home: FlowHome) -> None:
    ran = home.flowctl("ps", "--socket", str(home.folder / "other.sock"))
    assert ran.returncode == 8
    assert home.daemon_pid() is None
    home.out("daemon", "start")
    socket = str(home.folder / "home" / "flowd.sock")
    assert home.json("ps", "--socket", socket) == {"runs": []}


def test_the_folder_must_be_writable(home: FlowHome) -> None:
    home.environment["FLOW_HOME"] = "/proc/flow"
    ran = home.flowctl("ps")
    assert ran.returncode == 8
    assert "set FLOW_HOME to another" in ran.stderr


def test_doctor_finds_a_healthy_home_healthy(home: FlowHome) -> None:
    checks = {check["name"]: check for check in home.json("doctor")["checks"]}
    for name in ("python", "flowd", "settings", "data", "daemon", "database", "socket"):
        assert checks[name]["status"] == "ok", checks[name]
    assert all(check["cure"] for check in checks.values() if check["status"] == "fail")
    assert "project" in checks["isolation"]["message"]
    assert "steps without a sandbox" in checks["isolation"]["message"]
    (home.folder / "home" / "flowd.sock").chmod(0o666)
    after = {check["name"]: check for check in home.json("doctor")["checks"]}
    assert after["socket"]["status"] == "warn"
    assert after["socket"]["cure"].startswith("chmod 600")


def test_a_home_given_relative_to_the_folder_is_found_again(home: FlowHome) -> None:
    home.environment["FLOW_HOME"] = "../home"
    status = home.json("daemon", "start")
    assert Path(status["socket"]).resolve() == home.folder / "home" / "flowd.sock"
    assert home.daemon_pid() == status["pid"]


def test_another_version_is_said_and_still_works(home: FlowHome) -> None:
    home.out("daemon", "start")
    program = (
        "import sys, flowctl; flowctl.__version__ = '0.0.1';"
        "from flowctl.main import main; sys.exit(main(['ps', '--json']))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0
    assert json.loads(ran.stdout) == {"runs": []}
    assert ran.stderr.startswith("flowctl is version 0.0.1, the running daemon ")


def test_its_log_can_be_read(home: FlowHome) -> None:
    assert home.flowctl("daemon", "logs").returncode == 6
    home.out("daemon", "start")
    assert " serves " in home.out("daemon", "logs", "-n", "5")


def test_installing_without_systemd_or_for_a_scratch_home_is_refused(home: FlowHome) -> None:
    assert home.flowctl("daemon", "install").returncode == 2
    del home.environment["FLOW_HOME"]
    home.environment["PATH"] = "/nowhere"
    ran = home.flowctl("daemon", "install")
    assert ran.returncode == 2
    assert "flowctl starts the daemon whenever it is needed" in ran.stderr


def test_stats(home: FlowHome) -> None:
    home.out("run", home.workflow("  - {id: a, run: 'true'}\n"))
    figures = home.json("stats")
    assert figures["runs"] == 1
    assert figures["runs_by_state"] == {"succeeded": 1}
    assert "1 succeeded" in home.out("stats")


def test_lsp_becomes_the_relay(home: FlowHome) -> None:
    body = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}
    )
    frame = f"Content-Length: {len(body)}\r\n\r\n{body}"
    home.out("daemon", "start")
    ran = subprocess.run(
        [FLOWCTL, "lsp"],
        input=frame,
        env=home.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert '"serverInfo"' in ran.stdout
    assert ran.stdout.startswith("Content-Length: ")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag: str, home: FlowHome) -> None:
    assert home.out(flag).startswith("flowctl 0.")


def test_wrong_words_end_with_2(home: FlowHome) -> None:
    for words in (["pss"], ["ps", "--jsn"], ["show"], []):
        assert home.flowctl(*words).returncode == 2
    assert home.json("pss", code=2)["error"]["code"] == "usage"
