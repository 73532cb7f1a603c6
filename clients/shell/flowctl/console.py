"""Where output goes, and what that place can show: a terminal with colours, or a pipe."""

from __future__ import annotations

import os
import sys

from flowctl.text import CONTROL, clip, harmless, pad, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from flowctl.arguments import Arguments

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
    "underline": "4",
}


class Console:
    """Standard output and error of this call. Results go to the first, all talk to the second."""

    def __init__(self, *, json: bool = False, colour: bool = True):
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a text file
        dumb = os.environ.get("TERM", "") == "dumb"
        self.json = json
        self.terminal = sys.stdout.isatty() and not dumb and not json
        self.colour = colour and self.terminal and not os.environ.get("NO_COLOR")
        self.unicode = "utf" in (sys.stdout.encoding or "").lower()
        self._error_colour = (
            colour and sys.stderr.isatty() and not dumb and not os.environ.get("NO_COLOR")
        )

    @classmethod
    def of(cls, arguments: Arguments) -> Console:
        """Make the console that the global flags ask for."""
        return cls(json=arguments.flag("json"), colour=not arguments.flag("no-color"))

    @property
    def asks(self) -> bool:
        """Whether a person can be asked: both ends are a terminal and JSON is not wanted."""
        return self.terminal and sys.stdin.isatty()

    @property
    def columns(self) -> int:
        """Width of the terminal, or 100 where there is none."""
        return self.size()[0] if self.terminal else 100

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal, as they are now."""
        try:
            columns, rows = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return columns or 80, rows or 24

    def style(self, text: str, *names: str) -> str:
        """Put colours around text, where standard output shows them."""
        return _styled(text, names) if self.colour and text else text

    def print(self, text: str = "") -> None:
        """Write a line of results."""
        sys.stdout.write(text + "\n")

    def print_json(self, value: Any) -> None:
        """Write one JSON value on one line, so that readers of a stream get it at once.

        What a terminal would obey is written as `\\u009b`, which means the same to a program.
        """
        import json

        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        sys.stdout.write(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
        sys.stdout.flush()

    def error_style(self, text: str, *names: str) -> str:
        """Put colours around text, where standard error shows them."""
        return _styled(text, names) if self._error_colour else text

    def say(self, text: str, *names: str) -> None:
        """Write talk to standard error, whatever words of others it repeats."""
        sys.stdout.flush()
        lines = (harmless(line, colours=self._error_colour) for line in text.split("\n"))
        sys.stderr.write(self.error_style("\n".join(lines), *names) + "\n")
        sys.stderr.flush()

    def table(
        self, rows: Sequence[Sequence[str]], *, elastic: int = -1, below: Sequence[str] = ()
    ) -> None:
        """Write rows with aligned columns; the `elastic` one gives way on a narrow terminal.

        `below` has a line to write after each row, if any.
        """
        if not rows:
            return
        widths = [max(width(row[index]) for row in rows) for index in range(len(rows[0]))]
        if self.terminal and elastic >= 0:
            excess = sum(widths) + 2 * (len(widths) - 1) - self.columns
            widths[elastic] = max(min(widths[elastic], 8), widths[elastic] - max(excess, 0))
        for number, row in enumerate(rows):
            cells = [pad(clip(cell, room), room) for cell, room in zip(row, widths, strict=True)]
            line = "  ".join(cells).rstrip()
            self.print(clip(line, self.columns) if self.terminal else line)
            if below:
                self.print(below[number])


def _styled(text: str, names: Sequence[str]) -> str:
    if not names:
        return text
    return f"\x1b[{';'.join(_STYLES[name] for name in names)}m{text}\x1b[0m"
