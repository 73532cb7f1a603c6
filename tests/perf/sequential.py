"""Steps one after the other: `python tests/perf/sequential.py [ROUNDS]`.

What a durable step costs beyond its process, and whether a step of a long workflow costs more than
one of a short one: cost per step of workflows of 1 to 500 steps. CPU is that of all processes of
the engine, and of steps. A run that is alone pays for the start of its holder, so the shorter it
is, the more a step of it costs. DBOS and Restate, where they are in build/peers, carry out the same
workflow of 50 steps in the same rounds.
"""

import sys
from collections import defaultdict
from functools import partial

from contenders import PLAIN, WITHOUT_SHELL, Contender, Opening, flow, which_are_there
from figures import Figure, at_most, middle, publish
from measure import PROGRAM_COMMAND, bare_spawns, counted_fsyncs, cpu_of

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 350, 500)
SHORT, LONG = 50, 500
STEPS_A_SIZE = 500  # each size is run until it comes to so many steps


def cost(contender: Contender, steps: int, runs: int) -> float:
    """CPU of a step in ms, of runs one after the other."""
    before = cpu_of(contender.processes())
    for _ in range(runs):
        contender.carry_out(1, steps)
    return (cpu_of(contender.processes()) - before) / (steps * runs) * 1000


def cost_of_others(opening: Opening) -> float:
    """CPU of a step of somebody else's, or of ours without a shell."""
    with opening() as contender:
        cost(contender, SHORT, 1)  # warm
        return cost(contender, SHORT, 4)


def fsyncs(opening: Opening) -> float | None:
    """Fsyncs per step; None without strace."""
    with opening() as contender:
        contender.carry_out(1, SHORT)
        with counted_fsyncs(contender.processes()) as counted:
            contender.carry_out(1, SHORT)
            contender.carry_out(1, SHORT)
        return counted[0] / (2 * SHORT) if counted else None


def main(rounds: int = 3) -> None:
    """Measure, print a table, keep it."""
    peers, missing = which_are_there()
    others = {WITHOUT_SHELL: partial(flow, PLAIN), **peers}
    floor: list[float] = []
    program: list[float] = []
    sizes: dict[int, list[float]] = defaultdict(list)
    theirs: dict[str, list[float]] = defaultdict(list)
    with flow() as ours:
        cost(ours, SHORT, 1)
        for _ in range(rounds):
            floor.append(bare_spawns(LONG, 1)[1] / LONG * 1000)
            program.append(bare_spawns(LONG, 1, PROGRAM_COMMAND)[1] / LONG * 1000)
            for size in SIZES:
                runs = min(STEPS_A_SIZE // size, 20)  # waiting for one takes a quarter second
                sizes[size].append(cost(ours, size, runs))
            for name, opening in others.items():
                theirs[name].append(cost_of_others(opening))
    synced = {name: fsyncs(opening) for name, opening in {"Flow": flow, **peers}.items()}

    def beyond(costs: list[float]) -> float | None:
        return middle([both - bare for both, bare in zip(costs, floor, strict=True)])

    without = [one - bare for one, bare in zip(theirs[WITHOUT_SHELL], program, strict=True)]
    ratios = [one / other for one, other in zip(sizes[LONG], sizes[SHORT], strict=True)]
    untraced = "" if synced["Flow"] is not None else "no strace here, so no fsyncs are counted"
    by_name = {"Flow": sizes[SHORT], **theirs}
    rows = [
        Figure("CPU beyond the bare process", beyond(sizes[LONG]), "ms", target=at_most(1.0)),
        Figure(
            "a plain command, without a shell, beyond a shell",
            *(beyond(theirs[WITHOUT_SHELL]), "ms", ".2f", at_most(1.0)),
        ),
        Figure("the same, beyond the program alone", middle(without), "ms"),
        Figure("fsyncs per step", synced["Flow"], target=at_most(1.1), missing=untraced),
        Figure(f"a step of {LONG}, times one of {SHORT}", middle(ratios), target=at_most(1.1)),
        *(
            Figure("CPU of a step, of workflows so long", middle(sizes[size]), "ms", at=size)
            for size in SIZES
        ),
        Figure("CPU per step, the process included", middle(floor), "ms", of="bare"),
        *(
            Figure("CPU per step, the process included", middle(costs), "ms", of=of)
            for of, costs in by_name.items()
        ),
        *(
            Figure("CPU per step beyond the process", beyond(costs), "ms", of=of)
            for of, costs in by_name.items()
        ),
        *(Figure("fsyncs per step", value, of=of) for of, value in synced.items()),
    ]
    publish("sequential", "A durable step, one after the other", rows)
    for reason in missing.values():
        print(f"not compared: {reason}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
