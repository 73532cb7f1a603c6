"""flowd under a real `systemd --user`: started on demand, started again, never at a step's cost."""

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.systemd import UserManager, reason_to_skip, user_manager

FLOWCTL = Path(sys.executable).parent / "flowctl"
# A hung daemon is killed after this many seconds; long enough for a loaded machine.
WATCHDOG = 6
STEP_THAT_WAITS = """\
flow: 1
name: patient
steps:
  - id: wait
    run: |
      echo $$ > pid
      while [ ! -e go ]; do sleep 0.05; done
      echo once >> ledger
"""
WITH_LIMITS = STEP_THAT_WAITS.replace(
    "    run: |\n", "    limits: {memory: 1G, cpu: 1h}\n    run: |\n"
).replace("echo $$ > pid", "cat /proc/self/cgroup > group; echo $$ > pid")


@pytest.fixture(scope="module", autouse=True)
def _possible() -> None:
    reason = reason_to_skip()
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
def bare_manager() -> Iterator[UserManager]:
    """A user manager that has not heard of Flow."""
    with user_manager() as running:
        yield running


@pytest.fixture
def manager() -> Iterator[UserManager]:
    """A user manager with Flow installed, the socket listening and no daemon yet."""
    with user_manager() as running:
        shorter = running.home / ".config/systemd/user/flowd.service.d/shorter.conf"
        shorter.parent.mkdir(parents=True)
        shorter.write_text(
            f"[Service]\nWatchdogSec={WATCHDOG}s\nTimeoutStopSec=2s\n"
            f"StandardError=append:{running.log}\n"
        )
        flowctl(running, "daemon", "install")
        running.systemctl("stop", "flowd.service")
        yield running


def flowctl(manager: UserManager, *words: str) -> str:
    return manager.run(FLOWCTL, *words).stdout


def ask(manager: UserManager, *words: str) -> Any:
    return json.loads(flowctl(manager, *words, "--json"))


def daemon_pid(manager: UserManager) -> int:
    return int(manager.property("flowd.service", "MainPID"))


def kill(manager: UserManager, number: signal.Signals, pid: int) -> None:
    manager.run("kill", f"-{number.value}", str(pid))


def wait_for_restart(manager: UserManager, count: int) -> None:
    manager.wait_for(
        lambda: (
            manager.property("flowd.service", "NRestarts") == str(count)
            and manager.property("flowd.service", "ActiveState") == "active"
        ),
        f"restart {count} of flowd",
    )


def start_patient_run(manager: UserManager, text: str = STEP_THAT_WAITS) -> str:
    """Start a run whose only step waits for the file `go` in the home folder. Its id."""
    (manager.home / "patient.flow.yaml").write_text(text)
    command = f"cd {manager.home} && {FLOWCTL} run patient.flow.yaml --detach --json"
    run: str = json.loads(manager.run("sh", "-c", command).stdout)["run"]
    manager.wait_for(lambda: (manager.home / "pid").exists(), "the step started")
    return run


@pytest.fixture
def patient_run(manager: UserManager) -> str:
    return start_patient_run(manager)


def let_it_finish(manager: UserManager, run: str) -> None:
    """Open the gate; the run must end well, and its step must have done its work once."""
    (manager.home / "go").touch()
    last = json.loads(flowctl(manager, "attach", run, "--json").splitlines()[-1])
    assert (last["type"], last["state"]) == ("run_finished", "succeeded")
    assert (manager.home / "ledger").read_text() == "once\n"
    assert len(ask(manager, "show", run)["steps"][0]["attempts"]) == 1


def test_the_first_client_starts_the_daemon(manager: UserManager) -> None:
    assert manager.property("flowd.socket", "ActiveState") == "active"
    assert manager.property("flowd.service", "ActiveState") == "inactive"
    socket = manager.runtime / "flow" / "flowd.sock"
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert ask(manager, "ps") == {"runs": []}
    assert manager.property("flowd.service", "ActiveState") == "active"
    assert ask(manager, "daemon", "status")["pid"] == daemon_pid(manager)


def test_it_comes_up_at_login_and_is_gone_after_uninstall(manager: UserManager) -> None:
    assert manager.systemctl("is-enabled", "flowd.service") == "enabled"
    assert manager.systemctl("is-enabled", "flowd.socket") == "enabled"
    flowctl(manager, "daemon", "uninstall")
    assert manager.property("flowd.service", "LoadState") == "not-found"
    assert manager.property("flowd.socket", "LoadState") == "not-found"


