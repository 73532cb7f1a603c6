"""Desktop notifications of runs that need a person: once for each question, never in swarms.

Nothing is connected and nothing wakes up until there is something to tell. What comes up within a
few seconds is told together, and what was answered meanwhile is not told at all: whoever sits in
front of the question needs no notification.
"""

import logging
from collections.abc import Callable, Iterator

import trio

from flowd.clocks import uptime_ms, wall_clock_ms
from flowd.config import NotificationsConfig
from flowd.domain.attention import Need, needs
from flowd.domain.run import RunState
from flowd.session_bus import (
    Notification,
    NotShown,
    close,
    session_address,
    show,
    wait_for_desktop,
)

GATHER_SECONDS = 3.0
MOST_GATHER_SECONDS = 30.0  # while question follows question, as after a start with many runs
MOST_AT_ONCE = 3  # more become one summary
MOST_UNTOLD = 1000  # where no desktop ever comes
LONGEST_TEXT = 300
SHORTEST_SECRET = 4

log = logging.getLogger("flowd.desktop")


class Desktop:
    """Tells the desktop what runs need. `heed` is called with a run whenever that may change."""

    def __init__(
        self,
        config: NotificationsConfig,
        looks_secret: Callable[[str], bool],
        gather_seconds: float = GATHER_SECONDS,
    ):
        self.config = config
        self._looks_secret = looks_secret
        self._gather_seconds = gather_seconds
        self._open: dict[str, list[Need]] = {}  # by run: what it needs now
        self._untold: dict[Need, Notification] = {}
        self._told: dict[int, list[Need]] = {}  # by number of what the desktop shows
        self._news = trio.Event()

    # ----------------------------------------------------------------------------- what is known

    def heed(self, state: RunState) -> None:
        """Take note of what a run needs now."""
        before, now = self._open.pop(state.run, []), needs(state)
        if now:
            self._open[state.run] = now
        for need in before:
            if need not in now:
                self._untold.pop(need, None)
        for need in now:
            if need not in before and len(self._untold) < MOST_UNTOLD:
                self._untold[need] = self._notification(need, state)
        if before != now:
            self._news.set()

    def remember(self, state: RunState) -> None:
        """Take note of a run of an earlier daemon, which told of it: only a boot forgets that."""
        if state.run in self._open:  # and has gone on since
            return
        if state.updated_at < wall_clock_ms() - uptime_ms():
            self.heed(state)
        elif now := needs(state):
            self._open[state.run] = now

    def _notification(self, need: Need, state: RunState) -> Notification:
        """Word a need, without the values of inputs whose names look secret."""
        name, text = state.workflow.name, need.text
        for key, value in state.inputs.items():
            if self._looks_secret(key) and len(str(value)) >= SHORTEST_SECRET:
                text = text.replace(str(value), "…")
        return Notification(f"Flow: {_plain(name)} needs you", f"{_plain(text)}\n{need.command}")

    # ----------------------------------------------------------------------------------- telling

    async def serve(self) -> None:
        """Tell until cancelled. Where there is no desktop, nothing happens."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            address = session_address()
            if not address or not self.config.desktop:
                self._untold.clear()
                continue
            if self._untold:
                await self._gather()
            try:
                await self._tell(address)
                await self._withdraw(address)
            except NotShown as error:
                log.info("the desktop was not told: %s", error)
                self._untold.clear()

    async def _gather(self) -> None:
        """Wait until nothing came up for a moment."""
        with trio.move_on_after(MOST_GATHER_SECONDS):
            known: set[Need] = set()
            while not self._untold.keys() <= known:
                known |= self._untold.keys()
                await trio.sleep(self._gather_seconds)

    async def _tell(self, address: str) -> None:
        """Show what is untold; or wait for a desktop, if the bus has none as yet."""
        try:
            for notification, about in _bundles(dict(self._untold)):
                number = await show(address, notification)
                self._told[number] = about
                for need in about:
                    self._untold.pop(need, None)
        except NotShown as error:
            if not error.nobody_there:
                raise
            await wait_for_desktop(address)
            self._news.set()  # to tell it then, with what came up meanwhile

    async def _withdraw(self, address: str) -> None:
        """Take away what the desktop shows of needs that are no more."""
        for number, about in list(self._told.items()):
            if not any(need in self._open.get(need.run, ()) for need in about):
                del self._told[number]
                await close(address, number)


def _bundles(untold: dict[Need, Notification]) -> Iterator[tuple[Notification, list[Need]]]:
    """Give one notification for each need, or one for all of many."""
    if len(untold) <= MOST_AT_ONCE:
        yield from ((notification, [need]) for need, notification in untold.items())
        return
    runs = len({need.run for need in untold})
    heading = f"Flow: {runs} runs need you" if runs > 1 else f"Flow: {len(untold)} questions"
    first = [notification.text.partition("\n")[0] for notification in untold.values()]
    shown = [*first[:MOST_AT_ONCE], f"and {len(first) - MOST_AT_ONCE} more"]
    yield Notification(heading, "\n".join([*shown, "flowctl ps lists them"])), list(untold)


def _plain(text: str) -> str:
    """One line without control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_TEXT else f"{line[: LONGEST_TEXT - 1]}…"
