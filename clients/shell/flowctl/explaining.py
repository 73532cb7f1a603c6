"""Print what `flow/explain` says: the command with its parts underlined, and what each means."""

from __future__ import annotations

from itertools import cycle

import msgspec

from flowctl.preview import effect_lines, finding_lines, short_reversibility, verdict_word
from flowctl.text import clip, harmless, pad, width, wrap
from flowproto.check import StepPreview
from flowproto.explain import ExplainResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flowctl.console import Console
    from flowproto.explain import ExplainedPart, ExplainedScript

_COLOURS = {
    "program": "bold",
    "subcommand": "bold",
    "option": "cyan",
    "argument": "green",
    "redirect": "magenta",
    "variable": "blue",
    "operator": "yellow",
}
_UNKNOWN = "no manual here says what this is"
_WIDEST_PART = 28
_MOST_LINES = 40


def explanation_lines(answer: Mapping[str, Any], console: Console) -> list[str]:
    """Show every script of an answer; a workflow's with the names of its steps."""
    explained = msgspec.convert(answer, ExplainResult)
    lines: list[str] = []
    if explained.name:
        lines.append(console.style(harmless(explained.name), "bold"))
    if explained.why:
        lines += [f"  {line}" for line in wrap(harmless(explained.why), console.columns - 3)]
    for script in explained.scripts:
        if lines:
            lines.append("")
        if script.step:
            heading = script.step if script.script == "run" else f"{script.step}, {script.script}"
            name = f"  {harmless(script.name)}" if script.name else ""
            lines.append(console.style(harmless(heading), "bold") + name)
        lines += script_lines(script, console)
    return lines


def script_lines(script: ExplainedScript, console: Console) -> list[str]:
    """Show one script: its text with parts underlined, a sentence, the parts, the verdict."""
    lines = _text_lines(script, console)
    if script.sentence:
        lines.append("")
        lines += [f"  {line}" for line in wrap(harmless(script.sentence), console.columns - 3)]
    if script.parts:
        lines += ["", *_part_lines(script, console)]
    lines += ["", *_judged_lines(script, console)]
    return lines


# --------------------------------------------------------------------------------------- the text


def _text_lines(script: ExplainedScript, console: Console) -> list[str]:
    """The script in colours, and under each line what belongs together."""
    marks = _marks(script)
    lines = []
    start = 0
    source = script.text.rstrip("\n").split("\n")
    for line in source[:_MOST_LINES]:
        lines += _one_line(line, marks[start : start + len(line)], console)
        start += len(line) + 1
    if len(source) > _MOST_LINES:
        lines.append(console.style(f"  … {len(source) - _MOST_LINES} more lines", "dim"))
    return lines


class _Mark:
    """What a character belongs to: its colour, and the stroke under it."""

    def __init__(self, colour: str, stroke: str):
        self.colour = colour
        self.stroke = stroke


def _marks(script: ExplainedScript) -> list[_Mark | None]:
    """A mark for each character: deeper parts are drawn over those that hold them."""
    marks: list[_Mark | None] = [None] * len(script.text)
    strokes = cycle("─━")
    for part in sorted(script.parts, key=lambda part: part.depth):
        mark = _Mark(_COLOURS.get(part.kind, ""), next(strokes))
        start, end = part.span
        for place in range(max(start, 0), min(end, len(marks))):
            marks[place] = mark
    return marks


def _one_line(line: str, marks: Sequence[_Mark | None], console: Console) -> list[str]:
    if width(line) > console.columns - 3 or harmless(line) != line:
        shown = clip(harmless(line), console.columns - 3)
        return [f"  {shown}"]  # characters have no columns of their own there
    text, under = "", ""
    start = 0
    for place in range(1, len(line) + 1):
        if place < len(line) and marks[place] is marks[start]:
            continue
        piece, mark = line[start:place], marks[start]
        stroke = (mark.stroke if console.unicode else "~-"[mark.stroke == "─"]) if mark else " "
        colour = [mark.colour] if mark and mark.colour else []
        text += console.style(piece, *colour)
        under += console.style(stroke * width(piece), *colour) if mark else " " * width(piece)
        start = place
    return [f"  {text}", f"  {under}".rstrip()] if under.strip() else [f"  {text}"]


# -------------------------------------------------------------------------------------- the parts


def _part_lines(script: ExplainedScript, console: Console) -> list[str]:
    """The parts and their meanings, side by side; what is inside of another is indented."""
    labels = _labels(script.parts)
    room = min(max(width(label) for label in labels), _WIDEST_PART)
    sources = {command.span[0]: command.source for command in script.commands if command.source}
    lines = []
    for part, label in zip(script.parts, labels, strict=True):
        meaning = harmless(part.meaning) or _UNKNOWN
        source = sources.get(part.span[0], "") if part.kind == "program" else ""
        said = wrap(meaning, max(console.columns - room - 5, 20))
        if source and width(said[-1]) + width(source) + 3 <= console.columns - room - 5:
            said[-1] += "  " + console.style(harmless(source), "dim")
        if not part.meaning:
            said = [console.style(line, "dim") for line in said]
        colour = _COLOURS.get(part.kind, "")
        first = pad(clip(label, room), room)
        lines.append(f"  {console.style(first, colour) if colour else first}  {said[0]}")
        lines += [f"  {' ' * room}  {line}" for line in said[1:]]
    if not script.complete:
        lines.append(console.style("  Not all of it could be explained.", "dim"))
    return lines


def _labels(parts: Sequence[ExplainedPart]) -> list[str]:
    """The texts of parts; a letter out of a bundle (`-xzf`) gets the dash that all share."""
    labels: list[str] = []
    end, kind, dash = -1, "", False
    for part in parts:
        text = harmless(" ".join(part.text.split()))
        bundled = dash and end == part.span[0] and kind == part.kind == "option"
        dash = bundled or text.startswith("-")
        end, kind = part.span[1], part.kind
        labels.append("  " * part.depth + ("-" if bundled else "") + text)
    return labels


# ------------------------------------------------------------------------------------ the verdict


def _judged_lines(script: ExplainedScript, console: Console) -> list[str]:
    words = [verdict_word(script.verdict, console)]
    if script.reversibility and script.verdict != "block":
        words.append(short_reversibility([script.reversibility]))
    lines = [f"  {', '.join(words)}"]
    for finding in script.findings:
        lines += [f"    {line}" for line in finding_lines(finding, console)]
    if script.reversibility and script.effects:
        preview = StepPreview(
            id="",
            verdict=script.verdict,
            reversibility=script.reversibility,
            effects=script.effects,
        )
        lines += [line.replace("      ", "    ", 1) for line in effect_lines(preview, console)]
    return lines
