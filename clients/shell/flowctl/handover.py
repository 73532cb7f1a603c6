"""Hand the terminal over to a step that runs on one of its own, and take it back.

The step's output is written as it comes, and what is typed goes to the step (`keys.py` has the
exceptions). The daemon may die meanwhile: keys wait until it is back.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys

from flowctl.exits import CANCELLED, Left
from flowctl.keys import HINT, Modes, Typed, remembered, without_questions
from flowctl.text import harmless
from flowproto import events as e
from flowproto.client import ConnectionLost, RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from flowctl.console import Console
    from flowctl.runview import RunView
    from flowctl.screens import Live
    from flowctl.terminal import QuietTerminal
    from flowproto.client import Client

_AT_ONCE = 3000  # bytes: what one request takes, with room to spare
_MOST_WAITING = 65_536  # bytes typed that the daemon has not taken
_INTERRUPT = b"\x03"


class Handover:
    """Which step has the terminal. Use it in a `with`, which gives the terminal back."""

    def __init__(self, console: Console, screen: Live, terminal: QuietTerminal, view: RunView):
        self._console = console
        self._screen = screen
        self._terminal = terminal
        self._view = view
        self._shown: dict[str, str] = {}  # by running step on a terminal: what it wrote last
        self._step = ""
        self._typist = ""  # why we only look on, if we do
        self._take = False
        self._resized = False
        self._waiting = b""
        self._typed = Typed()
        self._modes = Modes()
        self._column = False  # whether the cursor may be in the middle of a line
        self.descriptors: set[int] = set()
        """What to read from while a step has the terminal."""

    def __enter__(self) -> Handover:
        self._before = signal.signal(signal.SIGWINCH, self._notice_resize)
        return self

    def __exit__(self, *error: object) -> None:
        self._end()
        signal.signal(signal.SIGWINCH, self._before)

    @property
    def active(self) -> bool:
        """Whether a step has the terminal."""
        return bool(self._step)

    def _notice_resize(self, number: int, frame: FrameType | None) -> None:
        self._resized = True

    # ---------------------------------------------------------------------------------- events

    def heed(self, event: e.WireEvent | None) -> None:
        """Take note of an event, which the view has folded in."""
        match event:
            case e.StepStarted() if self._view.step(event.step).tty:
                self._shown[event.step] = ""
            case e.StepOutput(kind="run") if event.step in self._shown:
                if event.step == self._step:
                    self._write(event.text)
                self._shown[event.step] = remembered(self._shown[event.step], event.text)
            case e.StepFinished() | e.AttemptWithdrawn():
                self._shown.pop(event.step, None)
                if event.step == self._step:
                    self._end()

    def mind(self, connection: Client, *, present: bool) -> None:
        """Hand the terminal over if a step wants it; `present` says that all there was is known.

        Else pass on what was typed. Left when the person wants to go.
        """
        if not self._step:
            if present:
                self._begin(connection)
            return
        if self._resized:
            self._resized = False
            self._type(connection, b"", sized=True)
        self._read()
        if self._take:
            self._type(connection, b"", sized=True)
        while self._waiting:
            if not self._type(connection, self._waiting[:_AT_ONCE]):
                return

    def mind_away(self) -> None:
        """As `mind` while there is no daemon: Ctrl-C leaves, other keys wait."""
        if self._step:
            self._read()
            if _INTERRUPT in self._waiting:
                self._leave("once the daemon is back")

    # -------------------------------------------------------------------------------- handing over

    def _begin(self, connection: Client) -> None:
        step = next(iter(self._shown), "")
        if not step:
            return
        self._step, self._typist, self._waiting = step, "", b""
        self._screen.lend()
        self._terminal.lend()
        self.descriptors.add(sys.stdin.fileno())
        self._type(connection, b"", sized=True, quietly=True)
        self._say(self._typist or f"{step} has the terminal; {HINT}")
        self._write(without_questions(self._shown[step]))

    def _end(self) -> None:
        """Take the terminal back, as the program found it."""
        if not self._step:
            return
        self._step = ""
        self.descriptors.clear()
        with contextlib.suppress(OSError):  # the terminal may be gone
            _put(self._modes.undo() + ("\r\n" if self._column else ""))
        self._terminal.hush()
        self._screen.take_back()

    def _leave(self, when: str = "the run goes on") -> None:
        self._end()
        raise Left(CANCELLED, f"left; {when}: flowctl attach {self._view.run}")

    # ------------------------------------------------------------------------------------- typing

    def _read(self) -> None:
        """Take what was typed."""
        while select.select([sys.stdin], [], [], 0)[0]:
            try:
                data = os.read(sys.stdin.fileno(), 4096)
            except OSError:
                data = b""
            if not data:  # the terminal is gone
                self._leave()
            for keys, said in self._typed.feed(data):
                self._keep(keys)
                if said == "leave":
                    self._leave()
                elif said == "take":
                    self._take, self._waiting = True, b"" if self._typist else self._waiting

    def _keep(self, keys: bytes) -> None:
        """Let keys wait for being sent."""
        if self._typist and _INTERRUPT in keys:  # meant for us: we only look on
            self._leave()
        if len(self._waiting) + len(keys) > _MOST_WAITING:
            _put("\a")
        else:
            self._waiting += keys

    def _type(
        self, connection: Client, keys: bytes, *, sized: bool = False, quietly: bool = False
    ) -> bool:
        """Send keys, the first ones that wait, or the size; False when they were not taken."""
        request: dict[str, Any] = {"run": self._view.run, "step": self._step, **_encoded(keys)}
        if sized:
            request["columns"], request["rows"] = self._console.size()
        if self._take:
            request["take"] = True
        try:
            connection.request("flow/type", request)
        except ConnectionLost:  # whoever reads events is about to notice
            return False
        except RemoteError as error:
            known = self._typist
            self._refused(error)
            if self._typist != known and not quietly:
                self._say(self._typist)
            elif self._typist and keys:
                _put("\a")
            return False
        if self._typist:  # until now
            self._say("you type now")
            self._resized = not sized
        self._typist, self._take = "", False
        self._waiting = self._waiting[len(keys) :]
        return True

    def _refused(self, error: RemoteError) -> None:
        """Take note of why nothing was taken."""
        if error.data.get("again"):  # a terminal about to open wants the size then
            self._resized = True
            return
        self._take, self._waiting = False, b""
        if "typist" in error.data:
            who = harmless(str(error.data["typist"]))
            self._typist = f"{self._step}: {who} types; Ctrl-] t takes over; {HINT}"
        elif error.name != "conflict":  # a conflict: it has just ended, as is about to be told
            self._typist = f"{self._step}: {harmless(error.message)}; {HINT}"

    # ------------------------------------------------------------------------------------ writing

    def _write(self, text: str) -> None:
        if text:
            self._modes.note(text)
            self._column = not text.endswith("\n")
            _put(text)

    def _say(self, text: str) -> None:
        """Say something between what the step shows."""
        _put(("\r\n" if self._column else "") + self._console.style(f"── {text}", "dim") + "\r\n")
        self._column = False


def _encoded(keys: bytes) -> dict[str, str]:
    try:
        return {"data": keys.decode()}
    except UnicodeDecodeError:
        import base64

        return {"data": base64.b64encode(keys).decode(), "encoding": "base64"}


def _put(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
