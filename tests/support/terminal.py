"""A program on a terminal of its own, watched and typed to by a test."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from support.screen import Screen


class Terminal:
    """Runs a program on a pseudo-terminal and keeps the screen a user would see."""

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
    ):
        self.screen = Screen(columns, rows)
        self._status: int | None = None
        self.pid, self._master = pty.fork()
        if self.pid == 0:  # the child: nothing but exec
            try:
                os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execve(command[0], command, dict(environment))
            finally:
                os._exit(127)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(columns, rows)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Press keys; \\x03 is Ctrl-C."""
        os.write(self._master, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Read until the text is somewhere on the screen or above it."""
        self.wait_until(lambda: text in "\n".join(self.screen.text), repr(text), seconds)

    def wait_until(self, what: Callable[[], bool], name: str, seconds: float = 20) -> None:
        """Read until that is so."""
        deadline = time.monotonic() + seconds
        while not what():
            shown = "\n".join(self.screen.text)
            assert time.monotonic() < deadline, f"{name} did not come:\n{shown}"
            self._read(0.2)

    def wait(self, seconds: float = 20) -> int:
        """Read until the program ends and give its exit code."""
        deadline = time.monotonic() + seconds
        while self._status is None:
            shown = "\n".join(self.screen.text)
            assert time.monotonic() < deadline, f"it does not end:\n{shown}"
            self._read(0.1)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        while self._read(0):
            pass
        return self._status

    @property
    def echoes(self) -> bool:
        """Whether the terminal shows what is typed."""
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def close(self) -> None:
        """End the program if it still runs."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._master)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the last user of the terminal is gone
            return False
        self.screen.feed(data.decode(errors="replace"))
        return True
