"""A token bucket: so many requests a minute, a short burst of them at once."""

SECONDS = 60.0
BURST_SECONDS = 10.0  # a full bucket is what this time allows


class Bucket:
    """Fills evenly. `per_minute` 0 bounds nothing. Times in seconds of the caller's clock."""

    def __init__(self, per_minute: float):
        self._per_second = per_minute / SECONDS
        self._size = max(1.0, self._per_second * BURST_SECONDS)
        self._level = self._size
        self._looked_at = 0.0

    def take(self, now: float) -> float:
        """Take one out, in advance if need be; give the seconds to wait before using it."""
        if not self._per_second:
            return 0.0
        self._fill(now)
        self._level -= 1.0
        return max(0.0, -self._level / self._per_second)

    def put_back(self) -> None:
        """What was taken is not used after all."""
        if self._per_second:
            self._level = min(self._size, self._level + 1.0)

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._looked_at)
        self._level = min(self._size, self._level + passed * self._per_second)
        self._looked_at = now
