"""Follow a run to its end: show it, put its questions to a person, mind Ctrl-C and restarts."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager

from flowctl import exits
from flowctl.exits import Left
from flowctl.handover import Handover
from flowctl.questions import Questions
from flowctl.runview import RunView
from flowctl.screens import JsonLines, Live, Plain, Silent
from flowctl.terminal import quiet_terminal
from flowctl.text import harmless
from flowproto.client import RemoteError
from flowproto.events import decode_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from flowctl.connect import Daemon
    from flowctl.console import Console
    from flowctl.screens import Screen
    from flowproto.client import Client
    from flowproto.starting import Starting

_AWAY_SECONDS = 60.0  # how long a daemon may be away: an upgrade, say
_BEFORE_STARTING_SECONDS = 1.5


class Interrupts:
    """How often Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.count = 0


@contextmanager
def counted_interrupts() -> Iterator[Interrupts]:
    """Count Ctrl-C inside the `with` instead of being ended by it."""
    interrupts = Interrupts()

    def count(number: int, frame: FrameType | None) -> None:
        interrupts.count += 1

    before = signal.signal(signal.SIGINT, count)
    try:
        yield interrupts
    finally:
        signal.signal(signal.SIGINT, before)


class Watched:
    """How the watching ended: the run's state as last seen, and the exit code that says it."""

    def __init__(self, run: str, state: str, code: int):
        self.run = run
        self.state = state
        self.code = code


def watch(
    daemon: Daemon,
    console: Console,
    run: str,
    interrupts: Interrupts,
    *,
    after: int = 0,
    told: int = 0,
    cancels: bool = False,
    silent: bool = False,
) -> Watched:
    """Follow a run from position `after` until it is finished or left.

    Plain lines tell only of events after position `told`. The first Ctrl-C cancels the run when
    `cancels` is set, and only leaves it otherwise. `silent` shows nothing, but still asks.
    """
    screen: Screen
    if silent:
        screen = Silent(console)
    elif console.json:
        screen = JsonLines(console)
    elif console.terminal:
        screen = Live(console)
    else:
        screen = Plain(console, told)
    watcher = _Watcher(daemon, console, run, screen, interrupts, cancels=cancels)
    if not isinstance(screen, Live):
        return watcher.follow(after)
    with quiet_terminal(screen.redraw) as terminal:
        watcher.questions.terminal = terminal
        if not console.asks:
            return watcher.follow(after)
        with Handover(console, screen, terminal, watcher.view) as handover:
            watcher.handover = handover
            return watcher.follow(after)