def test_installing_takes_over_from_a_daemon_that_flowctl_started(
    bare_manager: UserManager,
) -> None:
    run = start_patient_run(bare_manager)
    earlier = ask(bare_manager, "daemon", "status")["pid"]
    flowctl(bare_manager, "daemon", "install")
    flowctl(bare_manager, "daemon", "install")  # twice does no harm
    now = ask(bare_manager, "daemon", "status")["pid"]
    assert now == daemon_pid(bare_manager) != earlier
    let_it_finish(bare_manager, run)


def test_a_program_in_a_folder_with_an_odd_name_is_started(bare_manager: UserManager) -> None:
    folder = bare_manager.home / "we$ird ${HOME} 100%n"
    folder.mkdir()
    for program in ("flowctl", "flowd"):
        shutil.copy(FLOWCTL.with_name(program), folder)
    bare_manager.run(folder / "flowctl", "daemon", "install")
    assert ask(bare_manager, "daemon", "status")["pid"] == daemon_pid(bare_manager) != 0


def test_a_killed_daemon_is_started_again_and_the_run_goes_on(
    manager: UserManager, patient_run: str
) -> None:
    killed = daemon_pid(manager)
    kill(manager, signal.SIGKILL, killed)
    wait_for_restart(manager, 1)
    assert daemon_pid(manager) not in (0, killed)
    let_it_finish(manager, patient_run)


def test_a_step_with_limits_is_in_a_scope_and_outlives_the_daemon(manager: UserManager) -> None:
    """The service can be started again although a step is left in a group with controllers."""
    run = start_patient_run(manager, WITH_LIMITS)
    (group,) = [
        line for line in (manager.home / "group").read_text().splitlines() if line[:3] == "0::"
    ]
    assert ".scope/" in group
    assert f"/{run}.wait.run.1." in group
    for number in (1, 2):
        kill(manager, signal.SIGKILL, daemon_pid(manager))
        wait_for_restart(manager, number)
    let_it_finish(manager, run)
    attempt = ask(manager, "show", run)["steps"][0]["attempts"][0]
    assert "cpu 1h (rlimit, counts each process)" in attempt["limits"]
    folder = Path(f"/proc/{manager.first_pid}/root/sys/fs/cgroup{group[3:]}")
    manager.wait_for(lambda: not folder.exists(), "the group of the step is gone")


def test_a_client_that_connects_meanwhile_is_answered(manager: UserManager) -> None:
    ask(manager, "ps")
    kill(manager, signal.SIGKILL, daemon_pid(manager))
    assert ask(manager, "ps") == {"runs": []}
    assert manager.property("flowd.service", "ActiveState") == "active"


def test_a_hung_daemon_is_killed_and_started_again(manager: UserManager, patient_run: str) -> None:
    hung = daemon_pid(manager)
    kill(manager, signal.SIGSTOP, hung)
    wait_for_restart(manager, 1)
    assert daemon_pid(manager) not in (0, hung)
    let_it_finish(manager, patient_run)


def test_the_signal_of_the_watchdog_tells_where_the_daemon_hung(manager: UserManager) -> None:
    ask(manager, "ps")
    assert manager.property("flowd.service", "WatchdogSignal") == str(signal.SIGABRT.value)
    kill(manager, signal.SIGABRT, daemon_pid(manager))
    wait_for_restart(manager, 1)
    assert "most recent call first" in manager.log.read_text()


def test_a_busy_daemon_is_not_taken_for_a_hung_one(manager: UserManager) -> None:
    ask(manager, "ps")
    before = manager.property("flowd.service", "WatchdogTimestampMonotonic")
    manager.wait_for(
        lambda: manager.property("flowd.service", "WatchdogTimestampMonotonic") != before,
        "a sign of life",
    )
    assert manager.property("flowd.service", "NRestarts") == "0"


def test_stopping_the_daemon_leaves_its_steps_running(
    manager: UserManager, patient_run: str
) -> None:
    manager.systemctl("stop", "flowd.service")
    assert manager.property("flowd.service", "ActiveState") == "inactive"
    assert manager.property("flowd.service", "Result") == "success"
    manager.run("kill", "-0", (manager.home / "pid").read_text().strip())  # it is alive
    let_it_finish(manager, patient_run)


def test_a_step_that_ends_while_no_daemon_runs_is_not_repeated(
    manager: UserManager, patient_run: str
) -> None:
    manager.systemctl("stop", "flowd.service")
    (manager.home / "go").touch()
    manager.wait_for(lambda: (manager.home / "ledger").exists(), "the step did its work")
    assert manager.property("flowd.service", "ActiveState") == "inactive"
    let_it_finish(manager, patient_run)


