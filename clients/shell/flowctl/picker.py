"""Choose among suggestions on a terminal: look, edit, compare, save, run."""

from __future__ import annotations

import msgspec

from flowctl import exits
from flowctl.checking import request_check
from flowctl.editing import edit_workflow
from flowctl.errors import failure_of, report
from flowctl.exits import Failure
from flowctl.preview import (
    finding_lines,
    obstacle_lines,
    reason_lines,
    short_reversibility,
    workflow_lines,
)
from flowctl.prompt import ask, confirm
from flowctl.saving import save_workflow
from flowctl.starting import run_and_watch
from flowctl.text import clip, harmless, plural, wrap
from flowctl.workflow_yaml import to_yaml
from flowproto.check import CheckResult
from flowproto.client import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console
    from flowproto.suggest import SuggestionRow, SuggestResult

_MENU = "[r]un [e]dit [d]iff providers [s]ave [n]ot this [?]explain [q]uit"


def print_list(answer: SuggestResult, console: Console) -> None:
    """Print a numbered line for each suggestion, and below it what it would run."""
    rows, scripts = [], []
    for number, row in enumerate(answer.suggestions, 1):
        steps = plural(len(row.workflow.get("steps", [])), "step")
        needs = {"confirm": "needs ok", "block": "blocked"}.get(row.verdict, "")
        rows.append(
            [
                console.style(str(number), "bold"),
                harmless(row.title),
                f"{steps} · {short_reversibility(row.reversibility.values())}",
                console.style(needs, "red" if row.verdict == "block" else "yellow"),
                console.style(harmless(row.provider), "dim"),
                f"{row.score:.2f}",
                console.style(row.id, "dim"),
            ]
        )
        script = _in_a_line(row)
        shown = clip(script, console.columns - 3) if console.terminal else script
        scripts.append(f"   {console.style(shown, 'dim')}")
    console.table(rows, elastic=1, below=scripts)


def _in_a_line(row: SuggestionRow) -> str:
    """Give the scripts of a suggestion's steps, the first line of each."""
    scripts = (str(step.get("run", "")).strip() for step in row.workflow.get("steps", []))
    return " → ".join(
        harmless(first) + (" …" if rest else "")
        for first, _, rest in (script.partition("\n") for script in scripts)
    )


def print_provider_errors(answer: SuggestResult, console: Console) -> None:
    """Say which providers did not answer, and what to do about it."""
    for row in answer.providers:
        if row.error:
            cure = f"; {row.cure}" if row.cure else ""
            console.say(harmless(f"{row.provider}: {row.error}{cure}"), "dim")


