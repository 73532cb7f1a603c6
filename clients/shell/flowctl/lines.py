"""Chunks of output put together into lines, as a terminal would show them."""

from __future__ import annotations

_LONGEST = 8192


class LineBuffer:
    """Collects the chunks of one stream.

    A carriage return starts the line again, as progress bars do. A line longer than 8192
    characters is given out in pieces, so that nothing grows without bound.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Take a chunk and give the lines it completes, without their ends."""
        *complete, self._rest = (self._rest + text).split("\n")
        lines = [_last_version(line) for line in complete]
        while len(self._rest) > _LONGEST:
            lines.append(_last_version(self._rest[:_LONGEST]))
            self._rest = self._rest[_LONGEST:]
        return lines

    def flush(self) -> list[str]:
        """Give what is left when the stream ended without a newline: one line or none."""
        rest, self._rest = self._rest, ""
        return [_last_version(rest)] if rest else []

    @property
    def unfinished(self) -> str:
        """The line so far."""
        return _last_version(self._rest)


def _last_version(line: str) -> str:
    line = line.rstrip("\r")
    return line.rpartition("\r")[2]
