"""What a run looks like on a terminal: pure functions from a `RunView` to lines of text."""

from __future__ import annotations

from flowctl.runview import BUSY, RunView, StepView, sandbox_hint
from flowctl.text import clip, duration, harmless, pad, plural, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.console import Console

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_SPINNER = "|/-\\"
_MARKS = {
    "pending": ("·", ".", "dim"),
    "waiting": ("?", "?", "yellow"),
    "lost": ("?", "?", "yellow"),
    "succeeded": ("✓", "+", "green"),
    "failed": ("✗", "x", "red"),
    "timed_out": ("✗", "x", "red"),
    "cancelled": ("✗", "x", "yellow"),
    "skipped": ("↷", "-", "dim"),
    "compensated": ("↶", "<", "cyan"),
    "compensation_failed": ("✗", "x", "red"),
    "retrying": ("↻", "@", "yellow"),
}
_FOLDABLE = frozenset({"succeeded", "skipped", "compensated", "cancelled"})
_MOST_TAIL = 5
_MOST_ITEMS = 6  # of one step, below its line
_MOST_ITEMS_AT_THE_END = 10
_MOST_ENDING = 25
_MOST_SAID = {"succeeded": 5, "failed": 10, "timed_out": 10, "compensation_failed": 10}
_MOST_SAID_ALONE = 100
_LONGEST_NAME = 28


def block(view: RunView, console: Console, now_ms: int) -> list[str]:
    """Give the lines that show a live run within the console's present size."""
    columns, rows = console.size()
    room = max(rows - 3, 2)  # one for the heading, one for a question, one for the cursor
    shown, finished, upcoming = _choose(list(view.steps.values()), room)
    lines = [_heading(view, console, now_ms)]
    if finished:
        lines.append(
            console.style(f"{_mark_text('succeeded', console)} {finished} finished", "dim")
        )
    names = _name_width(shown, columns)
    spare = room - len(shown) - bool(finished) - bool(upcoming)
    for step in shown:
        lines.append(step_line(step, console, now_ms, names))
        if step.items and step.busy:
            below = _busy_items(step.items, console, now_ms, min(spare, _MOST_ITEMS))
            spare -= len(below)
            lines += below
        elif step.busy and spare > 0:
            tail = _tail_lines(step, console, min(spare, _MOST_TAIL))
            spare -= len(tail)
            lines += tail
    if upcoming:
        lines.append(console.style(f"{_mark_text('pending', console)} {upcoming} to come", "dim"))
    return [clip(line, columns - 1) for line in lines]


def step_line(step: StepView, console: Console, now_ms: int, name_width: int = 0) -> str:
    """Give one line: mark, name, how long, and what there is to say."""
    parts = [_mark(step, console, now_ms), pad(step.id, name_width)]
    if step.status in ("running", "checking", "compensating"):
        parts.append(duration(now_ms - step.since))
    elif step.duration_ms is not None and step.status not in ("pending", "waiting", "lost"):
        parts.append(duration(step.duration_ms))
    note = _note(step, now_ms)
    if note:
        parts.append(console.style(harmless(note), "dim"))
    return " ".join(parts).rstrip()


def ending(view: RunView, console: Console) -> list[str]:
    """Give the lines that stay when the run is finished: every step, what it wrote, the sum.

    Output is not cut to the terminal's width: people copy it.
    """
    columns = console.columns
    steps = list(view.steps.values())
    names = _name_width(steps, columns)
    lines = []
    if len(steps) > _MOST_ENDING:
        quiet = [step for step in steps if step.status in ("succeeded", "pending", "compensated")]
        steps = [step for step in steps if step not in quiet]
        lines = _counted(quiet, console)
    for step in steps:
        lines.append(clip(step_line(step, console, view.ended_at, names), columns - 1))
        lines += _said(step, view, console)
        lines += _items_at_the_end(step, view, console)
    return [*lines, summary(view, console), *_hint(view, console)]


def _busy_items(items: list[StepView], console: Console, now_ms: int, most: int) -> list[str]:
    """Give a line for each item that goes on or waits, as many as there is room for."""
    busy = [item for item in items if item.busy or item.status in ("waiting", "lost")]
    if most <= 0 or not busy:
        return []
    shown = busy if len(busy) <= most else busy[: most - 1]
    lines = []
    for item in shown:
        said = item.last_lines(1)
        last = console.style(harmless(said[0]), "dim") if said else ""
        lines.append(f"  {_item_line(item, console, now_ms)} {last}".rstrip())
    if len(busy) > len(shown):
        lines.append(console.style(f"  {len(busy) - len(shown)} more at work", "dim"))
    return lines


