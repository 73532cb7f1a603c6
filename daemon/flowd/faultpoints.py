"""Named moments at which the order of two acts matters, and a way to die at one of them.

Each is between something that is durable and what is done about it, or before something becomes
durable. With `FLOW_FAULTPOINT=NAME` or `NAME:NTH` in its environment the daemon kills itself with
SIGKILL when it comes there (for the nth time), as it does in `tests/fault/test_faultpoints.py` at
every point of the table. Without it, `reach` costs a call and a comparison (about 30 ns); it is
called some times in a step, never for each byte or event that is read.
"""

import itertools
import os
import signal
from collections.abc import MutableMapping
from types import MappingProxyType

from flowd.errors import InvalidInput

VARIABLE = "FLOW_FAULTPOINT"

POINTS = MappingProxyType(
    {
        "daemon.locked": "no other daemon can start; nothing is opened yet",
        "migration.written": "a migration is written, and not committed",
        "append.written": "events are written, and not committed",
        "append.committed": "events are durable; nobody was told",
        "run.recorded": "a run is durable; its client has no answer",
        "request.recorded": "an undo, retry or answer is durable; its client has no answer",
        "cancel.recorded": "a cancel is durable; what runs goes on",
        "attempt.prepared": "an attempt is laid out or promised; its start is not recorded",
        "attempt.ordering": "an attempt's start is durable; its holder is not told",
        "attempt.ordered": "an attempt's holder is told; it may not have claimed it",
        "attempt.told": "a holder told of an end; nothing of it is recorded",
        "attempt.reporting": "output and artifacts of an end are read; it is not recorded",
        "attempt.reported": "an end is durable; what is kept of the attempt is still there",
        "attempt.overdue": "an attempt's time is over; its processes go on",
        "attempt.refusing": "an attempt without a claim is found; it is not refused yet",
        "output.recorded": "output is durable; the attempt goes on",
        "items.recorded": "the items of a step are durable; none of them is ordered",
        "retry.recorded": "a retry is durable; nobody waits for its time",
        "compensation.recorded": "the start of a compensation is durable; it is not ordered",
        "finish.recorded": "the end of a run is durable; it is not tidied up",
        "files.copied": "a step's files are copied; the copy has not its name",
        "files.saved": "a step's files are saved; that is not recorded",
        "files.recorded": "that files are saved is durable; the step is not ordered",
        "files.forgetting": "the manifest of saved files is gone; the files are not",
        "artifacts.copied": "artifacts are copied; their folder has not its name",
        "artifacts.kept": "artifacts are kept; that is not recorded",
        "artifacts.recorded": "that artifacts are kept is durable; the end is not",
        "artifacts.dropping": "runs are removed; their artifacts are not",
        "recovery.read": "unfinished runs are read; nothing is done about them",
        "recovery.swept": "what ended attempts left is removed; no run goes on yet",
        "recovery.woken": "a run is woken; what was in flight is not taken up",
        "retention.removed": "some runs are removed; what they shared is not",
        "vacuum.packed": "some runs are packed; no room is given back",
        "vacuum.returned": "room is given back; the write-ahead log is not emptied",
        "backup.copied": "a backup is copied; it has not its name",
        "backup.named": "a backup has its name, and its unfinished one",
    }
)
"""Every point, and what is and is not the case there."""


class _Fault:
    """Dies when a point is reached for the nth time."""

    def __init__(self, name: str, nth: int):
        self._name = name
        self._nth = nth
        self._count = itertools.count(1)  # which threads may share

    def reach(self, name: str) -> None:
        if name == self._name and next(self._count) == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


_armed: _Fault | None = None


def reach(name: str) -> None:
    """Say that the point is reached: nothing happens, unless the daemon is to die here."""
    if _armed is not None:
        _armed.reach(name)


def arm(environment: MutableMapping[str, str]) -> str:
    """Take the fault from the environment, so that no process we start has it; give its words.

    "" when there is none, as always outside of tests. InvalidInput for a point that does not exist.
    """
    global _armed  # decided once, when the daemon starts
    words = environment.pop(VARIABLE, "")
    if not words:
        return ""
    name, _, nth = words.partition(":")
    if name not in POINTS or not (nth or "1").isdecimal() or int(nth or "1") < 1:
        raise InvalidInput(
            f"{VARIABLE} is {words!r}, which is no fault point of this daemon",
            cure=f"unset {VARIABLE}: it is for tests, and makes the daemon kill itself",
        )
    _armed = _Fault(name, int(nth or "1"))
    return words
