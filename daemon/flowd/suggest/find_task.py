"""Understands tasks over many files: which files, where, and what is to be done with them.

    "delete *.log files in /var/log older than 7 days, not in subfolders"
    -> where /var/log, names *.log, age +7 days, depth 1, action delete

Such tasks combine freely, so they are put together instead of being looked up.
"""

import re
from typing import Literal

from msgspec import Struct, field

from flowd.suggest import find_words as words
from flowd.suggest.find_words import Action
from flowd.suggest.slots import Slot, Slots, days_of, number_of, size_of

Kind = Literal["f", "d", "l", ""]


class FilesWanted(Struct, frozen=True):
    """Which files, where. An age is (test, sign, number): ("mtime", "+", 7)."""

    where: str = "."
    kind: Kind = "f"
    names: list[str] = field(default_factory=list)
    any_case: bool = False
    excluded: list[str] = field(default_factory=list)
    age: tuple[str, str, int] | None = None
    newer_than: str = ""
    size: str = ""
    depth: int | None = None
    empty: bool = False
    mode: str = ""
    user: str = ""
    group: str = ""

    @property
    def conditions(self) -> int:
        """How much is asked of the files besides being there."""
        given = (self.names, self.age, self.newer_than, self.size, self.empty, self.mode)
        return sum(map(bool, given)) + bool(self.user) + bool(self.group) + bool(self.excluded)


class FindTask(Struct, frozen=True):
    """The files, the action, and what the action needs."""

    files: FilesWanted
    action: Action
    target: str = ""
    text: str = ""
    replacement: str = ""
    mode: str = ""
    owner: str = ""
    program: str = ""


def understand(slots: Slots) -> FindTask | None:
    """Read a task over files; None when it is not one, or asks nothing particular of them."""
    if not words.MANY_FILES.search(slots.task) or words.NOT_OVER_FILES.search(slots.task):
        return None
    if slots.of("login", "remote_path", "url"):
        return None
    action = next((name for name, said in words.ACTIONS if said.search(slots.task)), None)
    if action is None:
        return None
    task = _Reader(slots, action).task()
    said = task.files.conditions or (action != "list" and task.files.where != ".")
    return task if said or (task.files.kind == "d" and action in ("mode", "delete")) else None