def _item_line(item: StepView, console: Console, now_ms: int) -> str:
    line = step_line(item, console, now_ms)
    name = clip(harmless(item.item), _LONGEST_NAME)
    return line.replace(item.id, f"{item.id} {name}", 1) if name else line


def _items_at_the_end(step: StepView, view: RunView, console: Console) -> list[str]:
    """Give the items that stay: all if they are few, else those that went wrong."""
    items = step.items or []
    shown = [item for item in items if item.status not in ("succeeded", "pending", "compensated")]
    if len(items) <= _MOST_ITEMS_AT_THE_END:
        shown = items
    lines = []
    for item in shown[:_MOST_ITEMS_AT_THE_END]:
        line = f"  {_item_line(item, console, view.ended_at)}"
        lines.append(clip(line, console.columns - 1))
        lines += [f"  {said}" for said in _said(item, view, console)]
    more = len(shown) - _MOST_ITEMS_AT_THE_END
    if more > 0:
        words = f"  {plural(more, 'more item')}: flowctl show {view.run}"
        lines.append(console.style(words, "dim"))
    return lines


def _hint(view: RunView, console: Console) -> list[str]:
    """Say that what a failed run left can be taken back."""
    steps = (*view.steps.values(), *view.items.values())
    saved = [step for step in steps if step.saved and step.status != "compensated"]
    if view.state == "succeeded" or not saved:
        return []
    hint = (
        f"files of {plural(len(saved), 'step')} were saved: flowctl undo {view.run} restores them"
    )
    return [console.style(hint, "dim")]


def _said(step: StepView, view: RunView, console: Console) -> list[str]:
    """Give the newest lines of a step's output, and how to see the others; all, if they are few."""
    most = _MOST_SAID.get(step.status, 0)
    if step.status == "succeeded" and view.state != "succeeded":  # what went wrong is to be seen
        most = 0
    elif step.status == "succeeded" and len(view.steps) == 1:
        most = _MOST_SAID_ALONE
    shown = _tail_lines(step, console, most)
    hidden = step.lines - len(shown)
    if not shown or hidden <= 0:
        return shown
    dots = "…" if console.unicode else "..."
    more = f"{plural(hidden, 'more line')}: flowctl logs {view.run} {step.id}"
    return [f"  {console.style(f'{_bar(console)} {dots} {more}', 'dim')}", *shown]


def _counted(steps: list[StepView], console: Console) -> list[str]:
    """Give one line for all steps of the same state."""
    counts: dict[str, int] = {}
    for step in steps:
        counts[step.status] = counts.get(step.status, 0) + 1
    words = {"pending": "not started", "compensated": "undone"}
    return [
        f"{_mark_text(status, console)} {plural(count, 'step')} {words.get(status, status)}"
        for status, count in counts.items()
    ]


def summary(view: RunView, console: Console) -> str:
    """Give the sentence that sums a finished run up."""
    word, style = {
        "succeeded": ("succeeded", "green"),
        "failed": ("failed", "red"),
        "cancelled": ("cancelled", "yellow"),
        "compensated": ("was undone", "cyan"),
        "compensation_failed": ("could not be undone completely", "red"),
    }[view.state]
    if view.state == "compensated" and _failed_step(view):
        word, style = "failed and was rolled back", "red"
    took = duration(view.ended_at - view.started_at)
    name = harmless(view.name)
    line = f"{console.style(f'{name} {word}', style, 'bold')} in {took}"
    failed = _failed_step(view)
    if failed and view.state != "succeeded":
        line += f", at step {failed.id}{_exit_note(failed)}"
    hint = sandbox_hint(view)
    return f"{line} {console.style(f'(run {view.run})', 'dim')}" + (f"; it {hint}" if hint else "")


# -------------------------------------------------------------------------------------- choosing


