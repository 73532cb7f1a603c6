"""A small terminal: enough of one to see what a user sees. It wraps, scrolls and reflows."""

import re

from flowctl.text import width

_TOKEN = re.compile(r"\x1b\[\??[0-9;]*[A-Za-z]|[\x00-\x1f]|[^\x00-\x1f]", re.DOTALL)


class Screen:
    """Rows of text with a cursor. Escape sequences it does not know are an error."""

    def __init__(self, columns: int, rows: int):
        self.columns = columns
        self.rows = rows
        self.cursor_shown = True
        self._lines: list[list[str]] = [[]]
        self._wrapped: list[bool] = [False]  # whether a row goes on in the next one
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Obey what a program writes."""
        for token in _TOKEN.findall(text):
            if token == "\r":
                self._column = 0
            elif token == "\n":
                self._wrapped[self._row] = False
                self._down()
                self._column = 0  # as the line discipline does
            elif token == "\b":
                self._column = max(self._column - 1, 0)
            elif token == "\t":
                self._column = min(self._column // 8 * 8 + 8, self.columns - 1)
            elif token == "\x07":
                continue
            elif token.startswith("\x1b"):
                self._obey(token)
            elif token >= " ":
                self._put(token)
            else:
                raise AssertionError(f"unknown control {token!r}")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; rows are broken anew, as terminals do."""
        logical: list[list[str]] = [[]]
        cursor = (0, 0)
        for index, line in enumerate(self._lines):
            if index == self._row:
                cursor = (len(logical) - 1, len(logical[-1]) + self._column)
            logical[-1] += line
            if not self._wrapped[index]:
                logical.append([])
        self.columns, self.rows = columns, rows
        self._lines, self._wrapped = [], []
        for index, line in enumerate(logical[:-1]):
            start = len(self._lines)
            parts = [line[i : i + columns] for i in range(0, len(line), columns)] or [[]]
            self._lines += parts
            self._wrapped += [True] * (len(parts) - 1) + [False]
            if index == cursor[0]:
                self._row, self._column = start + cursor[1] // columns, cursor[1] % columns

    @property
    def text(self) -> list[str]:
        """Every row, scrolled ones too, without the empty ones at the end."""
        lines = ["".join(line).rstrip() for line in self._lines]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def visible(self) -> str:
        """The rows on the screen."""
        return "\n".join("".join(line).rstrip() for line in self._lines[-self.rows :])

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append([])
            self._wrapped.append(False)

    def _put(self, character: str) -> None:
        columns = width(character)
        if columns and self._column + columns > self.columns:
            self._wrapped[self._row] = True
            self._down()
            self._column = 0
        line = self._lines[self._row]
        line += [" "] * (self._column - len(line))
        line[self._column : self._column + columns] = [character, *[""] * (columns - 1)][:columns]
        self._column += columns

    def _obey(self, token: str) -> None:
        argument, letter = token[2:-1], token[-1]
        if letter == "A":
            top = max(len(self._lines) - self.rows, 0)
            self._row = max(self._row - int(argument or 1), top)
        elif letter == "K" and argument in ("", "0"):
            del self._lines[self._row][self._column :]
        elif letter == "J" and argument in ("", "0"):
            del self._lines[self._row][self._column :]
            del self._lines[self._row + 1 :], self._wrapped[self._row + 1 :]
        elif token in ("\x1b[?25l", "\x1b[?25h"):
            self.cursor_shown = letter == "h"
        elif letter != "m" and not token.startswith("\x1b[?2004"):  # colours, bracketed paste
            raise AssertionError(f"unknown sequence {token!r}")
