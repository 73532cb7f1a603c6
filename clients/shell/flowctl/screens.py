"""Where a watched run is shown: on a live terminal, as plain lines, as JSON, or not at all."""

from __future__ import annotations

import sys
import time

from flowctl import live
from flowctl.plain import PlainLines
from flowctl.terminal import Block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from flowctl.console import Console
    from flowctl.runview import RunView
    from flowproto import events as e

    class Screen(Protocol):
        """Shows a run while it is watched."""

        def event(self, raw: dict[str, Any], event: e.WireEvent | None, view: RunView) -> None:
            """Show one event, as it came and, when its type is known, decoded and folded in."""
            ...

        def tick(self, view: RunView) -> None:
            """Time went by."""
            ...

        def note(self, text: str) -> None:
            """Say something beside the run."""
            ...

        def end(self, view: RunView) -> None:
            """Nothing more comes. The run is finished, or is left."""
            ...


_FRAME_SECONDS = 0.1


def now_ms() -> int:
    """Give the wall clock in milliseconds, as the events have it."""
    return int(time.time() * 1000)


class Silent:
    """Shows nothing."""

    def __init__(self, console: Console):
        self._console = console

    def event(self, raw: dict[str, Any], event: e.WireEvent | None, view: RunView) -> None:
        """Nothing."""

    def tick(self, view: RunView) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Say it on standard error."""
        self._console.say(text, "dim")

    def end(self, view: RunView) -> None:
        """Nothing."""


class JsonLines(Silent):
    """One event a line, as the daemon sent it."""

    def event(self, raw: dict[str, Any], event: e.WireEvent | None, view: RunView) -> None:
        """Print it."""
        self._console.print_json(raw)


class Plain(Silent):
    """One fact a line. Events up to position `after` are known already and not told again."""

    def __init__(self, console: Console, after: int = 0):
        super().__init__(console)
        self._lines = PlainLines()
        self._after = after

    def event(self, raw: dict[str, Any], event: e.WireEvent | None, view: RunView) -> None:
        """Print its lines."""
        if event is None or event.position <= self._after:
            return
        for line in self._lines.of(event, view):
            self._console.print(line)
        sys.stdout.flush()


class Live:
    """The run drawn in place, ten times a second at most. Used inside `with quiet_terminal`."""

    def __init__(self, console: Console):
        self._console = console
        self._block = Block(_write, console.size)
        self._drawn_at = 0.0
        self._asking = False
        self._lent = False

    def event(self, raw: dict[str, Any], event: e.WireEvent | None, view: RunView) -> None:
        """Draw, unless that was done a moment ago."""
        if time.monotonic() - self._drawn_at >= _FRAME_SECONDS:
            self.tick(view)

    def tick(self, view: RunView) -> None:
        """Draw."""
        self._drawn_at = time.monotonic()
        if view.steps and not self._asking and not self._lent:
            self._block.draw(live.block(view, self._console, now_ms()))

    def redraw(self) -> None:
        """Draw everything anew at the next occasion: something else wrote to the terminal."""
        self._block.forget()

    def ask(self, text: str, view: RunView) -> None:
        """Draw a last time and put a question below; nothing is drawn until it is `asked`."""
        self.tick(view)
        self._asking = True
        self._block.forget()
        _write(text)

    def asked(self, *, new_line: bool) -> None:
        """Go on drawing, below the question, on a new line if nobody typed one."""
        self._asking = False
        if new_line:
            _write("\n")

    def lend(self) -> None:
        """Take the drawing away and draw no more: a step has the terminal until `take_back`."""
        self._block.clear()
        self._lent = True

    def take_back(self) -> None:
        """Draw again, from where the cursor is, at the beginning of a line."""
        self._lent = False
        self._block.forget()

    def note(self, text: str) -> None:
        """Put a line above the run, or into what the step shows that has the terminal."""
        self._block.clear()
        line = self._console.style(text, "dim")
        _write(f"\r\n{line}\r\n" if self._lent else f"{line}\n")

    def end(self, view: RunView) -> None:
        """Replace the drawing by what stays; a run that is left stays as it was drawn last."""
        if view.finished:
            self._block.clear()
            _write("\n".join(live.ending(view, self._console)) + "\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
