"""The best answer of each provider, side by side."""

from __future__ import annotations

from flowctl.preview import short_reversibility, verdict_word
from flowctl.text import clip, harmless, pad, plural, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.console import Console
    from flowproto.suggest import SuggestionRow, SuggestResult

_NARROWEST = 26
_GAP = "  "


def comparison_lines(answer: SuggestResult, console: Console) -> list[str]:
    """Give one column for each provider, or one below the other where that is too narrow."""
    best: dict[str, SuggestionRow] = {}
    for row in answer.suggestions:
        best.setdefault(row.provider, row)
    room = (console.columns - 1 - len(_GAP) * (len(best) - 1)) // len(best)
    if room < _NARROWEST:
        parts = [_column(row, console, console.columns - 1) for row in best.values()]
        return [line for part in parts for line in (*part, "")][:-1]
    columns = [_column(row, console, room) for row in best.values()]
    height = max(map(len, columns))
    for column in columns:
        column += [""] * (height - len(column))
    return [
        _GAP.join(pad(cell, room) for cell in row).rstrip() for row in zip(*columns, strict=True)
    ]


def _column(row: SuggestionRow, console: Console, room: int) -> list[str]:
    steps = row.workflow.get("steps", [])
    lines = [
        console.style(clip(harmless(row.provider), room - 6), "bold") + f" {row.score:.2f}",
        *wrap(harmless(row.title), room),
        clip(verdict_word(row.verdict, console), room),
        f"{plural(len(steps), 'step')} · {short_reversibility(row.reversibility.values())}",
    ]
    for number, step in enumerate(steps, 1):
        lines.append(console.style(clip(f"{number} {step['id']}", room), "bold"))
        lines += [clip(f"  {harmless(line)}", room) for line in step["run"].strip().split("\n")]
        undo = step.get("undo")
        if undo:
            script = undo["run"] if isinstance(undo, dict) else undo
            lines.append(console.style(clip(f"  undo: {harmless(script)}", room), "cyan"))
    return [clip(line, room) for line in lines]
