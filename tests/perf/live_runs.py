"""Many runs that wait for an answer: `python tests/perf/live_runs.py [RUNS]`."""

import sys
import time

from figures import Figure, at_most, exactly, middle, publish
from measure import (
    POOL_SECONDS,
    fresh_daemon,
    in_state,
    memory_mb,
    pid_of,
    submit,
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
        time.sleep(POOL_SECONDS)
        woken = wakeups(pid_of(daemon), 5)
    rows = [
        Figure("runs that wait", waiting, "", "d", exactly(runs)),
        Figure("memory", memory, "MB", ".0f", at_most(250)),
        Figure("of it for each run", (memory - before) / runs * 1024, "KB", ".1f"),
        Figure("flow/list", middle(listed), "ms", ".1f", at_most(50)),
        Figure("wake-ups in 5 s", woken, "", "d", exactly(0)),
    ]
    publish("live_runs", f"{runs} runs that wait for a person", rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
