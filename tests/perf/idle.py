"""A daemon with nothing to do: `python tests/perf/idle.py [SECONDS]`."""

import sys
import time

from figures import Figure, at_most, exactly, publish
from measure import (
    POOL_SECONDS,
    cpu_seconds,
    fresh_daemon,
    memory_mb,
    pid_of,
    submit,
    wait_until_done,
    wakeups,
    workflow,
)


def main(seconds: int = 10) -> None:
    """Measure and print a table."""
    with fresh_daemon() as daemon:
        fresh = memory_mb(pid_of(daemon))
        with daemon.client() as client:
            submit(daemon, workflow(5), 1)
            wait_until_done(client)
        time.sleep(POOL_SECONDS)
        used = cpu_seconds(daemon)
        woken = wakeups(pid_of(daemon), seconds)
        used = cpu_seconds(daemon) - used
        memory = memory_mb(pid_of(daemon))
    rows = [
        Figure("memory, just started", fresh, "MB", ".0f", at_most(45)),
        Figure("memory, after a run", memory, "MB", ".0f"),
        Figure(f"wake-ups in {seconds} s", woken, "", "d", exactly(0)),
        Figure(f"CPU in {seconds} s", used * 1000, "ms", ".0f", exactly(0)),
    ]
    publish("idle", "An idle daemon", rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
