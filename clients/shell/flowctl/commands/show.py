"""`flowctl show`: one run as it stands."""

from __future__ import annotations

import time
from collections import Counter

import msgspec

from flowctl.connect import Daemon
from flowctl.text import age, clip, duration, harmless, plural, size
from flowproto.runs import AttemptRow, ItemRow, QuestionRow, ShowResult, StepRow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console

_MOST_QUIET_ITEMS = 5
_STYLES = {
    "succeeded": "green",
    "failed": "red",
    "timed_out": "red",
    "compensation_failed": "red",
    "running": "blue",
    "waiting": "yellow",
    "lost": "yellow",
    "cancelled": "yellow",
    "compensated": "cyan",
    "compensating": "cyan",
}


def run(arguments: Arguments, console: Console) -> int:
    """Print the run, its steps with their attempts, its questions."""
    answer = Daemon(arguments, console).request("flow/show", {"run": arguments.text("run")})
    if console.json:
        console.print_json(answer)
        return 0
    shown = msgspec.convert(answer, ShowResult)
    for line in lines(shown, console):
        console.print(clip(line, console.columns) if console.terminal else line)
    return 0


def lines(shown: ShowResult, console: Console) -> list[str]:
    """Give the run as text."""
    state = console.style(shown.state.replace("_", " "), _STYLES.get(shown.state, "dim"))
    now = time.time() * 1000
    found = [
        f"{console.style(harmless(shown.name), 'bold')}  {state}  {console.style(shown.id, 'dim')}",
        f"  in {harmless(shown.cwd)}, started {age(now - shown.created_at)}, "
        f"{plural(len(shown.steps), 'step')}",
    ]
    if shown.sandbox:
        found.append(f"  sandbox: {harmless(shown.sandbox)}")
    for name, value in shown.inputs.items():
        found.append(f"  {name} = {harmless(str(value))}")
    for step in shown.steps:
        found += _step_lines(step, console)
        found += _item_lines(step.items or [], console)
        if step.tty and step.state == "running":
            found.append(f"    on a terminal, type there with: flowctl attach {shown.id}")
    for question in shown.questions:
        found += _question_lines(shown.id, question, console)
    return found


def _item_lines(items: list[ItemRow], console: Console) -> list[str]:
    """Give every item that is not simply done or still to come, and the first of these."""
    quiet = [item for item in items if item.state in ("succeeded", "pending")]
    hidden = {item.id for item in quiet[_MOST_QUIET_ITEMS:]}
    lines = []
    for item in items:
        if item.id not in hidden:
            first, *rest = _step_lines(item, console)
            lines += [f"  {first}  {console.style(harmless(item.item), 'dim')}"]
            lines += [f"  {line}" for line in rest]
    counts = Counter(item.state for item in items if item.id in hidden)
    lines += [f"    {plural(count, 'more item')} {state}" for state, count in counts.items()]
    return lines


def _step_lines(step: StepRow | ItemRow, console: Console) -> list[str]:
    state = console.style(step.state.replace("_", " "), _STYLES.get(step.state, "dim"))
    parts = [f"  {step.id}: {state}"]
    if step.duration_ms is not None and step.state != "lost":  # of which nobody knows
        parts.append(f"in {duration(step.duration_ms)}")
    if step.exit_code:
        parts.append(f"exit {step.exit_code}")
    if step.reason:
        parts.append(f"({harmless(step.reason)})")
    if isinstance(step, StepRow) and step.sandbox != "off":
        parts.append(f"sandbox {step.sandbox}")
    several = len(step.attempts) > 1
    if step.attempts and not several:
        parts.append(console.style(_cost(step.attempts[0]), "dim"))
    lines = [" ".join(part for part in parts if part)]
    if several or any(attempt.kind != "run" for attempt in step.attempts):
        for attempt in step.attempts:
            measured = attempt.duration_ms is not None and attempt.state != "lost"
            took = f" in {duration(attempt.duration_ms or 0)}" if measured else ""
            code = f", exit {attempt.exit_code}" if attempt.exit_code else ""
            why = f" ({harmless(attempt.reason)})" if attempt.reason else ""
            name = f"{attempt.kind} {attempt.attempt}"
            cost = _cost(attempt)
            tail = f"  {console.style(cost, 'dim')}" if cost else ""
            lines.append(f"    {name}: {attempt.state.replace('_', ' ')}{took}{code}{why}{tail}")
    if step.attempts and (limits := step.attempts[-1].limits):
        lines.append(f"    limits: {harmless(limits)}")
    if step.artifacts:
        lines.append(f"    {plural(step.artifacts, 'file')} kept: flowctl artifacts")
    for name, value in step.outputs.items():
        lines.append(f"    {name} = {harmless(value)}")
    return lines


def _cost(attempt: AttemptRow) -> str:
    """Give what an attempt used besides time: `[0.31s CPU, 48.2 MB, 2.1 kB output]`."""
    parts = []
    if attempt.cpu_ms is not None:
        parts.append(f"{duration(attempt.cpu_ms)} CPU")
    if attempt.max_rss_bytes is not None:
        parts.append(f"{size(attempt.max_rss_bytes)} memory")
    if attempt.output_bytes:
        parts.append(f"{size(attempt.output_bytes)} output")
    return f"[{', '.join(parts)}]" if parts else ""


def _question_lines(run: str, question: QuestionRow, console: Console) -> list[str]:
    return [
        f"{console.style('?', 'yellow')} {question.step} asks: {harmless(question.question)}",
        f"  answer with: flowctl answer {run} {question.step} {'|'.join(question.answers)}",
    ]
