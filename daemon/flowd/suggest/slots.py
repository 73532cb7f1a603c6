"""Values in a task: paths, globs, sizes, ports, names. They become inputs of the workflow.

    extract('delete *.log files in /var/log older than 7 days')
    -> glob '*.log', path '/var/log', duration '7 days'

A value keeps the noun beside it as `cue` ("port", "branch", "name"), which is how a recipe that
wants a branch gets the branch. Nothing here decides what the task means.
"""

import re
from collections.abc import Container, Sequence

from msgspec import Struct, field

from flowd.suggest.slot_patterns import (
    COMPILED,
    CUE_AFTER,
    CUE_BEFORE,
    EXTENSIONS,
    FILES_OF_A_TYPE,
    IN_FOLDER,
    NAMED,
    NEVER_NAMES,
    NOT_NAMES,
    NOUN_AFTER,
    NOUN_BEFORE,
    NUMBER_WORDS,
    QUOTED,
    SAME_NOUN,
    TELLING_FILES,
)


class Slot(Struct, frozen=True):
    """One value. `kind` is what it looks like; `cue` the noun beside it; [start, end) its place."""

    kind: str
    value: str
    start: int
    end: int
    cue: str = ""


class Slots(Struct, frozen=True):
    """All values of a task in order, and `rest`: the task with each value blanked out."""

    task: str
    found: list[Slot] = field(default_factory=list)
    rest: str = ""

    def of(self, *kinds: str) -> list[Slot]:
        """Give the values of these kinds in the order of the task."""
        return [slot for slot in self.found if slot.kind in kinds]

    @property
    def asked(self) -> str:
        """What is asked for, without the values; the whole task when it is nothing but values."""
        return " ".join(self.rest.split()) if self.rest.strip(" .,?!") else self.task


_NAME_PATTERNS = (
    (NAMED, NEVER_NAMES, False),
    (IN_FOLDER, NOT_NAMES, False),
    (NOUN_BEFORE, NOT_NAMES, True),
    (NOUN_AFTER, NOT_NAMES, True),
)
"""A pattern, the words that are no names there, whether words with a meaning are none either."""


def extract(task: str, words: Container[str] = ()) -> Slots:
    """Find every value in the task.

    `words` are lower-case words with a meaning of their own, which are no names without more ado
    ("the branch list" is not about a branch called list). Never raises.
    """
    found: list[Slot] = []
    free = list(task)

    def take(kind: str, value: str, start: int, end: int, cue: str = "") -> None:
        if value and "\0" not in free[start:end]:
            found.append(Slot(kind, value, start, end, cue or _cue(task, start, end)))
            free[start:end] = "\0" * (end - start)

    for match in QUOTED.finditer(task):
        value = match.group()[1:-1]
        take(_kind_of(value), value, *match.span())
    for kind, pattern in COMPILED:
        for match in pattern.finditer("".join(free)):
            value = match.group().rstrip(".,;:?!")
            if not _is_only_prose(kind, value):
                take(kind, value, match.start(), match.start() + len(value))
    for match in FILES_OF_A_TYPE.finditer("".join(free)):
        extension = EXTENSIONS[match["name"].lower()]
        found.append(Slot("type", f"*.{extension}", *match.span("name"), cue="type"))
    for pattern, never, telling in _NAME_PATTERNS:
        for match in pattern.finditer("".join(free)):
            name = match["name"].rstrip(".,;:?!")
            meaningful = telling and name.lower() in words and not re.search(r"[\d_.-]", name)
            if "\0" not in name and name.lower() not in never and not meaningful:
                start = match.start("name")
                take("name", name, start, start + len(name), _noun(match["noun"] or "name"))
    found.sort(key=lambda slot: slot.start)
    return Slots(task, found, _rest(task, found, words))


def _rest(task: str, found: Sequence[Slot], words: Container[str]) -> str:
    """Blank the values out, but for those that mean something: in "update `npm`", npm does."""
    rest = list(task)
    for slot in found:
        bare = slot.value.lower().lstrip("*.")
        telling = bare in TELLING_FILES or (slot.kind in ("text", "name", "type") and bare in words)
        small = slot.kind == "number" and slot.value.lower() in NUMBER_WORDS
        if not telling and not small:
            rest[slot.start : slot.end] = " " * (slot.end - slot.start)
    return "".join(rest)


def _kind_of(quoted: str) -> str:
    """Say what a quoted value looks like; `text` when it looks like nothing known."""
    for kind, pattern in COMPILED:
        if kind not in ("number", "mode", "size") and pattern.fullmatch(quoted):
            return kind
    return "text"


def _is_only_prose(kind: str, value: str) -> bool:
    """Tell `files/directories` and a question mark from paths and globs."""
    if kind == "glob":
        return not re.search(r"[*\[]|\?\.|\w\?\w", value)
    if kind == "path" and not value.startswith(("/", "~", ".")):
        parts = value.strip("/").split("/")
        return len(parts) == 2 and all(part.isalpha() for part in parts) and not value.endswith("/")
    return False


def _cue(task: str, start: int, end: int) -> str:
    before = CUE_BEFORE.search(task[max(0, start - 40) : start])
    if before:
        return _noun(before.group(1))
    after = CUE_AFTER.search(task[end : end + 20])
    return _noun(after.group(1)) if after else ""


def _noun(word: str) -> str:
    return SAME_NOUN.get(word.lower(), word.lower())


def number_of(text: str) -> str:
    """Give the digits of a number written in digits or as a word: `two` and `2 days` are 2."""
    digits = re.search(r"\d+(?:\.\d+)?", text)
    return digits.group() if digits else NUMBER_WORDS.get(re.split(r"[ -]", text.lower())[0], "1")


_DAYS = (
    ("s", 1 / 86400), ("min", 1 / 1440), ("h", 1 / 24), ("d", 1.0), ("w", 7.0), ("mo", 30.0),
    ("y", 365.0),
)  # fmt: skip


def days_of(duration: str) -> float:
    """Give a duration such as `2 weeks` or `yesterday` in days."""
    if duration.lower() in ("yesterday", "today"):
        return 1.0
    unit = re.search(r"[a-z]+$", duration.lower())
    per_unit = next((days for start, days in _DAYS if unit and unit.group().startswith(start)), 1.0)
    return float(number_of(duration)) * per_unit


def size_of(size: str) -> str:
    """Give a size such as `100 MB` or `5 Mebibytes` in the form find and truncate take: 100M."""
    unit = re.search(r"[a-z]+$", size.lower().strip())
    letter = unit.group()[0] if unit else "b"
    return number_of(size) + {"b": "c", "k": "k", "m": "M", "g": "G", "t": "T"}.get(letter, "c")
