"""A watched run's questions: put to a person while the events go on, or a reason to leave."""

from __future__ import annotations

from flowctl.exits import NEEDS_CONFIRMATION, Left
from flowctl.plain import how_to_answer
from flowctl.prompt import LASTING, LATER, AnswerPrompt
from flowctl.screens import Live
from flowproto.client import RemoteError
from flowproto.events import QuestionAnswered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.connect import Daemon
    from flowctl.console import Console
    from flowctl.runview import RunView
    from flowctl.screens import Screen
    from flowctl.terminal import QuietTerminal
    from flowproto.events import QuestionAsked, WireEvent


class Questions:
    """At most one question is open on the terminal at a time; `later` ones are not asked again."""

    def __init__(self, daemon: Daemon, console: Console, screen: Screen, view: RunView):
        self.terminal: QuietTerminal | None = None
        self._daemon = daemon
        self._console = console
        self._screen = screen
        self._view = view
        self._prompt: AnswerPrompt | None = None
        self._later: set[str] = set()

    @property
    def open(self) -> bool:
        """Whether a question stands on the terminal."""
        return self._prompt is not None

    def heed(self, event: WireEvent | None) -> None:
        """Close the open question when this event, folded in already, settled it."""
        if self._prompt is None or self._prompt.step in self._view.questions:
            return
        self.close()
        elsewhere = isinstance(event, QuestionAnswered)
        self._screen.note("answered elsewhere" if elsewhere else "no longer asked")

    def mind(self) -> None:
        """Take an answer that was typed, or ask what is to be asked. To be called between events.

        Left when nobody can be asked here.
        """
        if self._prompt is not None:
            self._take_answer(self._prompt)
            return
        for step, question in self._view.questions.items():
            if step not in self._later and self._still_open(step):
                if not self._console.asks:
                    raise Left(
                        NEEDS_CONFIRMATION,
                        f"the run waits: {question.step}: {question.question}\n"
                        f"answer with: {how_to_answer(question)}",
                    )
                self._open(question)
                return

    def close(self, *, typed: bool = False) -> None:
        """Close the question, if one is open; `typed` says that a line was typed and ended."""
        if self._prompt is None:
            return
        self._prompt.forget_typed()
        self._prompt = None
        if self.terminal is not None:
            self.terminal.hush()
        if isinstance(self._screen, Live):
            self._screen.asked(new_line=not typed)

    def _still_open(self, step: str) -> bool:
        """Ask the daemon, for the answer may be among events that are still on their way."""
        shown = self._daemon.request("flow/show", {"run": self._view.run})
        return any(question["step"] == step for question in shown["questions"])

    def _open(self, question: QuestionAsked) -> None:
        self._prompt = AnswerPrompt(question, self._console)
        if self.terminal is not None:
            self.terminal.restore()
        self._prompt.forget_typed()
        if isinstance(self._screen, Live):
            self._screen.ask(self._prompt.text, self._view)

    def _take_answer(self, prompt: AnswerPrompt) -> None:
        answer = prompt.poll()
        if answer is None:
            return
        self.close(typed=True)
        if answer != LATER:
            self._later.discard(prompt.step)
            self._send(prompt.step, answer)
            return
        self._later.add(prompt.step)
        if not any(step.busy for step in self._view.steps.values()):
            question = self._view.questions[prompt.step]
            raise Left(
                NEEDS_CONFIRMATION,
                f"the run goes on waiting; answer with: {how_to_answer(question)}",
            )

    def _send(self, step: str, answer: str) -> None:
        """Send an answer; a refusal is told, and the watching goes on."""
        request = {"run": self._view.run, "step": step, "answer": answer}
        if answer in LASTING:
            request |= {"answer": "yes", "keep": answer}
        try:
            self._daemon.request("flow/answer", request)
        except RemoteError as error:
            self._screen.note(error.message)
