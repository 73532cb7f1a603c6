"""What is known of an attempt, read from the record that its holder keeps (see `holder.py`)."""

import errno
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flowd.domain.ports import NOT_MEASURED, Usage
from flowd.exec.holder import claim
from flowd.exec.liveness import Process
from flowd.exec.regular import read_regular

MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was run, and nothing will be."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """The holder was about to make the process."""

    holder: Process


@dataclass(frozen=True, slots=True)
class Running:
    """The process was made; it may have ended since."""

    process: Process
    holder: Process


def parse_usage(numbers: Sequence[int]) -> Usage:
    """Read milliseconds of CPU and KiB of memory, as a holder says them; an old one says none."""
    match numbers:
        case [cpu, memory, *_]:
            return Usage(cpu, memory * 1024 or None)
    return NOT_MEASURED


@dataclass(frozen=True, slots=True)
class Ended:
    """The process ended. `written` counts the bytes of output it had written by then."""

    exit_code: int
    duration_ms: int
    written: int
    usage: Usage = NOT_MEASURED


_LINE = re.compile(rb"^(claim|refused|pid|end)((?: \d+)*)\n", re.MULTILINE)

log = logging.getLogger(__name__)

Record = Refused | Claimed | Running | Ended


def read_record(folder: str) -> Record | None:
    """Tell how far the attempt has come; None when nobody has claimed it."""
    return parse_record(read_regular(f"{folder}/record", MAX_BYTES) or b"")


def parse_record(content: bytes) -> Record | None:
    """Read the lines of a record; one that a power cut left broken counts for nothing."""
    lines = _LINE.findall(content.replace(b"\0", b"\n"))  # a power cut may leave zeros
    facts = {word: list(map(int, numbers.split())) for word, numbers in lines}
    match facts:
        case {b"end": [code, duration, written, *used]}:
            return Ended(code, duration, written, parse_usage(used))
        case {b"refused": _}:
            return Refused()
        case {b"claim": [holder, claimed_ns, *_], b"pid": [pid, made_ns, *_]}:
            return Running(Process(pid, made_ns), Process(holder, claimed_ns))
        case {b"claim": [holder, claimed_ns, *_]}:
            return Claimed(Process(holder, claimed_ns))
    return None


def refuse(folder: str) -> None:
    """Claim the attempt, so that it never runs, unless somebody else was faster: look again.

    Also when the disk has no room, only another look will tell. FileNotFoundError when there is
    no such attempt.
    """
    _claim(folder, "refused\n")


def refuse_as_terminated(folder: str) -> None:
    """As `refuse`, and make it look like a process that SIGTERM ended at once."""
    _claim(folder, "refused\nend 143 0 0\n")


def _claim(folder: str, lines: str) -> None:
    try:
        claim(folder, lines)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        log.warning("%s cannot be settled yet: %s", folder, error.strerror)
