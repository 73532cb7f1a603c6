"""Follow a run to its end: show it, put its questions to a person, mind Ctrl-C and restarts."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager, nullcontext

from flowctl import exits
from flowctl.plain import how_to_answer
from flowctl.prompt import LATER, AnswerPrompt
from flowctl.runview import RunView
from flowctl.screens import JsonLines, Live, Plain, Silent
from flowctl.terminal import QuietTerminal, quiet_terminal
from flowproto.client import RemoteError
from flowproto.events import decode_event

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from flowctl.autostart import Starting
    from flowctl.connect import Daemon
    from flowctl.console import Console
    from flowctl.screens import Screen

_PATIENCE_SECONDS = 30.0
_BEFORE_STARTING_SECONDS = 1.5


class Left(Exception):
    """The watching ends before the run does. `code` is the exit code."""

    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


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
    drawing = quiet_terminal(screen.redraw) if isinstance(screen, Live) else nullcontext()
    with drawing as terminal:
        watcher.terminal = terminal
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
        self.terminal: QuietTerminal | None = None
        self._daemon = daemon
        self._console = console
        self._run = run
        self._screen = screen
        self._interrupts = interrupts
        self._cancels = cancels
        self._noticed = 0
        self._view = RunView(run)
        self._prompt: AnswerPrompt | None = None
        self._later: set[str] = set()
        self._lost_at: float | None = None
        self._starting: Starting | None = None

    def follow(self, after: int) -> Watched:
        """Show every event until the end."""
        view = self._view
        with self._daemon.connect() as connection:
            try:
                for raw in connection.events(
                    self._run,
                    after,
                    patience=_PATIENCE_SECONDS,
                    before_retry=self._reach_again,
                    pulse=self._pulse,
                ):
                    self._take(raw)
                    self._mind_interrupts()
            except Left as left:
                self._close_prompt()
                self._screen.end(view)
                self._console.say(left.message)
                return Watched(view.run, view.state, left.code)
            finally:
                self._close_prompt()
                self._daemon.mention_skew(connection)
        self._screen.end(view)
        return Watched(view.run, view.state, exits.of_state(view.state))

    def _take(self, raw: dict[str, object]) -> None:
        self._lost_at = self._starting = None
        event = decode_event(raw)
        if event is not None:
            self._view.run = event.run
            self._view.apply(event)
        self._screen.event(raw, event, self._view)

    def _pulse(self) -> None:
        """Nothing came for a moment, so what was seen is the present."""
        self._mind_interrupts()
        self._mind_questions()
        self._screen.tick(self._view)

    # ------------------------------------------------------------------------------ interrupts

    def _mind_interrupts(self) -> None:
        if self._interrupts.count == self._noticed:
            return
        first, self._noticed = self._noticed == 0, self._interrupts.count
        if not (self._cancels and first):
            raise Left(exits.CANCELLED, f"left; the run goes on: flowctl attach {self._view.run}")
        self._close_prompt()
        self._screen.note("cancelling; Ctrl-C again leaves at once")
        self._steer("flow/cancel", {"run": self._run})

    # ------------------------------------------------------------------------------- questions

    def _mind_questions(self) -> None:
        questions = self._view.questions
        if self._prompt is not None:
            if self._prompt.step in questions:
                self._take_answer(self._prompt)
                return
            self._close_prompt()
            self._screen.note("answered elsewhere")
        for step, question in questions.items():
            if step in self._later or not self._still_open(step):
                continue
            if not self._console.asks:
                raise Left(
                    exits.NEEDS_CONFIRMATION,
                    f"the run waits: {question.step}: {question.question}\n"
                    f"answer with: {how_to_answer(question)}",
                )
            self._open_prompt(AnswerPrompt(question, self._console))
            return

    def _still_open(self, step: str) -> bool:
        """Ask the daemon, for the answer may be among events that are still on their way."""
        shown = self._daemon.request("flow/show", {"run": self._run})
        return any(question["step"] == step for question in shown["questions"])

    def _open_prompt(self, prompt: AnswerPrompt) -> None:
        self._prompt = prompt
        if self.terminal is not None:
            self.terminal.restore()
        prompt.forget_typed()
        if isinstance(self._screen, Live):
            self._screen.ask(prompt.text, self._view)

    def _take_answer(self, prompt: AnswerPrompt) -> None:
        answer = prompt.poll()
        if answer is None:
            return
        self._close_prompt(typed=True)
        if answer != LATER:
            request = {"run": self._run, "step": prompt.step, "answer": answer}
            self._steer("flow/answer", request)
            self._later.discard(prompt.step)
            return
        self._later.add(prompt.step)
        if not any(step.busy for step in self._view.steps.values()):
            question = self._view.questions[prompt.step]
            raise Left(
                exits.NEEDS_CONFIRMATION,
                f"the run goes on waiting; answer with: {how_to_answer(question)}",
            )

    def _close_prompt(self, *, typed: bool = False) -> None:
        if self._prompt is None:
            return
        self._prompt.forget_typed()
        self._prompt = None
        if self.terminal is not None:
            self.terminal.hush()
        if isinstance(self._screen, Live):
            self._screen.asked(new_line=not typed)

    def _steer(self, method: str, params: dict[str, str]) -> None:
        """Ask for something beside the events; a refusal is told, the watching goes on."""
        try:
            self._daemon.request(method, params)
        except RemoteError as error:
            self._screen.note(error.message)

    # ---------------------------------------------------------------------------- reconnecting

    def _reach_again(self) -> None:
        """Before each try to connect again: say so once, and start a daemon if none comes back."""
        self._mind_interrupts_while_away()
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            self._screen.note("the connection to the daemon was lost; looking for it again")
        self._screen.tick(self._view)
        if not self._daemon.may_start or now - self._lost_at < _BEFORE_STARTING_SECONDS:
            return
        from flowctl.autostart import Starting, did_not_start

        if self._starting is not None and self._starting.failed:
            raise did_not_start("the daemon cannot be started again", self._starting)
        if self._starting is None or self._starting.process.poll() is not None:
            self._starting = Starting()

    def _mind_interrupts_while_away(self) -> None:
        if self._interrupts.count > self._noticed:
            raise Left(
                exits.CANCELLED, f"left; once the daemon is back: flowctl attach {self._view.run}"
            )
