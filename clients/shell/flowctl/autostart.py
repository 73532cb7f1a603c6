"""Start the daemon when nobody listens.

Two of us may do so at once: every daemon takes a lock first and the loser leaves quietly, so all
that is left to do here is to try the socket until somebody answers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from flowctl.exits import Failure
from flowproto.client import DaemonUnreachable, connect
from flowproto.paths import find_paths

PATIENCE_SECONDS = 10.0
_SHOWN_LINES = 12


def find_flowd() -> str:
    """Give the path of the daemon's program: beside this one, beside Python, or on the PATH.

    Failure when there is none.
    """
    here = Path(sys.argv[0]).resolve().parent
    for folder in (here, Path(sys.executable).parent):
        candidate = folder / "flowd"
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return str(candidate)
    on_path = shutil.which("flowd")
    if on_path:
        return on_path
    raise Failure(
        "the daemon's program, flowd, is not installed beside flowctl and not on the PATH",
        code="unreachable",
        cure="install the whole of Flow: pip install flow-daemon",
    )


def _environment() -> dict[str, str]:
    """Give our environment with a FLOW_HOME that means the same in every folder."""
    home = os.environ.get("FLOW_HOME")
    return (
        {**os.environ, "FLOW_HOME": str(Path(home).expanduser().absolute())}
        if home
        else {**os.environ}
    )


class Starting:
    """A daemon on its way up. `log` is where it writes; `read_from` where this start begins."""

    def __init__(self) -> None:
        program = find_flowd()
        logs = find_paths().logs
        try:
            logs.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.log = logs / "flowd.log"
            descriptor = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise Failure(
                f"the daemon cannot be started: {error}",
                code="unreachable",
                cure="make the folder writable, or set FLOW_HOME to another",
            ) from error
        with os.fdopen(descriptor, "ab") as output:
            self.read_from = output.tell()
            self.process = subprocess.Popen(
                [program],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )

    @property
    def failed(self) -> bool:
        """Whether it ended with an error; one that found another daemon at work ends without."""
        return self.process.poll() not in (None, 0)

    def last_words(self) -> str:
        """What it wrote to its log last."""
        with self.log.open("rb") as log:
            log.seek(self.read_from)
            lines = log.read(65536).decode(errors="replace").rstrip().splitlines()
        return "\n".join(lines[-_SHOWN_LINES:])


def start_and_wait(socket: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Start a daemon and return when somebody answers at the socket, at most `patience` seconds.

    Failure, with the daemon's last words, when nobody does.
    """
    starting = Starting()
    deadline = time.monotonic() + patience
    while True:
        if _answers(socket):
            return
        if starting.failed:
            raise did_not_start(f"the daemon ended with status {starting.process.poll()}", starting)
        if time.monotonic() > deadline:
            raise did_not_start(f"the daemon did not answer within {patience:.0f} s", starting)
        time.sleep(0.02)


def _answers(socket: str) -> bool:
    try:
        connect(socket, timeout=1.0).close()
    except DaemonUnreachable:
        return False
    return True


def did_not_start(message: str, starting: Starting) -> Failure:
    """Give the failure of a start, with what the daemon wrote last."""
    words = starting.last_words()
    cure = f"its last words, in {starting.log}:\n{words}" if words else f"see {starting.log}"
    return Failure(message, code="unreachable", cure=cure)