class Picker:
    """The suggestions, which one is meant, and what was changed about them."""

    def __init__(
        self, daemon: Daemon, console: Console, answer: SuggestResult, *, cwd: str, approve: bool
    ):
        self.answer = answer
        self._daemon = daemon
        self._console = console
        self._cwd = cwd
        self._approve = approve
        self._selected = self._best()
        self._edited: dict[int, str] = {}
        self._previewed: set[int] = set()

    @property
    def suggestion(self) -> SuggestionRow:
        """The one that is meant."""
        return self.answer.suggestions[self._selected]

    def loop(self) -> int:
        """Ask what to do until something was run, or the user leaves. Gives the exit code.

        What goes wrong is told and asked about again, so that no edit is lost.
        """
        while True:
            typed = ask(f"{self._selected + 1}: {_MENU} › ")
            word = "q" if typed is None else typed.strip().lower()
            if word in ("q", "quit"):
                return exits.DONE
            try:
                code = self._obey(word)
            except Failure as failure:
                report(failure, self._console)
            except RemoteError as error:
                report(failure_of(error), self._console)
            else:
                if code is not None:
                    return code

    def _obey(self, word: str) -> int | None:
        """Do what was typed; give the exit code when a run was watched to its end."""
        match word:
            case "r" | "run":
                return self.run()
            case "e" | "edit":
                self.edit()
            case "d" | "diff":
                self.compare()
            case "s" | "save":
                self.save()
            case "n" | "not":
                self.dismiss()
            case "?" | "explain":
                self.explain()
            case "":
                self.preview()
            case _ if word.isdigit() and 1 <= int(word) <= len(self.answer.suggestions):
                self._selected = int(word) - 1
                self.preview()
            case _:
                last = len(self.answer.suggestions)
                self._console.print(f"a number from 1 to {last}, or one of {_MENU}")
        return None

    # --------------------------------------------------------------------------------- actions

    def preview(self) -> CheckResult:
        """Show every script of the selected workflow with its undo and what the judge says."""
        checked = self._check()
        lines = workflow_lines(checked.workflow, checked, self._console)
        lines += obstacle_lines(checked.preflight, self._console)
        lines += reason_lines(self.suggestion.reasons, self._console)
        self._console.print("\n".join(lines))
        self._previewed.add(self._selected)
        return checked

    def run(self) -> int | None:
        """Run the selected one; a preview comes first. None when the user would rather not."""
        if self._selected not in self._previewed:
            checked = self.preview()
            if checked.verdict == "block":
                self._console.say("this is blocked by policy and cannot be run", "red")
                return None
            if not confirm(f"Run {plural(len(checked.steps), 'step')}?", default=True):
                return None
        return self._start()

    def run_best(self) -> int:
        """Run the selected one after its preview: with `--yes` at once, else when confirmed."""
        checked = self._check()
        if not self._console.json:
            self.preview()
        if checked.verdict == "block":
            raise Failure(
                "every suggestion is blocked by policy",
                code="blocked_by_policy",
                data={"findings": msgspec.to_builtins(checked.findings)},
                cure="nothing was run",
            )
        if not self._approve:
            if not self._console.asks:
                self._console.say(
                    "nobody can be asked here; to run it: flowctl suggest --run --yes, "
                    f"or flowctl run {self.suggestion.id}"
                )
                return exits.NEEDS_CONFIRMATION
            if not confirm(f"Run {plural(len(checked.steps), 'step')}?", default=True):
                return exits.DONE
        return self._start()

    def edit(self) -> None:
        """Open the selected one in the user's editor, until it is valid or given up."""
        text = self._edited.get(self._selected) or to_yaml(self.suggestion.workflow)
        edited = edit_workflow(self._daemon, self._console, text, cwd=self._cwd)
        if edited is not None:
            self._edited[self._selected] = edited
            self.preview()

    def save(self) -> None:
        """Save the selected one as a template of the project."""
        text = self._edited.get(self._selected) or to_yaml(self.suggestion.workflow)
        save_workflow(self._console, text, name=self._check().name, cwd=self._cwd)

    def dismiss(self) -> None:
        """Say that the selected one is not wanted, so that it comes later next time."""
        self._daemon.request("flow/dismiss", {"suggestion": self.suggestion.id})
        self._console.say(f"noted: not {harmless(self.suggestion.title)}", "dim")

    def explain(self) -> None:
        """Say why this was suggested, what the judge found, and what each part of it does."""
        from flowctl.explaining import explanation_lines

        row = self.suggestion
        columns = self._console.columns - 1
        lines = [f"{row.id}: {harmless(row.provider)} gives it a score of {row.score:.2f}"]
        lines += wrap(harmless(row.explanation), columns)
        lines += reason_lines(row.reasons, self._console)
        for finding in row.findings:
            lines += finding_lines(finding, self._console)
        self._console.print("\n".join(lines))
        answer = self._daemon.request("flow/explain", {**self._source(), "cwd": self._cwd})
        self._console.print("\n".join(["", *explanation_lines(answer, self._console)]))

    def compare(self) -> None:
        """Show the best answer of each provider side by side."""
        from flowctl.compare import comparison_lines

        self._console.print("\n".join(comparison_lines(self.answer, self._console)))

    # ----------------------------------------------------------------------------------- parts

    def _best(self) -> int:
        """The first one that is not blocked, or the first."""
        verdicts = [row.verdict for row in self.answer.suggestions]
        return next((i for i, verdict in enumerate(verdicts) if verdict != "block"), 0)

    def _source(self) -> dict[str, Any]:
        edited = self._edited.get(self._selected)
        if edited is not None:
            return {"text": edited}
        return {"workflow": self.suggestion.workflow}

    def _check(self) -> CheckResult:
        answer = request_check(self._daemon, {**self._source(), "cwd": self._cwd})
        return msgspec.convert(answer, CheckResult)

    def _start(self) -> int:
        source = (
            {**self._source(), "from_suggestion": self.suggestion.id}
            if self._selected in self._edited
            else {"suggestion": self.suggestion.id}
        )
        request = {**source, "cwd": self._cwd, "approve": self._approve}
        declared = self.suggestion.workflow.get("inputs", {})
        return run_and_watch(self._daemon, self._console, request, declared)
