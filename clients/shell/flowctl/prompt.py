"""Questions put to a person on a terminal."""

from __future__ import annotations

import os
import select
import sys
import termios

from flowctl.text import harmless, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowctl.console import Console
    from flowproto import events as e

LATER = "later"
LASTING = ("run", "project", "always")
"""Yes, for the same question in this run, in this project, everywhere."""
_OF_LOST = {
    "yes": "[y]es, it was done",
    "no": "[n]o, it was not",
    "retry": "[r]etry it",
    "skip": "[s]kip it",
    "undo": "[u]ndo it",
}
_OF_APPROVAL = {
    "run": "yes in this [r]un",
    "project": "in this [p]roject",
    "always": "[a]lways",
}


class AnswerPrompt:
    """A run's question, open on the terminal while the run's events go on coming."""

    def __init__(self, question: e.QuestionAsked, console: Console):
        self.step = question.step
        lasting = LASTING if question.lasting else ()
        self._answers = [*question.answers, *lasting, LATER]
        labels = _OF_LOST if question.about == "lost" else _OF_APPROVAL
        choices = "  ".join(labels.get(answer, spelled(answer)) for answer in self._answers)
        asked = wrap(f"{question.step}: {harmless(question.question)}", console.columns - 3)
        lines = [f"{console.style('?', 'yellow')} {asked[0]}", *(f"  {line}" for line in asked[1:])]
        lines += [f"  {line}" for line in wrap(choices, console.columns - 5)]
        self.text = "\n".join(lines) + " › "

    def forget_typed(self) -> None:
        """Forget what was typed before the question was there, or not sent before it was gone."""
        termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)

    def poll(self) -> str | None:
        """Give the answer if one was typed, LATER at the end of input, else None, at once."""
        if not select.select([sys.stdin], [], [], 0)[0]:
            return None
        typed = os.read(sys.stdin.fileno(), 4096)
        if not typed:
            sys.stdout.write("\n")  # nobody typed one
            return LATER
        answer = chosen(typed.decode(errors="replace"), self._answers)
        if answer is None:
            sys.stdout.write(f"  one of {', '.join(self._answers)} › ")
            sys.stdout.flush()
        return answer


def spelled(choice: str) -> str:
    """Give `[y]es` for `yes`."""
    return f"[{choice[0]}]{choice[1:]}"


def chosen(typed: str, choices: Sequence[str]) -> str | None:
    """Give the choice that the typed word begins, or None when it begins no or several ones."""
    word = typed.strip().lower()
    fitting = [choice for choice in choices if choice.startswith(word)] if word else []
    return fitting[0] if len(fitting) == 1 else None


def ask(prompt: str) -> str | None:
    """Ask for a line of text; None at the end of input."""
    sys.stdout.write(prompt)
    sys.stdout.flush()
    line = sys.stdin.readline()
    if not line:
        sys.stdout.write("\n")
        return None
    return line.rstrip("\n")


def confirm(prompt: str, *, default: bool) -> bool:
    """Ask a question of yes or no; the end of input is no."""
    while True:
        typed = ask(f"{prompt} {'[Y/n]' if default else '[y/N]'} › ")
        if typed is None:
            return False
        answer = chosen(typed, ("yes", "no")) if typed.strip() else ("yes" if default else "no")
        if answer:
            return answer == "yes"
