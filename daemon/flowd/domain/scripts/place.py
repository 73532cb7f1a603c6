"""A script in a file, and the place in the file of each of its characters."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Kind = Literal["workflow", "shell", "github", "gitlab", "make", "docker", "npm"]


class Place(Struct, frozen=True):
    """A place in a file: lines and columns count from 1, columns in characters."""

    line: int
    column: int


class Script(Struct, frozen=True):
    """Shell text. `name` says whose it is, `starts` where each of its lines stands in the file.

    `before` is shell text that says what the file makes known to the script.
    """

    text: str
    name: str
    starts: tuple[Place, ...]
    before: str = ""

    def place_of(self, offset: int) -> Place:
        """Give the place in the file of a character of the text, its end included."""
        begins = [0]
        for line in self.text.split("\n")[:-1]:
            begins.append(begins[-1] + len(line) + 1)
        number = max(0, bisect_right(begins, offset) - 1)
        start = self.starts[min(number, len(self.starts) - 1)]
        return Place(start.line, start.column + offset - begins[number])


def whole_lines(
    text: str, first: int, lines: Sequence[str], *, name: str = "", indent: int = 0
) -> Script:
    """Make a script of lines of a file that follow one another, without their indentation."""
    starts = tuple(Place(first + number, indent + 1) for number in range(max(1, len(lines))))
    cut = "\n".join(line[indent:] for line in lines)
    return Script(cut + ("\n" if text.endswith("\n") else ""), name, starts)
