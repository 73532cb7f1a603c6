"""A few lines at the bottom of a terminal that are drawn again and again, without full screen.

The terminal always gets back what was taken from it: cursor and echo return on every way out, by
the end of a `with`, by an exception, SIGTERM, SIGHUP, or Ctrl-Z.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
from contextlib import contextmanager

from flowctl.text import width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"


class Block:
    """The lines that are on the screen now, above the cursor. `size` gives columns and rows."""

    def __init__(self, write: Callable[[str], None], size: Callable[[], tuple[int, int]]):
        self._write = write
        self._size = size
        self._shown: list[str] = []
        self._shown_at = (0, 0)

    def draw(self, lines: Sequence[str]) -> None:
        """Put these lines where the last ones were; nothing is written when nothing changed."""
        size = self._size()
        if list(lines) == self._shown and size == self._shown_at:
            return
        body = "".join(f"{line}\x1b[K\n" for line in lines)
        self._write(self._home(size) + body + "\x1b[J")
        self._shown, self._shown_at = list(lines), size

    def clear(self) -> None:
        """Take the lines away; what is written next begins where they began."""
        if self._shown:
            self._write(self._home(self._size()) + "\x1b[J")
        self.forget()

    def forget(self) -> None:
        """Leave the lines where they are for good; the next ones come below."""
        self._shown = []

    def _home(self, size: tuple[int, int]) -> str:
        """Move to the first column of the first line, which a narrowed terminal has broken up."""
        columns, rows = size
        taken = sum(max(1, -(-width(line) // columns)) for line in self._shown)
        up = min(taken, rows - 1)
        return f"\r\x1b[{up}A" if up else "\r"


class QuietTerminal:
    """Hides the cursor and what is typed, so that neither disturbs the drawing."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._usual = None if self._input is None else termios.tcgetattr(self._input)
        self._again: Callable[[], None] = self.hush

    def resume(self) -> None:
        """After a `restore`: be as before."""
        self._again()

    def lend(self) -> None:
        """Let a program at the other end of the line have all keys, and do all drawing."""
        self._again = self.lend
        self._write(_SHOW_CURSOR)
        if self._usual is not None:
            raw = [*self._usual]
            raw[0] = int(self._usual[0]) & ~(
                termios.BRKINT | termios.ICRNL | termios.INLCR | termios.IGNCR
                | termios.INPCK | termios.ISTRIP | termios.IXON
            )  # fmt: skip
            raw[1] = int(self._usual[1]) & ~termios.OPOST
            raw[3] = int(self._usual[3]) & ~(
                termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG
            )
            keys = [*self._usual[6]]  # a list among numbers
            keys[termios.VMIN], keys[termios.VTIME] = 1, 0
            raw[6] = keys
            self._set(raw)

    def hush(self) -> None:
        """Hide both."""
        self._again = self.hush
        self._write(_HIDE_CURSOR)
        if self._input is not None and self._usual is not None:
            quiet = [*self._usual]
            quiet[3] = int(self._usual[3]) & ~termios.ECHO
            self._set(quiet)

    def restore(self) -> None:
        """Show both, as they were."""
        self._write(_SHOW_CURSOR)
        if self._usual is not None:
            self._set(self._usual)

    def _set(self, attributes: list[int | list[bytes | int]]) -> None:
        """Set terminal attributes, also when a shell has put us in the background meanwhile."""
        assert self._input is not None
        previous = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            termios.tcsetattr(self._input, termios.TCSADRAIN, attributes)
        except termios.error:
            return  # the terminal is gone: nobody is left to be disturbed
        finally:
            signal.signal(signal.SIGTTOU, previous)

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            return  # likewise


@contextmanager
def quiet_terminal(after_stop: Callable[[], None]) -> Iterator[QuietTerminal]:
    """Keep the terminal quiet inside the `with`; `after_stop` is called when Ctrl-Z is over."""
    terminal = QuietTerminal()

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    def stop(number: int, frame: FrameType | None) -> None:
        terminal.restore()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, stop)
        terminal.resume()
        after_stop()

    handlers = {signal.SIGTERM: leave, signal.SIGHUP: leave, signal.SIGTSTP: stop}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    terminal.hush()
    try:
        yield terminal
    finally:
        terminal.restore()
        for number, handler in before.items():
            signal.signal(number, handler)
