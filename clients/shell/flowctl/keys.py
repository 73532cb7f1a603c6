"""What a person types at a step's terminal, and what they say to flowctl in between. Pure.

Ctrl-] begins a word to flowctl: then `d` leaves, `t` takes the keyboard over, and Ctrl-] again is
one for the program. Whatever else follows goes to the program, with the Ctrl-].
"""

from __future__ import annotations

import re

ESCAPE = b"\x1d"
HINT = "Ctrl-] d leaves it"
_WORDS = {b"d": "leave", b"D": "leave", b"t": "take", b"T": "take"}
_MOST_REMEMBERED = 65_536
_MODE = re.compile(r"\x1b\[\?([\d;]+)([hl])")
_UNFINISHED = re.compile(r"\x1b(?:\[[\d;?]*)?$")
_USUALLY_ON = frozenset({"7", "25"})  # lines wrap, the cursor shows
# What asks the terminal something: an answer to an old question would be typed at the program.
_QUESTION = re.compile(
    r"\x1b\[[?>=]?[\d;]*[cn]|\x1b\[>[\d;]*q|\x1b\[\??[\d;]+\$p"
    r"|\x1b\][\d;]+;\?(?:\x07|\x1b\\)|\x1bP[+$]q[^\x1b]*\x1b\\"
)


class Typed:
    """Tells keys for the program from words to flowctl, which may be split between two reads."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> list[tuple[bytes, str]]:
        """Give keys for the program, each time with the word that follows them.

        The words are `leave`, after which all ends, `take`, and at the end nothing.
        """
        found: list[tuple[bytes, str]] = []
        keys = b""
        for byte in (data[index : index + 1] for index in range(len(data))):
            if not self._escaped:
                self._escaped = byte == ESCAPE
                keys += b"" if self._escaped else byte
                continue
            self._escaped = False
            if byte in _WORDS:
                found.append((keys, _WORDS[byte]))
                keys = b""
            else:
                keys += ESCAPE if byte == ESCAPE else ESCAPE + byte
        return [*found, (keys, "")]


class Modes:
    """What a program has switched on in the terminal and not off again."""

    def __init__(self) -> None:
        self._changed: dict[str, bool] = {}
        self._rest = ""

    def note(self, text: str) -> None:
        """Look at what the program writes."""
        text = self._rest + text
        for numbers, letter in _MODE.findall(text):
            for number in numbers.split(";"):
                on = letter == "h"
                if on == (number in _USUALLY_ON):
                    self._changed.pop(number, None)
                else:
                    self._changed[number] = on
        unfinished = _UNFINISHED.search(text[-32:])
        self._rest = unfinished[0] if unfinished else ""

    def undo(self) -> str:
        """Give what puts the terminal back: modes, colours, and the other screen left."""
        changed, self._changed = self._changed, {}
        back = (f"\x1b[?{number}{'l' if on else 'h'}" for number, on in changed.items())
        return "\x1b[0m" + "".join(back)


def remembered(before: str, text: str) -> str:
    """Add to the text that shows how the screen came to be: 64 Ki characters, from a line on."""
    together = before + text
    if len(together) <= _MOST_REMEMBERED:
        return together
    together = together[-_MOST_REMEMBERED:]
    return together[together.find("\n") + 1 :]


def without_questions(text: str) -> str:
    """Give old output without what would make the terminal answer."""
    return _QUESTION.sub("", text)
