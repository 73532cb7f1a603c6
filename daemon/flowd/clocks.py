"""Which time it is: the machine's own, and the one by which things are removed for their age."""

import time
from collections.abc import Callable

BELIEVED_GAP_MS = 7 * 24 * 60 * 60 * 1000  # a longer pause may be a clock that was set wrong


def wall_clock_ms() -> int:
    """Milliseconds since the epoch, as the machine's clock has it."""
    return time.time_ns() // 1_000_000


def uptime_ms() -> int:
    """Milliseconds since the machine was started, which no setting of its clock changes."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def start_of_day(at_ms: int, days_before: int = 0) -> int:
    """Give when the day of a time began here, or one so many days before, in the same units."""
    day = time.localtime(at_ms / 1000)
    date = (day.tm_year, day.tm_mon, day.tm_mday - days_before)
    return int(time.mktime((*date, 0, 0, 0, 0, 0, -1)) * 1000)  # which knows days 0 and -1, too


class AgeClock:
    """A wall clock that never leaps ahead, so that nothing is removed because a clock was wrong.

    While the daemon lives it goes no faster than the machine. Of the time between what was recorded
    last and the daemon's start no more than a week counts. Whatever a leap was, the next start of
    a daemon believes it, if something was recorded since. Set back, it is as the machine's clock:
    what it makes younger is kept for longer.
    """

    def __init__(
        self, wall_ms: Callable[[], int] = wall_clock_ms, up_ms: Callable[[], int] = uptime_ms
    ):
        self._wall_ms = wall_ms
        self._up_ms = up_ms
        self._began_up = up_ms()
        self._began = wall_ms()

    def recorded_before(self, at_ms: int) -> None:
        """Take note of when the newest thing was recorded that an earlier daemon did."""
        self._began = min(self._began, at_ms + BELIEVED_GAP_MS)

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return min(self._wall_ms(), self._began + self._up_ms() - self._began_up)
