"""A workflow before it runs: every script with its undo, judged, and what cannot be undone."""

from __future__ import annotations

from flowctl.text import clip, harmless, plural, width, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from flowctl.console import Console
    from flowproto.check import CheckResult, FindingRow, ObstacleRow, StepPreview

_VERDICT_STYLE = {"allow": "green", "confirm": "yellow", "block": "red"}
_REVERSIBILITY = {
    "reversible": ("reversible", "green"),
    "saved": ("reversible (saved)", "green"),
    "compensable": ("compensable", "cyan"),
    "irreversible": ("irreversible", "yellow"),
}
_EFFECTS = {
    "writes": "writes",
    "deletes": "deletes",
    "network": "talks to",
    "privilege": "becomes another user with",
    "unknown": "does what nobody can tell from here:",
}
_UNDOABLE = {"saved", "compensable"}
_SHOWN_SCRIPT_LINES = 40
_SHOWN_KEYS = (
    ("needs", "after"),
    ("if", "if"),
    ("for_each", "for each of"),
    ("confirm", "asks"),
    ("artifacts", "keeps"),
    ("sandbox", "sandbox"),
)
_SANDBOXES = {
    "project": "writes only to the project, reads no credentials",
    "strict": "writes only to the project, reads that and the system, no network",
}
_MOST_LISTED = 20


def verdict_word(verdict: str, console: Console) -> str:
    """Give the verdict in its colour."""
    return console.style(verdict, _VERDICT_STYLE.get(verdict, "red"))


def overall_reversibility(of_steps: Iterable[str]) -> str:
    """Say in a word or two what undoing the whole would mean: the worst of its steps."""
    worst = set(of_steps)
    if "irreversible" in worst:
        return "cannot be undone completely"
    return "can be undone" if worst & _UNDOABLE else "changes nothing"


def short_reversibility(of_steps: Iterable[str]) -> str:
    """Say the same in a word, for a list."""
    worst = set(of_steps)
    if "irreversible" in worst:
        return "not reversible"
    return "reversible" if worst & _UNDOABLE else "read-only"


def workflow_lines(
    workflow: Mapping[str, Any], checked: CheckResult, console: Console
) -> list[str]:
    """Show a workflow (plain data of the language) with what the judge says of each step."""
    by_step = {step.id: step for step in checked.steps}
    name = console.style(harmless(str(workflow.get("name", ""))), "bold")
    overall = overall_reversibility(step.reversibility for step in checked.steps)
    steps = workflow.get("steps") or []
    lines = [
        f"{name}  {plural(len(steps), 'step')}, {overall}, {verdict_word(checked.verdict, console)}"
    ]
    if workflow.get("description"):
        lines += wrap(harmless(str(workflow["description"])), console.columns - 1)
    level = str((workflow.get("defaults") or {}).get("sandbox", "off"))
    if level != "off":
        said = f"sandbox {level}: {_SANDBOXES.get(level, '')}"
        lines.append(console.style(f"    {harmless(said)}", "dim"))
    if checked.boundaries:
        text = f"boundaries of policy: {harmless(checked.boundaries)}"
        lines += [f"    {console.style(line, 'dim')}" for line in wrap(text, console.columns - 5)]
    for name, declared in (workflow.get("inputs") or {}).items():
        about = harmless(str(declared.get("description") or declared.get("type") or ""))
        value = f" = {harmless(str(declared['default']))}" if "default" in declared else ""
        lines.append(console.style(f"    input {name}{value}  {about}".rstrip(), "dim"))
    for number, step in enumerate(steps, 1):
        findings = [finding for finding in checked.findings if finding.step == step["id"]]
        lines += _step_lines(number, step, by_step.get(step["id"]), findings, console)
    return lines