def _choose(steps: list[StepView], room: int) -> tuple[list[StepView], int, int]:
    """Choose the steps to show in `room` lines; give how many finished and coming ones are not.

    What is going on or needs a person comes first, then what comes next, then the newest of what
    is done.
    """
    if len(steps) <= room:
        return steps, 0, 0
    keep = max(room - 2, 1)
    urgent = [step for step in steps if step.status not in _FOLDABLE and step.status != "pending"]
    urgent.sort(key=lambda step: step.status not in BUSY and step.status != "waiting")
    pending = [step for step in steps if step.status == "pending"]
    done = [step for step in steps if step.status in _FOLDABLE]
    chosen = {step.id for step in [*urgent, *pending[:1], *reversed(done), *pending[1:]][:keep]}
    shown = [step for step in steps if step.id in chosen]
    upcoming = sum(step.id not in chosen for step in pending)
    return shown, len(steps) - len(shown) - upcoming, upcoming


def _name_width(steps: list[StepView], columns: int) -> int:
    longest = max((width(step.id) for step in steps), default=0)
    return min(longest, _LONGEST_NAME, max(columns - 12, 4))


# --------------------------------------------------------------------------------------- drawing


def _heading(view: RunView, console: Console, now_ms: int) -> str:
    done = sum(step.status in _FOLDABLE for step in view.steps.values())
    parts = [
        console.style(harmless(view.name), "bold"),
        f"{done}/{len(view.steps)}",
        duration(now_ms - view.started_at),
    ]
    if view.parked:
        parts.append(console.style(f"parked: {harmless(view.parked)}", "red"))
    elif view.state == "compensating":
        parts.append(console.style("undoing", "cyan"))
    elif view.cancelling:
        parts.append(console.style("cancelling", "yellow"))
    if view.sandbox:  # how, is in `flowctl show`: a heading is one line
        kind = view.sandbox.partition(":")[0]
        held = "within policy" if kind.startswith("boundaries") else f"sandbox {kind}"
        parts.append(console.style(held, "dim"))
    parts.append(console.style(view.run, "dim"))
    return " ".join(parts)


def _mark(step: StepView, console: Console, now_ms: int) -> str:
    if step.status in ("running", "checking", "compensating"):
        frames = _SPINNER if console.unicode else _ASCII_SPINNER
        return console.style(frames[now_ms // 100 % len(frames)], "blue")
    return console.style(_mark_text(step.status, console), _MARKS[step.status][2])


def _mark_text(status: str, console: Console) -> str:
    unicode_mark, ascii_mark, _ = _MARKS[status]
    return unicode_mark if console.unicode else ascii_mark


def _note(step: StepView, now_ms: int) -> str:
    attempt = f"attempt {step.attempt}" if step.attempt > 1 and step.status != "pending" else ""
    match step.status:
        case "checking":
            said = "checking whether it was done"
        case "compensating":
            said = "undoing"
        case "compensated":
            said = "undone"
        case "compensation_failed":
            said = f"could not be undone{_exit_note(step)}"
        case "retrying":
            said = f"failed{_exit_note(step)}; again in {duration(step.since - now_ms)}"
        case "waiting":
            said = "waits for an answer"
        case "running" if step.items is not None:
            said = _progress(step.items)
        case "succeeded" if step.items:
            said = plural(len(step.items), "item")
        case "running" if step.tty:
            said = "on a terminal: flowctl attach"
        case "failed":
            said = step.reason or f"failed{_exit_note(step)}"
        case "timed_out":
            said = "timed out"
        case "cancelled" | "lost":
            said = step.reason or step.status
        case _:
            said = step.reason
    limits = f"limits: {step.limits}" if step.limits else ""
    return ", ".join(part for part in (said, attempt, step.lasting, limits) if part)


def _progress(items: list[StepView]) -> str:
    """Say how far the items of a step are."""
    counts = dict.fromkeys(("succeeded", "skipped", "failed", "timed_out"), 0)
    for item in items:
        if item.status in counts:
            counts[item.status] += 1
    bad = counts["failed"] + counts["timed_out"]
    said = f"{counts['succeeded'] + counts['skipped']}/{len(items)} done"
    return f"{said}, {bad} failed" if bad else said


def _exit_note(step: StepView) -> str:
    return f" (exit {step.exit_code})" if step.exit_code else ""


def _tail_lines(step: StepView, console: Console, count: int) -> list[str]:
    bar = console.style(_bar(console), "dim")
    return [f"  {bar} {harmless(line, colours=console.colour)}" for line in step.last_lines(count)]


def _bar(console: Console) -> str:
    return "│" if console.unicode else "|"


def _failed_step(view: RunView) -> StepView | None:
    for step in view.steps.values():
        if step.status in ("failed", "timed_out", "compensation_failed"):
            return step
    return None