class _Watcher:
    """The state of one watching. Everything happens between two events or in their pauses."""

    def __init__(
        self,
        daemon: Daemon,
        console: Console,
        run: str,
        screen: Screen,
        interrupts: Interrupts,
        *,
        cancels: bool,
    ):
        self._daemon = daemon
        self._console = console
        self._run = run
        self._screen = screen
        self._interrupts = interrupts
        self._cancels = cancels
        self._noticed = 0
        self._view = RunView(run)
        self.questions = Questions(daemon, console, screen, self._view)
        self.handover: Handover | None = None
        self._lost_at: float | None = None
        self._told_stopped = False
        self._starting: Starting | None = None

    @property
    def view(self) -> RunView:
        """The run as seen so far."""
        return self._view

    def follow(self, after: int) -> Watched:
        """Show every event until the end."""
        view = self._view
        with self._daemon.connect() as connection:
            try:
                if after and self._learn_terminals(connection) and self.handover is not None:
                    after = 0  # its screen is made of all that it wrote
                for raw in connection.events(
                    self._run,
                    after,
                    patience=2 * _AWAY_SECONDS,  # `_reach_again` leaves before
                    before_retry=self._reach_again,
                    pulse=lambda: self._pulse(connection),
                    beside=() if self.handover is None else self.handover.descriptors,
                ):
                    self._take(raw)
                    self._mind_interrupts()
                    self._mind_handover(connection, present=view.position >= connection.present)
            except Left as left:
                self.questions.close()
                self._screen.end(view)
                self._console.say(left.message)
                return Watched(view.run, view.state, left.code)
            finally:
                self._daemon.mention_skew(connection)
        self._screen.end(view)
        state = view.state
        if not view.finished:  # its end came before the position we began at
            state = self._daemon.request("flow/show", {"run": self._run})["state"]
        return Watched(view.run, state, exits.of_state(state))

    def _take(self, raw: dict[str, object]) -> None:
        self._found_again()
        event = decode_event(raw)
        if event is not None:
            self._view.run = event.run
            self._view.apply(event)
        self.questions.heed(event)
        if self.handover is not None:
            self.handover.heed(event)
        self._screen.event(raw, event, self._view)

    def _pulse(self, connection: Client) -> None:
        """Nothing came for a moment, so what was seen is the present."""
        self._found_again()
        self._mind_interrupts()
        self._mind_handover(connection, present=True)
        if self.handover is None or not self.handover.active:
            self.questions.mind()
        self._mind_parking()
        self._screen.tick(self._view)

    # ---------------------------------------------------------------------- steps on terminals

    def _learn_terminals(self, connection: Client) -> bool:
        """Ask which steps are on a terminal: the event that tells lies before what is watched.

        True when one of them is running.
        """
        rows = connection.request("flow/show", {"run": self._run})["steps"]
        for row in rows:
            self._view.step(row["id"]).tty = row.get("tty", False)
        return any(row.get("tty") and row["state"] == "running" for row in rows)

    def _mind_handover(self, connection: Client, *, present: bool) -> None:
        if self.handover is not None and not self.questions.open:
            self.handover.mind(connection, present=present)

    # ------------------------------------------------------------------------------ interrupts

    def _mind_interrupts(self) -> None:
        if self._interrupts.count == self._noticed:
            return
        first, self._noticed = self._noticed == 0, self._interrupts.count
        if not (self._cancels and first):
            raise Left(exits.CANCELLED, f"left; the run goes on: flowctl attach {self._view.run}")
        self.questions.close()
        self._screen.note("cancelling; Ctrl-C again leaves at once")
        try:
            self._daemon.request("flow/cancel", {"run": self._run})
        except RemoteError as error:  # it is finished already, say
            self._screen.note(error.message)

    def _mind_parking(self) -> None:
        """Leave a run that a mistake of the daemon stopped: nothing more happens by itself."""
        view = self._view
        if view.parked and not any(step.busy for step in view.steps.values()):
            raise Left(
                exits.UNREACHABLE,
                f"the run is parked: {harmless(view.parked)}\n"
                f"go on with: flowctl resume {view.run}",
            )

    # ---------------------------------------------------------------------------- reconnecting

    def _reach_again(self) -> None:
        """Before each try to connect again: say so once, and start a daemon after one that died.

        One that was stopped is waited for: whoever stopped it may have a reason, and an upgrade
        takes its time. Left when none has come back for long.
        """
        self._mind_interrupts_while_away()
        if self.handover is not None:
            self.handover.mind_away()
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            self._screen.note("the connection to the daemon was lost; looking for it again")
        self._screen.tick(self._view)
        away = now - self._lost_at
        if away >= _AWAY_SECONDS:
            raise Left(
                exits.UNREACHABLE,
                f"no daemon came back within {_AWAY_SECONDS:.0f} s; "
                f"the run goes on with: flowctl attach {self._view.run}",
            )
        if not self._daemon.may_start or away < _BEFORE_STARTING_SECONDS:
            return
        from flowproto.starting import Starting

        if self._starting is None and not os.path.exists(self._daemon.socket):  # noqa: PTH110
            # A daemon that is stopped takes its socket away; one that is killed cannot.
            if not self._told_stopped:
                self._told_stopped = True
                self._screen.note(
                    f"the daemon was stopped; waiting up to {_AWAY_SECONDS:.0f} s for the next one"
                    " (flowctl daemon start). Ctrl-C leaves, steps go on"
                )
            return
        if self._starting is not None and self._starting.failed:
            raise self._starting.failure("the daemon cannot be started again")
        if self._starting is not None and self._starting.ended:
            self._start_is_over()
        if self._starting is None:
            self._starting = Starting(self._daemon.socket)
        self._starting.start_if_nobody_does()

    def _start_is_over(self) -> None:
        if self._starting is not None:
            self._starting.done()
            self._starting = None

    def _found_again(self) -> None:
        """A daemon answers."""
        self._lost_at = None
        self._told_stopped = False
        self._start_is_over()

    def _mind_interrupts_while_away(self) -> None:
        if self._interrupts.count > self._noticed:
            raise Left(
                exits.CANCELLED, f"left; once the daemon is back: flowctl attach {self._view.run}"
            )
