"""Steps one after the other: `python tests/perf/sequential.py [ROUNDS]`.

What a durable step costs beyond its process, and whether a step of a long workflow costs more than
one of a short one. CPU is that of daemon, holder and steps.
"""

import sys

from measure import (
    bare_spawns,
    counted_fsyncs,
    cpu_seconds,
    figure,
    fresh_daemon,
    submit,
    table,
    wait_until_done,
    workflow,
)

SHORT, LONG = 50, 500


def main(rounds: int = 3) -> None:
    """Measure and print a table."""
    floor, short, long, fsyncs = [], [], [], []
    with fresh_daemon() as daemon, daemon.client() as client:

        def cost(steps: int, runs: int) -> float:
            before = cpu_seconds(daemon)
            for _ in range(runs):
                submit(daemon, workflow(steps), 1, connections=1)
                wait_until_done(client)
            return (cpu_seconds(daemon) - before) / (steps * runs) * 1000

        cost(SHORT, 1)
        for _ in range(rounds):
            floor.append(bare_spawns(LONG, 1)[1] / LONG * 1000)
            short.append(cost(SHORT, LONG // SHORT))
            long.append(cost(LONG, 1))
        with counted_fsyncs(daemon) as counted:
            cost(SHORT, 2)
        fsyncs = [count / (2 * SHORT) for count in counted]
    added = [both - bare for both, bare in zip(long, floor, strict=True)]
    ratios = [one / other for one, other in zip(long, short, strict=True)]
    rows = [
        ("bare process", figure(floor, ".2f", " ms"), ""),
        (f"a step of {SHORT}", figure(short, ".2f", " ms"), ""),
        (f"a step of {LONG}", figure(long, ".2f", " ms"), ""),
        ("beyond the bare process", figure(added, ".2f", " ms"), "<= 1.0 ms"),
        (f"a step of {LONG}, times one of {SHORT}", figure(ratios), "about 1"),
        ("fsyncs per step", figure(fsyncs), "<= 1.1"),
    ]
    table("CPU of a durable step, one after the other", rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