def test_a_restart_keeps_runs_and_the_socket(manager: UserManager, patient_run: str) -> None:
    socket = manager.runtime / "flow" / "flowd.sock"
    before = socket.stat().st_ino
    manager.systemctl("restart", "flowd.service")
    assert socket.stat().st_ino == before
    let_it_finish(manager, patient_run)


def test_daemon_stop_is_not_taken_for_a_failure(manager: UserManager) -> None:
    ask(manager, "ps")
    flowctl(manager, "daemon", "stop")
    manager.wait_for(
        lambda: manager.property("flowd.service", "ActiveState") == "inactive", "flowd stopped"
    )
    assert manager.property("flowd.service", "Result") == "success"
    assert manager.property("flowd.service", "NRestarts") == "0"


def test_a_mistake_in_the_settings_is_told_once(manager: UserManager) -> None:
    settings = manager.home / ".config/flow/config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[engine\n")
    manager.systemctl("start", "flowd.service", check=False)
    assert manager.property("flowd.service", "ActiveState") == "failed"
    assert manager.property("flowd.service", "NRestarts") == "0"
    assert manager.log.read_text().count("is not TOML") == 1
    settings.write_text("")
    assert ask(manager, "ps") == {"runs": []}
    assert manager.property("flowd.service", "ActiveState") == "active"


def test_after_a_crash_loop_flowctl_says_how_systemd_takes_over_again(manager: UserManager) -> None:
    settings = manager.home / ".config/flow/config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[engine\n")
    reset = "systemctl --user reset-failed flowd.service flowd.socket"

    refused = manager.run(FLOWCTL, "ps", check=False)
    assert refused.returncode == 8
    assert "the connection to the daemon broke" in refused.stderr
    assert reset in refused.stderr
    assert manager.property("flowd.socket", "ActiveState") == "failed"

    refused = manager.run(FLOWCTL, "ps", check=False)  # tries to start one of its own
    assert refused.returncode == 8
    assert "is not TOML" in refused.stderr
    assert reset in refused.stderr

    settings.write_text("")
    assert ask(manager, "ps") == {"runs": []}, "flowctl helps itself"
    [systemd] = [c for c in ask(manager, "doctor")["checks"] if c["name"] == "systemd"]
    assert systemd["status"] == "warn"
    told = systemd["cure"].splitlines()
    for command in told[told.index("once that is mended, hand back to systemd:") + 1 :]:
        manager.run("sh", "-c", f"PATH={FLOWCTL.parent}:$PATH; {command}")
    assert ask(manager, "daemon", "status")["pid"] == daemon_pid(manager)
    [systemd] = [c for c in ask(manager, "doctor")["checks"] if c["name"] == "systemd"]
    assert systemd["status"] == "ok"


def test_a_start_that_fails_is_not_taken_for_a_crash_loop(manager: UserManager) -> None:
    manager.systemctl("stop", "flowd.socket", "flowd.service")
    settings = manager.home / ".config/flow/config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[engine\n")
    refused = manager.run(FLOWCTL, "ps", check=False)
    assert refused.returncode == 8
    assert "is not TOML" in refused.stderr
    assert "systemd" not in refused.stderr


def test_reload_reads_the_settings_again_without_a_restart(manager: UserManager) -> None:
    ask(manager, "ps")
    pid = daemon_pid(manager)
    manager.systemctl("reload", "flowd.service")
    manager.wait_for(
        lambda: manager.property("flowd.service", "ActiveState") == "active", "reloaded"
    )
    assert daemon_pid(manager) == pid
    assert ask(manager, "ps") == {"runs": []}


def test_steps_do_not_see_what_systemd_told_the_daemon(manager: UserManager) -> None:
    """Even with the daemon's own environment, which a client that sends none gets."""
    ask(manager, "ps")
    environment = manager.run("cat", f"/proc/{daemon_pid(manager)}/environ").stdout
    assert "NOTIFY_SOCKET=" in environment, "systemd did tell the daemon"
    script = """
import sys
from flowproto.client import connect
from flowproto.methods import RUN
from flowproto.runs import RunParams
text = "flow: 1\\nname: look\\nsteps: [{id: look, run: env > seen}]\\n"
with connect(sys.argv[1]) as daemon:
    print(daemon.call(RUN, RunParams(text=text, cwd=sys.argv[2])).run)
"""
    socket = manager.runtime / "flow" / "flowd.sock"
    run = manager.run(sys.executable, "-c", script, socket, manager.home).stdout.strip()
    flowctl(manager, "attach", run)
    seen = (manager.home / "seen").read_text()
    assert "XDG_RUNTIME_DIR=" in seen
    names = {line.partition("=")[0] for line in seen.splitlines()}
    assert not names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"}