class _Reader:
    """Reads one task; takes each value once."""

    def __init__(self, slots: Slots, action: Action):
        self._text = slots.task
        self._action = action
        self._free = [slot for slot in slots.found if slot.kind != "variable"]

    def task(self) -> FindTask:
        """Find what the action needs and the files; what is most surely told apart goes first."""
        target = self._target()
        text = replacement = ""
        if self._action == "replace":
            text = self._take_after(words.BEFORE_REPLACED)
            replacement = self._take_after(words.BEFORE_REPLACEMENT)
        command = self._command() if self._action == "run" else ""
        files = self._files()
        mode = self._new_mode() if self._action == "mode" else ""
        owner = self._take("text", "name", "login") if self._action == "owner" else ""
        if self._action in ("search", "replace"):
            text = text or self._take("text", "glob", "name", "file")
        program = words.COMPRESSOR.search(self._text)
        return FindTask(
            files=files,
            action=self._action,
            target=target,
            text=command or text,
            replacement=replacement,
            mode=mode,
            owner=owner,
            program=program.group().lower() if program else "",
        )

    def _files(self) -> FilesWanted:
        age, newer_than, size = self._age(), self._take_after(words.BEFORE_REFERENCE), self._size()
        user, group = self._user("user", "owner"), self._user("group")
        mode, excluded = self._mode_they_have(), self._excluded()
        return FilesWanted(
            where=self._where(),
            kind=self._kind(),
            names=self._names(),
            any_case=bool(words.ANY_CASE.search(self._text)),
            excluded=excluded,
            age=age,
            newer_than=newer_than,
            size=size,
            depth=self._depth(),
            empty=bool(words.EMPTY.search(self._text)),
            mode=mode,
            user=user,
            group=group,
        )

    def _before(self, slot: Slot, length: int = 45) -> str:
        return self._text[max(0, slot.start - length) : slot.start]

    def _take(self, *kinds: str) -> str:
        """Take the first free value of these kinds, in the order of the task; empty if none."""
        for slot in self._free:
            if slot.kind in kinds:
                self._free.remove(slot)
                return slot.value
        return ""

    def _take_after(self, said: re.Pattern[str]) -> str:
        """Take the first value that stands after these words, whatever it looks like."""
        for slot in self._free:
            if said.search(self._before(slot)):
                self._free.remove(slot)
                return slot.value
        return ""

    def _command(self) -> str:
        script = self._take("file")
        runner = words.RUNNERS.get(script.rsplit(".", 1)[-1], "")
        return runner + script if script else self._take("text")

    def _target(self) -> str:
        if self._action not in ("copy", "move", "archive"):
            return ""
        for slot in self._free:
            packed = self._action == "archive" and words.PACKED.search(slot.value)
            goal = self._action != "archive" and words.BEFORE_TARGET.search(self._before(slot))
            if packed or (goal and slot.kind in ("path", "file", "name", "text")):
                self._free.remove(slot)
                return slot.value
        return ""

    def _new_mode(self) -> str:
        given = self._take("mode", "number")
        lower = self._text.lower()
        return given or next((bits for word, bits in words.MODES.items() if word in lower), "")

    def _kind(self) -> Kind:
        if words.LINKS.search(self._text):
            return "l"
        if words.FILES_AND_FOLDERS.search(self._text):
            return ""
        folders, files = words.FOLDERS.search(self._text), words.FILES.search(self._text)
        return "d" if folders and (files is None or folders.start() < files.start()) else "f"

    def _where(self) -> str:
        for slot in self._free:
            beside = slot.cue == "directory" and slot.kind in ("name", "text", "file")
            if beside or slot.kind == "path":
                self._free.remove(slot)
                return slot.value
        if words.HOME.search(self._text):
            return "~"
        return "/" if words.EVERYWHERE.search(self._text) else "."

    def _excluded(self) -> list[str]:
        kinds = ("glob", "file", "name", "text", "extension", "path")
        left_out = [
            slot
            for slot in self._free
            if slot.kind in kinds and words.BEFORE_EXCLUDED.search(self._before(slot))
        ]
        self._free = [slot for slot in self._free if slot not in left_out]
        return [_as_glob(slot) for slot in left_out]

    def _names(self) -> list[str]:
        named = {slot: name for slot in self._free if (name := self._name_of(slot))}
        self._free = [slot for slot in self._free if slot not in named]
        return list(dict.fromkeys(named.values()))

    def _name_of(self, slot: Slot) -> str:
        """Give the pattern a value stands for; empty when it says nothing of names."""
        before = self._before(slot)
        if slot.kind in ("glob", "extension", "type"):
            is_regex = slot.cue == "regex" or (self._action == "search" and ".*" in slot.value)
            return "" if is_regex else _as_glob(slot)
        if slot.kind not in ("file", "text", "name"):
            return ""
        if words.BEFORE_START.search(before):
            return f"{slot.value}*"
        if words.BEFORE_END.search(before):
            return f"*{slot.value}"
        after = self._text[slot.end : slot.end + 30]
        names = words.ABOUT_NAMES.search(after) or words.ABOUT_NAMES.search(before[-30:])
        if words.BEFORE_PART.search(before) and names:
            return f"*{slot.value}*"
        if words.BEFORE_NAME.search(before) or (
            slot.cue in ("name", "file") and slot.kind != "text"
        ):
            return slot.value
        listed = words.BEFORE_MORE.search(before) or self._action in ("delete", "count", "list")
        return slot.value if slot.kind == "file" and listed else ""

    def _age(self) -> tuple[str, str, int] | None:
        slot = next((slot for slot in self._free if slot.kind == "duration"), None)
        if slot is None:
            return None
        self._free.remove(slot)
        test = "m"
        if words.ACCESSED.search(self._text):
            test = "a"
        elif words.CREATED.search(self._text):
            test = "c"
        recent = slot.value.lower() in ("today", "yesterday")
        sign, days = self._sign(slot) or ("-" if recent else ""), days_of(slot.value)
        if days < 1:
            return f"{test}min", sign or "-", max(1, round(days * 1440))
        return f"{test}time", sign, round(days)

    def _sign(self, slot: Slot) -> str:
        before = self._before(slot)
        if words.BEFORE_OLDER.search(before):
            return "+"
        return "-" if words.BEFORE_NEWER.search(before) else ""

    def _size(self) -> str:
        slot = next((slot for slot in self._free if slot.kind == "size"), None)
        if slot is None:
            return ""
        self._free.remove(slot)
        return self._sign(slot) + size_of(slot.value)

    def _user(self, *cues: str) -> str:
        for slot in self._free:
            owned = "user" in cues and words.BEFORE_OWNER.search(self._before(slot))
            if slot.kind in ("name", "text") and (slot.cue in cues or owned):
                self._free.remove(slot)
                return slot.value
        return ""

    def _mode_they_have(self) -> str:
        """Give the permissions the files have, not those they are to get."""
        if self._action == "mode" or not words.PERMISSION.search(self._text):
            return ""
        for slot in self._free:
            octal = slot.kind == "number" and re.fullmatch(r"[0-7]{3,4}", slot.value)
            if slot.kind == "mode" or octal:
                self._free.remove(slot)
                return slot.value
        return ""

    def _depth(self) -> int | None:
        if words.HERE_ONLY.search(self._text):
            return 1
        found = words.DEPTH.search(self._text)
        return int(float(number_of(found[found.lastgroup or 0]))) if found else None


def _as_glob(slot: Slot) -> str:
    return f"*{slot.value}" if slot.kind == "extension" else slot.value
