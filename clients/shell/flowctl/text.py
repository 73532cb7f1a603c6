"""Text from elsewhere made fit for a terminal: harmless, measured in columns, cut to width.

Output of steps, names of workflows and titles from models all pass through `harmless`, so that none
of them can move the cursor, rename the window, write to the clipboard or hide what it says.
"""

from __future__ import annotations

import re
from unicodedata import category, combining, east_asian_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RESET = "\x1b[0m"
_TAB = 8

_ESCAPE = re.compile(
    r"(?P<colours>\x1b\[[0-9;:]*m)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # any other control sequence, complete or cut off
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # and string
    r"|\x1b[ -/]*[0-~]?"
)
CONTROL = re.compile(
    r"[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f"
    r"\u2028\u2029\u202a-\u202e\u2066-\u2069]"  # line breaks and changes of direction
)
_SGR = re.compile(r"\x1b\[[0-9;]*m")
_PLAIN_ASCII = re.compile(r"[\x20-\x7e]*")


def harmless(text: str, *, colours: bool = False) -> str:
    """Give one line of text without anything a terminal would obey.

    Escape sequences go; colours stay when `colours` is set, and are ended at the end of the text.
    Tabs become spaces, other control characters are shown as ^G or <U+202E>.
    """
    if _PLAIN_ASCII.fullmatch(text):
        return text
    coloured = False

    def replace(match: re.Match[str]) -> str:
        nonlocal coloured
        wanted = match["colours"]
        kept = _visible_colours(wanted) if wanted and colours else ""
        coloured = coloured or bool(kept)
        return kept

    clean = CONTROL.sub(_show_control, _ESCAPE.sub(replace, text))
    if "\t" in clean:
        clean = _expand_tabs(clean)
    return clean + RESET if coloured else clean


def width(text: str) -> int:
    """Columns the text takes; colours take none."""
    if _PLAIN_ASCII.fullmatch(text):
        return len(text)
    return sum(columns for _, columns in _cells(text))


def clip(text: str, columns: int) -> str:
    """Cut text to at most so many columns, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    if columns <= 0:
        return ""
    kept, used, coloured = [], 0, False
    for cell, taken in _cells(text):
        if used + taken > columns - 1:
            break
        used += taken
        coloured = coloured or cell.startswith("\x1b")
        kept.append(cell)
    return "".join(kept) + "…" + (RESET if coloured else "")


def pad(text: str, columns: int) -> str:
    """Fill text up with spaces to so many columns."""
    return text + " " * (columns - width(text))


def wrap(text: str, columns: int) -> list[str]:
    """Break text at spaces into lines of at most so many columns; longer words are cut apart."""
    columns = max(columns, 2)  # what one character may take: with less, nothing would ever fit
    lines, line = [], ""
    for word in text.split():
        while width(word) > columns:
            head = _take(word, columns - width(line) - bool(line))
            lines.append(f"{line} {head}".strip() if head else line)
            word, line = word[len(head) :], ""  # what is left of it
        if line and width(line) + 1 + width(word) > columns:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [*lines, line] if line or not lines else lines


def _take(text: str, columns: int) -> str:
    taken, used = "", 0
    for cell, cell_columns in _cells(text):
        if used + cell_columns > columns:
            break
        taken, used = taken + cell, used + cell_columns
    return taken


def _cells(text: str) -> Iterator[tuple[str, int]]:
    """Cut text into what occupies one place on a terminal, with its columns."""
    index = 0
    while index < len(text):
        sgr = _SGR.match(text, index)
        if sgr:
            yield sgr[0], 0
            index = sgr.end()
            continue
        end, columns = index + 1, _columns_of(text[index])
        while end < len(text):
            if text[end] == "\u200d" and end + 1 < len(text):  # joined emoji are one picture
                end += 2
            elif _columns_of(text[end]) == 0 and text[end] != "\x1b":
                columns = 2 if text[end] == "\ufe0f" else columns
                end += 1
            else:
                break
        yield text[index:end], columns
        index = end


def _columns_of(character: str) -> int:
    if character < "\x7f":
        return 1
    if combining(character) or category(character) in ("Mn", "Me", "Cf"):
        return 0
    if "\U0001f1e6" <= character <= "\U0001f1ff":  # two letters of a flag: two columns together
        return 1
    return 2 if east_asian_width(character) in "WF" else 1


def _show_control(match: re.Match[str]) -> str:
    character = match[0]
    if character < " ":
        return "^" + chr(ord(character) + 64)
    return f"<U+{ord(character):04X}>"


def _expand_tabs(text: str) -> str:
    first, *rest = text.split("\t")
    expanded, column = first, width(first)
    for part in rest:
        spaces = _TAB - column % _TAB
        expanded += " " * spaces + part
        column += spaces + width(part)
    return expanded


def _visible_colours(sequence: str) -> str:
    """Keep colour, bold, faint, italic, underline and reverse; drop blinking and hidden text."""
    numbers = sequence[2:-1].replace(":", ";").split(";")
    kept: list[str] = []
    while numbers:
        number = numbers.pop(0)
        if number in ("38", "48", "58"):
            length = {"5": 1, "2": 3}.get(numbers[0] if numbers else "", -1)
            values, numbers = numbers[: length + 1], numbers[length + 1 :]
            if len(values) == length + 1 and length > 0:
                kept += [number, *values]
        elif number not in ("5", "6", "8"):
            kept.append(number)
    return f"\x1b[{';'.join(kept)}m" if kept else ""


# ------------------------------------------------------------------------------------ quantities


def duration(milliseconds: float) -> str:
    """Give a duration for people: `0.02s`, `3.4s`, `2m05s`, `1h02m`, `3d04h`."""
    seconds = max(milliseconds, 0) / 1000
    if seconds < 1:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    minutes = whole // 60
    if minutes < 24 * 60:
        return f"{minutes // 60}h{minutes % 60:02}m"
    hours = minutes // 60
    return f"{hours // 24}d{hours % 24:02}h"


def age(milliseconds: float) -> str:
    """Give how long ago something was: `just now`, `12s ago`, `3m ago`, `5h ago`, `4d ago`."""
    seconds = int(milliseconds / 1000)
    if seconds < 2:
        return "just now"
    for limit, size, unit in ((60, 1, "s"), (3600, 60, "m"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size}{unit} ago"
    return f"{seconds // 86400}d ago"


def size(count: float) -> str:
    """Give a number of bytes for people: `812 B`, `1.5 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def plural(count: int, thing: str) -> str:
    """Give `1 step`, `2 steps`."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
