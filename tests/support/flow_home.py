"""A scratch FLOW_HOME with the real `flowctl` and `flowd`, ended with the test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BIN = Path(sys.executable).parent
FLOWCTL = str(BIN / "flowctl")


class FlowHome:
    """One user's Flow. The daemon starts by itself with the first command that needs it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir()
        self.environment = {
            "FLOW_HOME": str(folder / "home"),
            "HOME": str(folder),
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }

    def flowctl(self, *words: str, **more: Any) -> "subprocess.CompletedProcess[str]":
        """Run flowctl in the project folder and give what it did; no terminal anywhere."""
        settings: dict[str, Any] = {
            "cwd": self.project,
            "env": self.environment,
            "capture_output": True,
            "text": True,
            "timeout": 60,
        }
        if "input" not in more:
            settings["stdin"] = subprocess.DEVNULL
        return subprocess.run([FLOWCTL, *words], check=False, **(settings | more))

    def out(self, *words: str, code: int = 0, **more: Any) -> str:
        """Run flowctl, insist on its exit code and give its standard output."""
        ran = self.flowctl(*words, **more)
        assert ran.returncode == code, f"exit {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout

    def json(self, *words: str, code: int = 0, **more: Any) -> Any:
        """Run flowctl with --json and give the last line it printed, decoded."""
        return json.loads(self.out(*words, "--json", code=code, **more).splitlines()[-1])

    def workflow(self, steps: str, name: str = "w", head: str = "") -> str:
        """Write a workflow file into the project; `steps` is YAML, `head` more keys. Its name."""
        file = self.project / f"{name}.flow.yaml"
        file.write_text(f"flow: 1\nname: {name}\n{head}steps:\n{steps}", encoding="utf-8")
        return file.name

    def daemon_pid(self) -> int | None:
        """The pid of the daemon that holds the lock, if it lives."""
        try:
            pid = int((self.folder / "home" / "flowd.lock").read_text(encoding="utf-8"))
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return None if state.split()[0] == "Z" else pid  # a zombie has ended

    def cancel_live_runs(self) -> None:
        """Cancel what is not finished, if there is a daemon at all."""
        if self.daemon_pid() is None:
            return
        for run in self.json("ps", "--no-start")["runs"]:
            self.flowctl("cancel", run["id"], "--no-start")

    def kill_daemon(self, number: int = signal.SIGKILL) -> None:
        """End the daemon with a signal and wait until it is gone. Its steps go on."""
        pid = self.daemon_pid()
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + 20
        while self.daemon_pid() == pid:
            assert time.monotonic() < deadline, f"flowd {pid} does not end"
            time.sleep(0.02)


@contextmanager
def flow_home(folder: Path) -> Iterator[FlowHome]:
    """Give a scratch home; its live runs are cancelled and its daemon ended at the end."""
    home = FlowHome(folder)
    try:
        yield home
    finally:
        home.cancel_live_runs()
        home.kill_daemon(signal.SIGTERM)


@contextmanager
def borrowed(home: FlowHome, project: Path) -> Iterator[FlowHome]:
    """Give a home that several tests share: another project, and the environment as it was."""
    before = home.project, home.environment
    home.project, home.environment = project, dict(home.environment)
    try:
        yield home
    finally:
        home.project, home.environment = before
        home.cancel_live_runs()
