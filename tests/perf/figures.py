"""What a bench has measured: printed as a table, and kept as JSON lines for `report.py`.

Each bench writes build/bench/BENCH.jsonl anew, one figure a line, so a picture can be drawn again
without measuring again, and figures of two days can be compared by any tool. $FLOW_BENCH_FIGURES
names another folder.
"""

import json
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("FLOW_BENCH_FIGURES", _REPOSITORY / "build" / "bench"))
ROW_WIDTH = 47


@dataclass(frozen=True)
class Target:
    """What a figure should be: at most, at least, or exactly a value."""

    relation: str  # "<=", ">=" or "=="
    value: float

    def holds(self, value: float) -> bool:
        """Whether a figure is as it should be."""
        return {
            "<=": value <= self.value,
            ">=": value >= self.value,
            "==": value == self.value,
        }[self.relation]


@dataclass(frozen=True)
class Figure:
    """The middle one of some measurements; `missing` says why there is none.

    `of` is whose it is, where several did the same work, and `at` where on a plot's axis it lies.
    """

    name: str
    value: float | None
    unit: str = ""
    form: str = ".2f"
    target: Target | None = None
    of: str = ""
    at: float | None = None
    missing: str = ""

    @property
    def text(self) -> str:
        """The value with its unit."""
        if self.value is None:
            return "-"
        return f"{self.value:{self.form}}{' ' if self.unit else ''}{self.unit}"

    @property
    def target_text(self) -> str:
        """The target with the same unit; empty without one."""
        if self.target is None:
            return ""
        return f"{self.target.relation} {self.target.value:g}{' ' if self.unit else ''}{self.unit}"

    @property
    def verdict(self) -> str:
        """`ok`, `MISSED`, `not measured`, or nothing where there is no target."""
        if self.target is None:
            return ""
        if self.value is None:
            return "not measured"
        return "ok" if self.target.holds(self.value) else "MISSED"


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def at_most(value: float) -> Target:
    """A target not to be above."""
    return Target("<=", value)


def at_least(value: float) -> Target:
    """A target not to be below."""
    return Target(">=", value)


def exactly(value: float) -> Target:
    """A target to be met exactly."""
    return Target("==", value)


def publish(bench: str, title: str, figures: Sequence[Figure]) -> None:
    """Print the figures as a table, and keep them."""
    print(f"\n{title}")
    _print_rows([figure for figure in figures if not figure.of])
    _print_matrix([figure for figure in figures if figure.of])
    for reason in dict.fromkeys(figure.missing for figure in figures if figure.missing):
        print(f"  -: {reason}")
    keep(bench, title, figures)


def keep(bench: str, title: str, figures: Sequence[Figure]) -> None:
    """Write the figures to build/bench/BENCH.jsonl, whole or not at all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stamp = {"bench": bench, "title": title, "measured_at": int(time.time())}
    path = FOLDER / f"{bench}.jsonl"
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(
        "".join(json.dumps({**stamp, **asdict(figure)}) + "\n" for figure in figures)
    )
    unfinished.replace(path)


def kept() -> dict[str, tuple[str, int, list[Figure]]]:
    """Read what was kept: title, time of measuring (seconds since the epoch), figures, by bench."""
    found: dict[str, tuple[str, int, list[Figure]]] = {}
    for path in sorted(FOLDER.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            bench, title, at = row.pop("bench"), row.pop("title"), row.pop("measured_at")
            target = row.pop("target")
            figure = Figure(**row, target=Target(**target) if target else None)
            found.setdefault(bench, (title, at, []))[2].append(figure)
    return found


def _print_rows(figures: Sequence[Figure]) -> None:
    if not figures:
        return
    print(f"  {'':{ROW_WIDTH}} {'measured':>12}   target")
    for figure in figures:
        place = "" if figure.at is None else f" ({figure.at:g})"
        name = f"{figure.name}{place}"
        told = f"{figure.target_text:14} {figure.verdict}".rstrip()
        print(f"  {name:{ROW_WIDTH}} {figure.text:>12}   {told}".rstrip())


def _print_matrix(figures: Sequence[Figure]) -> None:
    """Print a column for each of those who did the same work."""
    if not figures:
        return
    columns = list(dict.fromkeys(figure.of for figure in figures))
    rows: dict[str, dict[str, Figure]] = {}
    for figure in figures:
        rows.setdefault(figure.name, {})[figure.of] = figure
    width = max(12, *(len(name) + 2 for name in columns))
    print(f"\n  {'the same work':{ROW_WIDTH - 3}}" + "".join(f"{of:>{width}}" for of in columns))
    for name, row in rows.items():
        cells = "".join(f"{row[of].text if of in row else '':>{width}}" for of in columns)
        print(f"  {name:{ROW_WIDTH - 3}}{cells}".rstrip())
