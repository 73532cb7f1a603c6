"""All figures against their targets, and the picture: `python tests/perf/report.py`.

Reads what the benches left in build/bench, writes build/bench/bench.svg, and prints both. Ends
with 0 whatever was measured: figures depend on the machine, and a person judges them.
"""

import time
from pathlib import Path

from figures import FOLDER, Figure, kept
from picture import Bar, Bars, Plot, picture

PICTURE = FOLDER / "bench.svg"
ORDER = ("bare", "Flow", "Flow, no shell", "Restate", "DBOS")
Kept = dict[str, tuple[str, int, list[Figure]]]


def find(benches: Kept, bench: str, name: str, of: str = "") -> Figure | None:
    """The figure of that name; None when its bench was not run or did not have it."""
    figures = benches.get(bench, ("", 0, []))[2]
    return next((item for item in figures if item.name == name and item.of == of), None)


def bars(benches: Kept, bench: str, name: str, *, bare: bool = False) -> list[Bar]:
    """Everybody's figure of that name."""
    found = [(of, find(benches, bench, name, of)) for of in ORDER if bare or of != "bare"]
    return [
        Bar(of, figure.value if figure else None)
        for of, figure in found
        if figure or of != "Flow, no shell"  # which is not measured everywhere
    ]


def panels(benches: Kept) -> list[Bars | Plot]:
    """What the picture shows."""
    beyond, synced = "CPU per step beyond the process", "fsyncs per step"
    memory = "peak memory of all its processes"
    rates = bars(benches, "saga_load", "workflows/s", bare=True)
    restate = next(bar.value for bar in rates if bar.name == "Restate")
    goal = (
        (2.5 * restate, "target for steps that say `true`: 2.5 times Restate's rate")
        if restate
        else None
    )
    few = (1.0, "target for Flow: at most 1 ms")
    drawn: list[Bars | Plot] = [
        Bars("1,000 workflows × 5 steps at once", "workflows/s", rates, ".0f", goal),
        Bars(
            "Peak memory of the same, all processes",
            *("MB", bars(benches, "saga_load", memory), ".0f"),
            (80, "target for Flow: at most 80 MB (of the daemon alone)"),
        ),
        Bars(
            "CPU per step beyond the process, at once",
            *("ms", bars(benches, "saga_load", beyond), ".2f", few),
        ),
        Bars(
            "The same, one step after the other",
            *("ms", bars(benches, "sequential", beyond), ".2f", few),
        ),
        Bars(
            "fsyncs per durable step, at once",
            *("", bars(benches, "saga_load", synced), ".2f"),
            (0.2, "target for Flow: at most 0.2"),
        ),
        Bars(
            "fsyncs per durable step, one after the other",
            *("", bars(benches, "sequential", synced), ".2f"),
            (1.1, "target for Flow: at most 1.1"),
        ),
    ]
    return [*drawn, *plots(benches)]


def plots(benches: Kept) -> list[Bars | Plot]:
    """Cost of a step, and of a whole workflow, over the number of steps."""
    figures = benches.get("sequential", ("", 0, []))[2]
    points = [(item.at, item.value) for item in figures if item.at and item.value is not None]
    floor = find(benches, "sequential", "CPU per step, the process included", "bare")
    if not points or floor is None or floor.value is None:
        return []
    ends = (points[0][0], points[-1][0])
    return [
        Plot(
            "CPU of a step, by length of its workflow",
            *("ms", points, [(x, floor.value) for x in ends], "the bare process", True),
            "a run that is alone pays for the start of its holder; bash is included",
        ),
        Plot(
            "CPU of the whole workflow",
            *("ms", [(x, x * y) for x, y in points], [(x, x * floor.value) for x in ends]),
            *(
                "the bare processes",
                False,
                "straight where a step costs the same in long and short ones",
            ),
        ),
    ]


def main() -> None:
    """Draw, and print the table."""
    benches = kept()
    if not benches:
        print("nothing was measured yet: make bench")
        return
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(max(at for _, at, _ in benches.values())))
    subtitle = f"the same work on the same machine, in turns ({day}); DBOS does 200 of the 1,000"
    PICTURE.write_text(
        picture("Flow and other engines of durable workflows", subtitle, panels(benches))
    )
    print(f"\n{'':63} {'measured':>12}   target")
    for title, _, figures in benches.values():
        aimed = [figure for figure in figures if figure.target]
        if aimed:
            print(title)
        for figure in aimed:
            told = f"{figure.target_text:14} {figure.verdict}"
            print(f"  {figure.name:61} {figure.text:>12}   {told}")
    print(f"\nthe picture: {_from_here(PICTURE)}")


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    main()
