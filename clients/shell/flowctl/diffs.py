"""Which lines a diff adds, by file: what `git diff` prints, in its unified form."""

from __future__ import annotations

import re

_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_QUOTED = re.compile(r"\\([0-7]{3}|.)")


def looks_like_diff(text: str) -> bool:
    """Whether a text is a diff and not a workflow."""
    return re.search(r"^(?:diff --git |--- .*\n\+\+\+ )", text, re.MULTILINE) is not None


def added_lines(text: str) -> dict[str, list[tuple[int, int]]]:
    """Give the ranges of added lines (first and last, from 1) of every file that has some."""
    added: dict[str, list[tuple[int, int]]] = {}
    name = ""
    line = 0
    left_old = left_new = 0
    for each in text.splitlines():
        if left_old <= 0 and left_new <= 0:
            if each.startswith("+++ "):
                name = _name(each[4:])
            hunk = _HUNK.match(each)
            if hunk is not None:
                line = int(hunk[1])
                left_new = int(hunk[2] or 1)
                left_old = int((re.match(r"@@ -\d+(?:,(\d+))?", each) or hunk)[1] or 1)
            continue
        if each.startswith("+"):
            if name:
                _add(added.setdefault(name, []), line)
            line, left_new = line + 1, left_new - 1
        elif each.startswith("-"):
            left_old -= 1
        elif not each.startswith("\\"):
            line, left_old, left_new = line + 1, left_old - 1, left_new - 1
    return added


def _add(ranges: list[tuple[int, int]], line: int) -> None:
    if ranges and ranges[-1][1] == line - 1:
        ranges[-1] = (ranges[-1][0], line)
    else:
        ranges.append((line, line))


def _name(text: str) -> str:
    """Give the new file's name; empty for one that was deleted."""
    name = text.split("\t")[0]
    if name.startswith('"'):
        raw = _QUOTED.sub(_unquoted, name.strip('"'))
        name = raw.encode("latin-1", "replace").decode("utf-8", "replace")
    return "" if name == "/dev/null" else name.removeprefix("b/")


def _unquoted(match: re.Match[str]) -> str:
    known = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return known.get(match[1]) or (chr(int(match[1], 8)) if match[1].isdigit() else match[1])
