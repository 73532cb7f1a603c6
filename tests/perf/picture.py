"""One SVG of what was measured: pure functions from figures to text, for light and dark pages."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, MARGIN, GAP = 1000, 28, 36
PANEL = (WIDTH - 2 * MARGIN - GAP) // 2
BAR, BAR_STEP, HEADING = 18, 28, 52
NAMES = 74  # pixels for the names left of the bars
VALUES = 84  # pixels for the figures right of the longest bar
PLOT_HEIGHT = 220

STYLE = """
svg { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
.page { fill: #ffffff; } .ink { fill: #1f2328; } .soft { fill: #59636e; }
.axis { stroke: #59636e; stroke-width: 1; fill: none; }
.grid { stroke: #d1d9e0; stroke-width: 1; fill: none; }
.flow { fill: #0969da; } .peer { fill: #9aa4ae; } .bare { fill: #d1d9e0; }
.line { stroke: #0969da; stroke-width: 2; fill: none; }
.floor { stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 2 4; fill: none; }
.target { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 5 3; fill: none; }
.target-text { fill: #bc4c00; }
.value { paint-order: stroke; stroke: #ffffff; stroke-width: 3; }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; } .ink { fill: #e6edf3; } .soft { fill: #9198a1; }
.axis { stroke: #9198a1; } .grid { stroke: #30363d; }
.flow { fill: #4493f8; } .peer { fill: #6e7781; } .bare { fill: #3d444d; }
.line { stroke: #4493f8; } .floor { stroke: #9198a1; }
.target { stroke: #f0883e; } .target-text { fill: #f0883e; } .value { stroke: #0d1117; }
}
"""


@dataclass(frozen=True)
class Bar:
    """One of those compared; None is drawn as "not measured"."""

    name: str
    value: float | None


@dataclass(frozen=True)
class Bars:
    """A panel of bars; `target` is a value and what to say about it."""

    title: str
    unit: str
    bars: Sequence[Bar]
    form: str = ".2f"
    target: tuple[float, str] | None = None

    @property
    def height(self) -> int:
        """Pixels that it takes."""
        return HEADING + BAR_STEP * len(self.bars)


@dataclass(frozen=True)
class Plot:
    """A line through points (steps, value); `floor` is a straight line of two, with its name."""

    title: str
    unit: str
    points: Sequence[tuple[float, float]]
    floor: Sequence[tuple[float, float]] = ()
    floor_name: str = ""
    logarithmic: bool = False
    said: str = ""

    @property
    def height(self) -> int:
        """Pixels that it takes."""
        return HEADING + PLOT_HEIGHT + 34


def picture(title: str, subtitle: str, panels: Sequence[Bars | Plot]) -> str:
    """Draw panels two in a row, under a title."""
    y, drawn = 84, []
    for left in range(0, len(panels), 2):
        row = panels[left : left + 2]
        for column, panel in enumerate(row):
            x = MARGIN + column * (PANEL + GAP)
            lines = _bars(panel) if isinstance(panel, Bars) else _plot(panel)
            drawn += [f'<g transform="translate({x} {y})">', *lines, "</g>"]
        y += max(panel.height for panel in row) + 26
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}"'
            f' height="{y}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{y}"/>',
            _text(MARGIN, 38, title, "ink", 21, weight=600),
            _text(MARGIN, 60, subtitle, "soft", 13),
            *drawn,
            "</svg>\n",
        ]
    )


def _bars(panel: Bars) -> Iterable[str]:
    target, said = panel.target or (0.0, "")
    longest = max([bar.value or 0 for bar in panel.bars] + [target * 1.05]) or 1
    scale = (PANEL - NAMES - VALUES) / longest
    yield _text(
        0, 14, f"{panel.title}, {panel.unit}" if panel.unit else panel.title, "ink", 15, 600
    )
    if said:
        yield _text(0, 34, said, "target-text", 12)
    for number, bar in enumerate(panel.bars):
        y = HEADING + number * BAR_STEP
        kind = {"Flow": "flow", "Flow, no shell": "flow", "bare": "bare"}.get(bar.name, "peer")
        weight = 600 if bar.name == "Flow" else 400
        yield _text(NAMES - 10, y + 14, bar.name, "ink", 13, weight, anchor="end")
        if bar.value is None:
            yield _text(NAMES, y + 14, "not measured", "soft", 13)
            continue
        length = max(bar.value * scale, 1.5)
        size = f'width="{length:.1f}" height="{BAR}"'
        yield f'<rect class="{kind}" x="{NAMES}" y="{y}" {size} rx="2"/>'
        x = NAMES + length + 8
        if panel.target and bar.name == "Flow":  # it is Flow's, so it stands at Flow's bar alone
            mark = NAMES + target * scale
            yield _path("target", [(mark, y - 5), (mark, y + BAR + 5)])
            if x - 8 < mark < x + 44:  # the line would go through the figure
                x = mark + 8
        yield _text(x, y + 14, f"{bar.value:{panel.form}}", "ink value", 13, weight)


def _plot(panel: Plot) -> Iterable[str]:
    left, right, top, bottom = 48, PANEL - 14, HEADING, HEADING + PLOT_HEIGHT
    most_x = max(x for x, _ in panel.points)
    top_y, steps_y = _round_up(max(y for _, y in [*panel.points, *panel.floor]))

    def across(x: float) -> float:
        part = math.log(x) / math.log(most_x) if panel.logarithmic else x / most_x
        return left + part * (right - left)

    def up(y: float) -> float:
        return bottom - y / top_y * (bottom - top)

    yield _text(0, 14, f"{panel.title}, {panel.unit}", "ink", 15, 600)
    yield _text(0, 34, panel.said, "soft", 12)
    for number in range(steps_y + 1):
        value = top_y * number / steps_y
        yield _path("grid", [(left, up(value)), (right, up(value))])
        yield _text(left - 8, up(value) + 4, f"{value:g}", "soft", 12, anchor="end")
    ticks = (1, 2, 5, 10, 20, 50, 100, 200, 500) if panel.logarithmic else range(0, 501, 100)
    for tick in [tick for tick in ticks if tick <= most_x]:
        yield _path("axis", [(across(tick), bottom), (across(tick), bottom + 4)])
        yield _text(across(tick), bottom + 18, f"{tick:g}", "soft", 12, anchor="middle")
    yield _path("axis", [(left, bottom), (right, bottom)])
    yield _text(
        (left + right) / 2, bottom + 34, "steps in the workflow", "soft", 12, anchor="middle"
    )
    if panel.floor:
        yield _path("floor", [(across(x), up(y)) for x, y in panel.floor])
        (first_x, first_y), (x, y) = panel.floor
        slope = (up(first_y) - up(y)) / (across(x) - across(first_x))
        below = up(y) + 16 + 7 * len(panel.floor_name) * slope  # of where the text begins
        yield _text(across(x), below, panel.floor_name, "soft value", 12, anchor="end")
    yield _path("line", [(across(x), up(y)) for x, y in panel.points])
    for x, y in panel.points:
        yield f'<circle class="flow" cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5"/>'


def _round_up(value: float) -> tuple[float, int]:
    """A round number not below, and into how many parts to divide it."""
    power = 10.0 ** math.floor(math.log10(value))
    for factor, parts in ((1, 5), (1.5, 3), (2, 4), (3, 3), (4, 4), (5, 5), (8, 4), (10, 5)):
        if value <= factor * power:
            return factor * power, parts
    raise AssertionError("a number is at most ten times its power of ten")


def _path(kind: str, points: Iterable[tuple[float, float]]) -> str:
    return f'<path class="{kind}" d="M{" L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>'


def _text(
    x: float, y: float, text: str, kind: str, size: int, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}"'
        f' text-anchor="{anchor}">{escape(text)}</text>'
    )