def _step_lines(
    number: int,
    step: Mapping[str, Any],
    judged: StepPreview | None,
    findings: Sequence[FindingRow],
    console: Console,
) -> list[str]:
    heading = f"{number:>3} {console.style(step['id'], 'bold')}"
    if judged is not None:
        word, style = _REVERSIBILITY.get(judged.reversibility, (judged.reversibility, "yellow"))
        heading += f"  {verdict_word(judged.verdict, console)}"
        heading += f"  {console.style(word, style)}"
    lines = [heading]
    for key, label in _SHOWN_KEYS:
        value = step.get(key)
        if value:
            text = _listed(value) if isinstance(value, list) else str(value)
            if key == "for_each" and step.get("parallel", 1) > 1:
                text += f"  ({step['parallel']} side by side)"
            lines.append(console.style(f"      {label}: {harmless(text)}", "dim"))
    lines += [f"      {line}" for line in script_lines(step["run"], findings, console)]
    if judged is not None:
        lines += effect_lines(judged, console)
    for key in ("undo", "check"):
        value = step.get(key)
        script = value.get("run", "") if isinstance(value, dict) else value
        if script:
            first, *rest = script_lines(script, (), console)
            lines.append(f"      {console.style(f'{key}:', 'cyan')} {first}")
            lines += [f"            {line}" for line in rest]
    return lines


def effect_lines(judged: StepPreview, console: Console) -> list[str]:
    """Say what the step will do, a line for each kind of effect."""
    lines = []
    for kind, label in _EFFECTS.items():
        what = [harmless(effect.what) for effect in judged.effects if effect.kind == kind]
        if what:
            text = f"{label} {_listed(what)}"
            lines += [
                console.style(f"      {line}", "dim") for line in wrap(text, console.columns - 7)
            ]
    return lines


def _listed(values: Sequence[Any]) -> str:
    more = len(values) - _MOST_LISTED
    shown = ", ".join(str(value) for value in values[:_MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def obstacle_lines(obstacles: Sequence[ObstacleRow], console: Console) -> list[str]:
    """Say what is in the way of a run, for sure or perhaps, and what to do about it."""
    lines = [console.style("before it runs:", "bold")] if obstacles else []
    for each in obstacles:
        style = "red" if each.severity == "error" else "yellow"
        where = each.step if each.script == "run" else f"{each.step}, {each.script}"
        text = f"{each.severity}: {harmless(where)}: {harmless(each.message)}"
        lines += [f"    {console.style(line, style)}" for line in wrap(text, console.columns - 5)]
        if each.cure:
            lines += [f"      {line}" for line in wrap(harmless(each.cure), console.columns - 7)]
    return lines


def reason_lines(reasons: Sequence[str], console: Console) -> list[str]:
    """Say what made a suggestion's score."""
    lines = [console.style("why:", "bold")] if reasons else []
    for reason in reasons:
        lines += [f"    {line}" for line in wrap(harmless(reason), console.columns - 5)]
    return lines


def script_lines(
    script: str, findings: Sequence[FindingRow], console: Console, *, at_most: int | None = None
) -> list[str]:
    """Show shell text, each finding below the line it is about, its span underlined."""
    room = console.columns - 8
    lines: list[str] = []
    start = 0
    limit = at_most or _SHOWN_SCRIPT_LINES
    source = script.rstrip("\n").split("\n")
    for number, line in enumerate(source):
        end = start + len(line)
        here = [f for f in findings if start <= f.span[0] <= end and f.span[1] > f.span[0]]
        if number < limit or here:
            lines.append(clip(harmless(line), room))
        for finding in here:
            lines.append(
                _underline(line, finding.span[0] - start, finding.span[1] - start, console)
            )
            lines += finding_lines(finding, console)
        start = end + 1
    if len(source) > limit:
        lines.append(console.style(f"… {len(source) - limit} more lines", "dim"))
    for finding in findings:
        if finding.span[1] <= finding.span[0]:
            lines += finding_lines(finding, console)
    return lines


def _underline(line: str, start: int, end: int, console: Console) -> str:
    """Mark characters `start` to `end` of the line, in columns of its harmless form."""
    before = width(harmless(line[:start]))
    marked = max(width(harmless(line[start : min(end, len(line))])), 1)
    room = console.columns - 8
    return " " * before + console.style("~" * max(min(marked, room - before), 0), "yellow")


def finding_lines(finding: FindingRow, console: Console) -> list[str]:
    """Give a finding in words: verdict, message, rule, and a safer way where there is one."""
    extent = f" ({harmless(finding.extent)})" if finding.extent else ""
    text = f"{finding.verdict}: {harmless(finding.message)}{extent} [{finding.rule}]"
    lines = wrap(text, console.columns - 10)
    styled = [console.style(line, _VERDICT_STYLE.get(finding.verdict, "red")) for line in lines]
    if finding.safer:
        styled += wrap(f"safer: {harmless(finding.safer)}", console.columns - 10)
    return styled
