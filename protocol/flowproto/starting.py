"""Start the daemon when nobody listens: what `flowctl` and `flowd --stdio` do alike.

Several may do so at once: one of them starts a daemon and all try the socket until it answers. A
daemon that comes second all the same finds the daemons' own lock taken, and leaves quietly.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from flowproto.client import connect
from flowproto.connection import DaemonUnreachable, StartFailed
from flowproto.environment import STEP_MARKS
from flowproto.paths import find_paths

__all__ = ["StartFailed", "Starting", "answers", "find_flowd", "start_and_wait"]

PATIENCE_SECONDS = 10.0
_SHOWN_LINES = 12


def find_flowd() -> str:
    """Give the path of the daemon's program: beside this one, beside Python, or on the PATH.

    StartFailed when there is none.
    """
    here = Path(sys.argv[0]).resolve().parent
    for folder in (here, Path(sys.executable).parent):
        candidate = folder / "flowd"
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return str(candidate)
    on_path = shutil.which("flowd")
    if on_path:
        return on_path
    raise StartFailed(
        "the daemon's program, flowd, is not installed beside this one and not on the PATH",
        cure="install the whole of Flow: pip install flow-daemon",
    )


def _cannot_start(error: OSError) -> StartFailed:
    return StartFailed(
        f"the daemon cannot be started: {error}",
        cure="make the folder writable, or set FLOW_HOME to another",
    )


def _environment() -> dict[str, str]:
    """Give our environment with a FLOW_HOME that means the same in every folder.

    The marks of a step we may be part of stay behind: the daemon is not a part of it, and must not
    end with it.
    """
    environment = {name: v for name, v in os.environ.items() if name not in STEP_MARKS}
    if home := os.environ.get("FLOW_HOME"):
        environment["FLOW_HOME"] = str(Path(home).expanduser().absolute())
    return environment


class Starting:
    """A daemon on its way up. `log` is where it writes; `read_from` where this start begins.

    One program at a time starts a daemon (a lock on the log says which, until `done`); the others
    have no `process`, and wait for that one.
    """

    def __init__(self, socket: str) -> None:
        self._socket = socket
        self._program = find_flowd()
        self.process: subprocess.Popen[bytes] | None = None
        logs = find_paths().logs
        try:
            logs.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log = logs / "flowd.log"
            # Not the one that the daemon gets, which would have the lock for as long as it lives.
            self._lock = os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _cannot_start(error) from error
        self.read_from = os.lseek(self._lock, 0, os.SEEK_END)
        self.start_if_nobody_does()

    def start_if_nobody_does(self) -> None:
        """Start the daemon, unless that was done or another program is about to do it."""
        if self.process is not None:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if answers(self._socket):  # whoever had the lock before has seen to it
                fcntl.flock(self._lock, fcntl.LOCK_UN)
                return
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        except BlockingIOError:
            return
        except OSError as error:
            raise _cannot_start(error) from error
        with os.fdopen(descriptor, "ab") as output:
            self.process = subprocess.Popen(
                [self._program],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                start_new_session=True,
            )

    def done(self) -> None:
        """Let others start a daemon; to be called once."""
        os.close(self._lock)

    @property
    def ended(self) -> bool:
        """Whether the daemon that was started here is no more."""
        return self.process is not None and self.process.poll() is not None

    @property
    def failed(self) -> bool:
        """Whether it ended with an error; one that found another daemon at work ends without."""
        return self.process is not None and self.process.poll() not in (None, 0)

    def last_words(self) -> str:
        """What it wrote to its log last."""
        with self.log.open("rb") as log:
            log.seek(self.read_from)
            lines = log.read(65536).decode(errors="replace").rstrip().splitlines()
        return "\n".join(lines[-_SHOWN_LINES:])

    def failure(self, message: str) -> StartFailed:
        """The error to raise when this start came to nothing."""
        words = self.last_words()
        cure = f"its last words, in {self.log}:\n{words}" if words else f"see {self.log}"
        return StartFailed(message, cure)


def start_and_wait(socket: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Start a daemon and return when somebody answers at the socket, at most `patience` seconds.

    StartFailed, with the daemon's last words, when nobody does.
    """
    starting = Starting(socket)
    try:
        deadline = time.monotonic() + patience
        while not answers(socket):
            if starting.process is not None and starting.failed:
                raise starting.failure(f"the daemon ended with status {starting.process.poll()}")
            if time.monotonic() > deadline:
                raise starting.failure(f"the daemon did not answer within {patience:.0f} s")
            time.sleep(0.02)
            starting.start_if_nobody_does()
    finally:
        starting.done()


def answers(socket: str) -> bool:
    """Whether a daemon of ours answers at the socket."""
    try:
        connect(socket, timeout=1.0).close()
    except DaemonUnreachable:
        return False
    return True
