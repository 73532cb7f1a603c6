"""The real `flowd` as a process of its own, on a home of the test's own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowproto.client import Client, DaemonUnreachable, connect

BIN = Path(sys.executable).parent
PATIENCE_SECONDS = 30.0


class RealDaemon:
    """A daemon that can be killed and started again."""

    def __init__(self, home: Path):
        self.home = home
        self.socket = home / "flowd.sock"
        self.environment = {**os.environ, "FLOW_HOME": str(home)}
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = "disabled:"  # whose desktop is it?
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            self.environment.pop(name, None)
        self.command = [str(BIN / "flowd")]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RealDaemon":
        """Start the daemon and wait until it answers."""
        process = self.spawn()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.client().close()
            except DaemonUnreachable:
                assert process.poll() is None, f"the daemon ended:\n{self.log()}"
                assert time.monotonic() < deadline, f"the daemon does not answer:\n{self.log()}"
                time.sleep(0.01)  # another process: no clock of ours can be turned
            else:
                return self

    def spawn(self, **more: str) -> subprocess.Popen[bytes]:
        """Start the daemon, with `more` in its environment, and wait for nothing."""
        with (self.home / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env={**self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def client(self) -> Client:
        """A connection."""
        return connect(self.socket, timeout=PATIENCE_SECONDS, client_name="test")

    def kill(self) -> None:
        """SIGKILL, as the worst of all ends."""
        self.end(signal.SIGKILL)

    def end(self, number: int = signal.SIGTERM) -> int:
        """End the daemon by a signal; give its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        """What the daemon wrote."""
        return (self.home / "daemon.log").read_text(errors="replace")

    def flowctl(self, *arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
        """Run flowctl against this daemon's home."""
        options = {"env": self.environment, "cwd": str(self.home), "timeout": 60, **more}
        return subprocess.run(
            [str(BIN / "flowctl"), *arguments],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            **options,  # type: ignore[call-overload]
        )


@contextmanager
def real_daemon(home: Path) -> Iterator[RealDaemon]:
    """A running daemon; it and what it runs are gone after the block."""
    daemon = RealDaemon(home)
    try:
        yield daemon.start()
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.end()
