"""Many runs that wait for an answer: `python tests/perf/live_runs.py [RUNS]`."""

import sys
import time

from measure import (
    figure,
    fresh_daemon,
    in_state,
    memory_mb,
    pid_of,
    submit,
    table,
    wakeups,
    workflow,
)

from flowproto import methods
from flowproto.runs import ListParams

LOOKS = 15


def main(runs: int = 10_000) -> None:
    """Measure and print a table."""
    with fresh_daemon() as daemon, daemon.client() as client:
        before = memory_mb(pid_of(daemon))
        submit(daemon, workflow(5, first='confirm: "Go on?"'), runs)
        waiting = in_state(client, "waiting")
        listed = []
        for _ in range(LOOKS):
            begun = time.perf_counter()
            client.call(methods.LIST, ListParams())
            listed.append((time.perf_counter() - begun) * 1000)
        memory = memory_mb(pid_of(daemon))
        woken = wakeups(pid_of(daemon))
        time.sleep(5)
        woken = wakeups(pid_of(daemon)) - woken
    rows = [
        ("runs that wait", str(waiting), str(runs)),
        ("memory", figure([memory], ".0f", " MB"), "<= 250 MB for 10,000"),
        ("of it for each run", figure([(memory - before) / runs * 1024], ".1f", " KB"), ""),
        ("flow/list", figure(listed, ".1f", " ms"), "< 50 ms"),
        ("wake-ups in 5 s", str(woken), "0"),
    ]
    table(f"{runs} runs that wait for a person", rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
