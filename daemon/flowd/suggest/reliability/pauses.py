"""Whether a request is made again, and after how long."""

from collections.abc import Mapping
from datetime import UTC, datetime

TRIES = 3
FIRST_PAUSE = 0.25  # seconds; doubled each time, and up to half as much again by chance
LEAST_LEFT = 0.3  # seconds in which a server can still be expected to answer
LONGEST_WAIT = 24 * 3600.0


def pause_before_next(
    tries: int, retry_after: float | None, left: float, chance: float
) -> float | None:
    """Give the pause in seconds after so many tries; None when there is to be no further one.

    A server that named a time is believed: never earlier, and not at all when that is too late.
    """
    if tries >= TRIES:
        return None
    pause = FIRST_PAUSE * 2 ** (tries - 1) * (1 + chance / 2)
    if retry_after is not None:
        pause = max(retry_after, 0.0) + 0.01
    return pause if pause + LEAST_LEFT <= left else None


def retry_after_of(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Give the seconds a response's headers ask to wait; None when they do not, or make no sense.

    `retry-after-ms` counts before `retry-after`, which may be seconds or a date.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return min(seconds * unit, LONGEST_WAIT)
    from email.utils import parsedate_to_datetime  # half a megabyte that is rarely needed

    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()), LONGEST_WAIT)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
