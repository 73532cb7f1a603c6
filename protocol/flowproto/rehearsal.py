"""Messages about what a rehearsal would have changed."""

from typing import Literal

from msgspec import Struct


class RehearsalParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/rehearsal`. Once it is told it is thrown away, unless `keep`."""

    run: str
    keep: bool = False


class ChangeRow(Struct, kw_only=True):
    """What happened to one path, seen from the project. `size` in bytes.

    `diff` has the lines that differ, as `diff -u` shows them, where both are short texts; secrets
    are masked. `note` says what else there is.
    """

    path: str
    change: Literal["created", "changed", "deleted"]
    kind: Literal["file", "folder", "link", "other"]
    size: int = 0
    diff: str = ""
    note: str = ""


class RehearsalResult(Struct, kw_only=True):
    """By path. `how` says what stood in for the project; `left_out` changes are not listed."""

    run: str
    project: str
    how: Literal["overlay", "copy"]
    changes: list[ChangeRow]
    left_out: int = 0
