"""A thousand workflows of five steps at once: `python tests/perf/saga_load.py [RUNS] [ROUNDS]`.

Eight connections start them. The floor is the same number of processes, as many side by side,
made by nobody but posix_spawn; it is run before and after ours, and the mean of both counts. Where
build/peers holds DBOS and Restate (`make bench-peers`), they do the same work in the same round.
The work is measured twice: a shell for every step, by everybody; and, since Flow executes a plain
command without one, the program alone, by everybody. A step that says `true` is the former for who
can only hand it to a shell and the latter for Flow, so these two rates are compared as well. On the
very same processes nobody can be many times as fast as another: what the processes alone take,
stands beside. Everybody has a few workflows first, so that what is loaded once is loaded. Being
asked and submitting cost CPU in an engine that is a process of its own, and nothing is taken off
for it; DBOS is in the process that submits.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial

from contenders import PLAIN, WITHOUT_SHELL, Opening, flow, restate, which_are_there
from figures import Figure, at_least, at_most, exactly, middle, publish
from measure import (
    AT_ONCE,
    PROGRAM_COMMAND,
    SHELL_COMMAND,
    bare_spawns,
    counted_fsyncs,
    cpu_of,
    memory_mb,
)

STEPS = 5
Found = dict[str, dict[str, list[float]]]
"""What was measured, by whom and by what."""

FIRST = 20  # workflows before it counts
SEVERAL = 200  # workflows while being traced, and of DBOS: both take their time, and a rate is one


def load(opening: Opening, runs: int) -> dict[str, float]:
    """Carry the runs out; give what it took."""
    with opening() as contender:
        contender.carry_out(FIRST, STEPS)
        used, begun = cpu_of(contender.processes()), time.perf_counter()
        done = contender.carry_out(runs, STEPS)
        seconds = time.perf_counter() - begun
        pids = contender.processes()
        return {
            "done": done / runs * 100,
            "rate": runs / seconds,
            "cpu": (cpu_of(pids) - used) / (runs * STEPS) * 1000,
            "memory": sum(memory_mb(pid, "VmHWM") for pid in pids),
            "own memory": memory_mb(pids[0], "VmHWM"),
        }


def fsyncs(opening: Opening, runs: int) -> float | None:
    """Fsyncs per step of such a load; None without strace."""
    with opening() as contender:
        contender.carry_out(1, 1)  # all its processes are there
        with counted_fsyncs(contender.processes()) as counted:
            contender.carry_out(runs, STEPS)
        return counted[0] / (runs * STEPS) if counted else None


def measure(contenders: dict[str, Opening], command: str, runs: int, rounds: int) -> Found:
    """Run everybody in every round; give lists of what was measured, by whom and by what."""
    found: Found = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        halves = [bare_spawns(runs * STEPS // 2, AT_ONCE, command)]
        ours = load(contenders["Flow"], runs)
        halves.append(bare_spawns(runs * STEPS // 2, AT_ONCE, command))
        floor_seconds, floor_cpu = (sum(half) for half in zip(*halves, strict=True))
        bare = {"rate": runs / floor_seconds, "cpu": floor_cpu / (runs * STEPS) * 1000}
        measured = {"bare": bare, "Flow": ours}
        for name, opening in contenders.items():
            if name != "Flow":
                measured[name] = load(opening, SEVERAL if name == "DBOS" else runs)
        for name, values in measured.items():
            values["added"] = values["cpu"] - bare["cpu"]
            values["of floor"] = 100 * values["rate"] / bare["rate"]
            values["of floor by CPU"] = 100 * bare["cpu"] / values["cpu"]
            values["ours, times"] = ours["rate"] / values["rate"]
            for what, value in values.items():
                found[name][what].append(value)
    return found


def figures_of(found: Found, synced: dict[str, float | None], missing: str) -> Sequence[Figure]:
    """Our figures with their targets, then everybody's side by side."""
    ours, peer = found["Flow"], found.get("Restate", {})
    untraced = "" if synced["Flow"] is not None else "no strace here, so no fsyncs are counted"
    reason = "" if peer else missing

    def of_ours(what: str) -> float | None:
        return middle(ours[what])

    rows = [
        Figure("workflows that succeeded", min(ours["done"]), "%", ".1f", exactly(100)),
        Figure("rate, of the bare processes' rate", of_ours("of floor"), "%", ".0f", at_least(70)),
        Figure(
            "the same by CPU, whatever else runs",
            *(of_ours("of floor by CPU"), "%", ".0f", at_least(70)),
        ),
        Figure("CPU per step beyond the process", of_ours("added"), "ms", ".2f", at_most(1.0)),
        Figure("fsyncs per step", synced["Flow"], "", ".2f", at_most(0.2), missing=untraced),
        Figure("daemon's peak memory", of_ours("own memory"), "MB", ".0f", at_most(80)),
        Figure(
            "rate, times Restate's, on the same processes",
            *(middle(peer.get("ours, times", [])), "", ".2f"),
            missing=reason,
        ),
        Figure("the bare processes' rate, times Restate's", ceiling(found), "", ".2f"),
    ]
    shown = (
        ("workflows/s", "rate", ".1f", ""),
        ("workflows that succeeded", "done", ".1f", "%"),
        ("CPU per step, the process included", "cpu", ".2f", "ms"),
        ("CPU per step beyond the process", "added", ".2f", "ms"),
        ("peak memory of all its processes", "memory", ".0f", "MB"),
    )
    for name, what, form, unit in shown:
        rows += [
            Figure(name, middle(values[what]), unit, form, of=of)
            for of, values in found.items()
            if values.get(what) and (of != "bare" or what in ("rate", "cpu"))
        ]
    rows += [Figure("fsyncs per step", value, of=of) for of, value in synced.items()]
    return [*rows, *ratios(found, synced)]


