"""`flowctl daemon`: start, stop and look after the daemon."""

from __future__ import annotations

import os
import time

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import Failure
from flowctl.text import duration, harmless, plural
from flowproto.client import DaemonUnreachable, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_STOP_SECONDS = 15.0
_LOG_LINES = 50


def start(arguments: Arguments, console: Console) -> int:
    """Start the daemon unless one answers, and say which."""
    daemon = Daemon(arguments, console)
    running = _status(daemon)
    if running is None:
        daemon.start()
        running = daemon.request("flow/daemon/status", {})
        told = "started"
    else:
        told = "already running"
    if console.json:
        console.print_json(running)
    else:
        console.print(f"flowd {running['version']} {told}, pid {running['pid']}")
    return exits.DONE


def stop(arguments: Arguments, console: Console) -> int:
    """Stop the daemon and wait until it is gone; its steps go on."""
    daemon = Daemon(arguments, console)
    stopped = stop_running(daemon)
    if console.json:
        console.print_json(stopped or {"running": 0})
    elif stopped is None:
        console.print("flowd was not running")
    else:
        console.print(f"flowd stopped; {_going_on(stopped['running'])}")
        if _socket_unit_is_active():
            console.say(
                "systemd starts it again for the next client; "
                "to prevent that: flowctl daemon uninstall",
                "dim",
            )
    return exits.DONE


def restart(arguments: Arguments, console: Console) -> int:
    """Stop it, if it runs, and start it."""
    daemon = Daemon(arguments, console)
    stopped = stop_running(daemon)
    if _status(daemon) is None:
        daemon.start()
    running = daemon.request("flow/daemon/status", {})
    if console.json:
        console.print_json(running)
    else:
        steps = _going_on(stopped["running"]) if stopped else "it was not running"
        console.print(f"flowd {running['version']} started, pid {running['pid']}; {steps}")
    return exits.DONE


def status(arguments: Arguments, console: Console) -> int:
    """Say who answers. Never starts the daemon."""
    daemon = Daemon(arguments, console)
    running = _status(daemon)
    if running is None:
        raise Failure(
            f"no daemon answers at {daemon.socket}",
            code="unreachable",
            cure="the next command that needs it starts it, or: flowctl daemon start",
        )
    if console.json:
        console.print_json(running)
        return exits.DONE
    rows = [
        ["flowd", f"{running['version']}, pid {running['pid']}"],
        ["socket", running["socket"]],
        ["database", running["database"]],
        ["up", duration(running["uptime_s"] * 1000)],
        ["live runs", str(running["runs"])],
        ["clients", str(running["peers"])],
    ]
    console.table(rows)
    for problem in (running["store_error"], running.get("policy_error", "")):
        if problem:
            console.print(console.style(harmless(problem), "red"))
    return exits.DONE


def logs(arguments: Arguments, console: Console) -> int:
    """Print the end of the daemon's log; with `--follow` what is added, until Ctrl-C."""
    lines = arguments.number("lines", _LOG_LINES)
    if _socket_unit_is_active():
        return _journal(lines, follow=arguments.flag("follow"))
    from flowproto.paths import find_paths

    path = find_paths().logs / "flowd.log"
    try:
        _print_log(path, lines, console, follow=arguments.flag("follow"))
    except FileNotFoundError as error:
        raise Failure(
            f"there is no log at {path}",
            code="not_found",
            cure="the daemon writes it when flowctl starts it; in the foreground it logs to stderr",
        ) from error
    return exits.DONE


# ------------------------------------------------------------------------------------------ parts


def _status(daemon: Daemon) -> dict[str, Any] | None:
    """Ask the daemon that runs, and start none; None when nobody answers."""
    try:
        with connect(daemon.socket, timeout=10.0) as connection:
            answer: dict[str, Any] = connection.request("flow/daemon/status", {})
            daemon.mention_skew(connection)
            return answer
    except DaemonUnreachable:
        return None


def stop_running(daemon: Daemon) -> dict[str, Any] | None:
    """Ask the daemon to end and wait until its process is gone. None when there was none."""
    running = _status(daemon)
    if running is None:
        return None
    with connect(daemon.socket, timeout=10.0) as connection:
        stopped: dict[str, Any] = connection.request("flow/daemon/stop", {})
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_alive(running["pid"]):
        if time.monotonic() > deadline:
            raise Failure(
                f"flowd (pid {running['pid']}) was asked to stop and did not",
                code="timed_out",
                cure="look at flowctl daemon logs, or end it with kill",
            )
        time.sleep(0.02)
    return stopped


def _is_alive(pid: int) -> bool:
    """Whether the process exists and is more than an entry its parent has not looked at."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def _going_on(steps: int) -> str:
    return f"{plural(steps, 'running step')} {'goes' if steps == 1 else 'go'} on without it"


def _socket_unit_is_active() -> bool:
    """Whether systemd listens for the daemon. False without systemd."""
    import shutil
    import subprocess

    if shutil.which("systemctl") is None or "FLOW_HOME" in os.environ:
        return False
    asked = ["systemctl", "--user", "is-active", "--quiet", "flowd.socket"]
    return subprocess.run(asked, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _journal(lines: int, *, follow: bool) -> int:
    import subprocess

    command = ["journalctl", "--user", "--unit", "flowd.service", "--lines", str(lines)]
    return subprocess.call([*command, "--follow"] if follow else [*command, "--no-pager"])


def _print_log(path: Path, count: int, console: Console, *, follow: bool) -> None:
    from collections import deque

    with path.open(encoding="utf-8", errors="replace") as log:
        for line in deque(log, maxlen=count) if count else ():
            console.print(harmless(line.rstrip("\n")))
        log.seek(0, os.SEEK_END)
        while follow:
            line = log.readline()
            if line:
                console.print(harmless(line.rstrip("\n")))
            else:
                time.sleep(0.2)
