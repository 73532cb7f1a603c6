"""A thousand workflows of five steps at once: `python tests/perf/saga_load.py [RUNS] [ROUNDS]`.

Eight connections start them. The floor is the same number of processes, as many side by side,
made by nobody but posix_spawn; it is run before and after, and the mean of both counts. Where
build/peers holds DBOS (`make bench-peers`), it does a part of the same work in between.
"""

import statistics
import sys
import time

import peers
from measure import (
    AT_ONCE,
    bare_spawns,
    counted_fsyncs,
    cpu_seconds,
    figure,
    fresh_daemon,
    in_state,
    memory_mb,
    pid_of,
    submit,
    table,
    wait_until_done,
    workflow,
)

STEPS = 5
TRACED_RUNS = 200  # being traced is slow


def load(runs: int) -> tuple[float, float, float, int]:
    """Carry the runs out; give seconds, CPU seconds, peak memory in MB, how many succeeded."""
    with fresh_daemon() as daemon, daemon.client() as client:
        used, begun = cpu_seconds(daemon), time.perf_counter()
        submit(daemon, workflow(STEPS), runs)
        wait_until_done(client)
        seconds = time.perf_counter() - begun
        done = in_state(client, "succeeded")
        return seconds, cpu_seconds(daemon) - used, memory_mb(pid_of(daemon), "VmHWM"), done


def fsyncs(runs: int) -> list[float]:
    """Fsyncs per step of such a load."""
    with fresh_daemon() as daemon, daemon.client() as client:
        submit(daemon, workflow(1), 1)
        wait_until_done(client)
        with counted_fsyncs(daemon) as counted:
            submit(daemon, workflow(STEPS), runs)
            wait_until_done(client)
        return [count / (runs * STEPS) for count in counted]


def main(runs: int = 1000, rounds: int = 3) -> None:
    """Measure and print a table."""
    steps = runs * STEPS
    rates, shares, used, added, memory, done = [], [], [], [], [], []
    peer_rates: list[float] = []
    for _ in range(rounds):
        before = bare_spawns(steps // 2, AT_ONCE)
        seconds, cpu, peak, succeeded = load(runs)
        after = bare_spawns(steps // 2, AT_ONCE)
        peer_rates += peers.dbos_rate(STEPS)
        floor_seconds, floor_cpu = (one + other for one, other in zip(before, after, strict=True))
        rates.append(steps / seconds)
        shares.append(100 * floor_seconds / seconds)
        used.append(100 * floor_cpu / cpu)
        added.append((cpu - floor_cpu) / steps * 1000)
        memory.append(peak)
        done.append(succeeded)
    rows = [
        ("runs that succeeded, of " + str(runs), str(min(done)), "all"),
        ("rate, of the bare processes' rate", figure(shares, ".0f", " %"), ">= 70 %"),
        ("the same by CPU, whatever else runs", figure(used, ".0f", " %"), ">= 70 %"),
        ("workflows/s", figure([rate / STEPS for rate in rates], ".1f"), ""),
        ("CPU per step beyond the bare process", figure(added, ".2f", " ms"), "<= 1.0 ms"),
        ("fsyncs per step", figure(fsyncs(TRACED_RUNS)), "<= 0.2"),
        ("daemon's peak memory", figure(memory, ".0f", " MB"), "<= 80 MB"),
    ]
    if peer_rates:
        times = statistics.median(rates) / statistics.median(peer_rates)
        rows.append(("rate, times that of DBOS on SQLite", f"{times:.1f}", ">= 2.5"))
    table(f"{runs} workflows of {STEPS} steps at once", rows)
    if not peer_rates:
        print(peers.HOW_TO_INSTALL)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
