"""A circuit breaker: a server that keeps failing is left alone for a while, then tried once.

closed ── fails often enough ──> open ── its time is over ──> probing ── answers ──> closed
^                             │
└────────── fails ────────────┘
"""

from collections.abc import Mapping
from typing import Literal

State = Literal["closed", "open", "probing"]
Happening = Literal["answered", "failed", "tripped", "rested"]

TRANSITIONS: Mapping[tuple[State, Happening], State] = {
    ("closed", "answered"): "closed",
    ("closed", "failed"): "closed",
    ("closed", "tripped"): "open",
    ("open", "rested"): "probing",
    ("probing", "answered"): "closed",
    ("probing", "failed"): "open",
    ("probing", "tripped"): "open",
}
"""What is not listed changes nothing: an answer that comes late, say, when it is open already."""

FAILURES = 3  # in a row
FIRST_REST = 10.0  # seconds; doubled each time a probe fails
LONGEST_REST = 300.0


class Breaker:
    """One server's. All times are seconds of the one clock the caller goes by."""

    def __init__(self) -> None:
        self.state: State = "closed"
        self._failures = 0
        self._rest = FIRST_REST
        self._until = 0.0

    def rests_for(self, now: float) -> float:
        """Give the seconds for which nothing is to be sent; 0 when a request may go out.

        While a probe is out, others wait as if it had failed.
        """
        if self.state == "probing":
            return self._rest
        return max(0.0, self._until - now)

    def begin(self, now: float) -> None:
        """A request goes out."""
        if self.state == "open" and now >= self._until:
            self._take("rested")

    def answered(self) -> None:
        """The server works; the model's answer may be no good all the same."""
        self._take("answered")
        self._failures = 0
        self._rest = FIRST_REST

    def failed(self, now: float) -> None:
        """The server did not work: no connection, an error of its own, nothing in time."""
        self._failures += 1
        probed = self.state == "probing"
        self._take("tripped" if self._failures >= FAILURES else "failed")
        if self.state == "open":
            self._rest = min(2 * self._rest, LONGEST_REST) if probed else self._rest
            self._until = max(self._until, now + self._rest)

    def wait_until(self, moment: float) -> None:
        """The server named the time before which it wants no requests (Retry-After)."""
        self._until = max(self._until, moment)

    def given_up(self, now: float) -> None:
        """The request was called off, which tells nothing: let the next one be the probe."""
        if self.state == "probing":
            self._take("failed")
            self._until = now

    def _take(self, happening: Happening) -> None:
        self.state = TRANSITIONS.get((self.state, happening), self.state)
