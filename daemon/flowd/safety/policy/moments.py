"""`when:` of a rule: days of the week and hours of the day, by the machine's local time."""

from datetime import datetime, timedelta

from msgspec import Struct

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


class When(Struct, frozen=True):
    """`begins` and `ends` are minutes of the day, the second not included; no days means all.

    A span that ends before it begins goes on after midnight, and belongs to the day it began on.
    """

    days: tuple[str, ...] = ()
    begins: int = 0
    ends: int = MINUTES_A_DAY

    def holds(self, moment: datetime) -> bool:
        """Whether a moment, in local time, is meant."""
        minute = moment.hour * 60 + moment.minute
        if self.begins < self.ends:
            return self.begins <= minute < self.ends and self._on(moment)
        if minute >= self.begins:
            return self._on(moment)
        return minute < self.ends and self._on(moment - timedelta(days=1))

    def _on(self, moment: datetime) -> bool:
        return not self.days or DAYS[moment.weekday()] in self.days


def local_time() -> datetime:
    """The present moment, in local time."""
    return datetime.now().astimezone()


def minute_of(text: str) -> int | None:
    """The minute of the day that `HH:MM` names; None for what is no time. `24:00` is the end."""
    hours, colon, minutes = text.partition(":")
    if not (colon and len(minutes) == 2 and (hours + minutes).isdecimal() and len(hours) <= 2):
        return None
    minute = int(hours) * 60 + int(minutes)
    return minute if int(minutes) < 60 and minute <= MINUTES_A_DAY else None