def ceiling(found: Found) -> float | None:
    """How many times Restate's rate an engine that costs nothing reaches: the processes stay."""
    return middle(times(found["bare"], found["Restate"])) if "Restate" in found else None


def times(ones: dict[str, list[float]], others: dict[str, list[float]]) -> list[float]:
    """How many times the others' rate theirs is, round by round."""
    return [one / other for one, other in zip(ones["rate"], others["rate"], strict=True)]


def ratios(found: Found, synced: dict[str, float | None]) -> list[Figure]:
    """How many times better than a peer we are, each by what was measured in the same run."""
    rows = []
    for of in [of for of in found if of not in ("bare", "Flow")]:
        rows.append(
            Figure("Flow's rate, times this one's", middle(found[of]["ours, times"]), of=of)
        )
        for name, what in (("CPU beyond the process", "added"), ("memory", "memory")):
            more = middle([one / our for one, our in pairs(found[of][what], found["Flow"][what])])
            rows.append(Figure(f"its {name}, times Flow's", more, of=of))
        theirs, ours = synced[of], synced["Flow"]
        more = theirs / ours if theirs is not None and ours else None
        rows.append(Figure("its fsyncs, times Flow's", more, form=".1f", of=of))
    return rows


def pairs(ones: Sequence[float], others: Sequence[float]) -> Iterator[tuple[float, float]]:
    """Put what was measured in the same round together; 0 cannot be compared with."""
    return ((one, other) for one, other in zip(ones, others, strict=True) if other > 0)


def program_figures(program: Found, shell: Found, missing: str) -> Sequence[Figure]:
    """Figures of the work that is the program alone."""
    ours, peer = program["Flow"], program.get("Restate", {})
    of_shells = [100 * each for each in times(ours, shell["bare"])]
    of_restate = times(ours, shell["Restate"]) if "Restate" in shell else []
    return [
        Figure("workflows that succeeded", min(ours["done"]), "%", ".1f", exactly(100)),
        Figure("rate, of the bare shells' rate", middle(of_shells), "%", ".0f", at_least(70)),
        Figure("rate, of the bare programs' rate", middle(ours["of floor"]), "%", ".0f"),
        Figure("CPU per step beyond the program", middle(ours["added"]), "ms", ".2f", at_most(1.0)),
        Figure(
            "rate of `true`, times Restate's with a shell",
            *(middle(of_restate), "", ".2f", at_least(2.5)),
            missing="" if peer else missing,
        ),
        Figure(
            "rate, times Restate's, on the same processes",
            *(middle(peer.get("ours, times", [])), "", ".2f"),
            missing="" if peer else missing,
        ),
        Figure("the bare programs' rate, times Restate's", ceiling(program), "", ".2f"),
        *(
            Figure("workflows/s", middle(values["rate"]), "", ".1f", of=of)
            for of, values in program.items()
        ),
        *(
            Figure("CPU per step beyond the process", middle(values["added"]), "ms", of=of)
            for of, values in program.items()
            if of != "bare"
        ),
    ]


def main(runs: int = 1000, rounds: int = 3) -> None:
    """Measure, print tables, keep them."""
    peers, missing = which_are_there()
    contenders = {"Flow": flow, **peers}
    program: dict[str, Opening] = {"Flow": partial(flow, PLAIN)}
    if "Restate" in peers:
        program["Restate"] = partial(restate, PROGRAM_COMMAND)
    shell_found = measure(contenders, SHELL_COMMAND, runs, rounds)
    program_found = measure(program, PROGRAM_COMMAND, runs, rounds)
    synced = {name: fsyncs(opening, SEVERAL) for name, opening in contenders.items()}
    reason = missing.get("Restate", "")
    rows = figures_of(shell_found, synced, reason)
    plain = middle(program_found["Flow"]["rate"])
    rows = [*rows, Figure("workflows/s", plain, "", ".1f", of=WITHOUT_SHELL)]
    publish("saga_load", f"{runs} workflows of {STEPS} steps at once, a shell for each step", rows)
    rows = program_figures(program_found, shell_found, reason)
    publish("saga_load_program", f"{runs} workflows of {STEPS} steps, the program alone", rows)
    for reason in missing.values():
        print(f"not compared: {reason}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
