"""A daemon with nothing to do: `python tests/perf/idle.py [SECONDS]`."""

import sys
import time

from measure import (
    cpu_seconds,
    figure,
    fresh_daemon,
    memory_mb,
    pid_of,
    submit,
    table,
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
        time.sleep(1)
        woken, used = wakeups(pid_of(daemon)), cpu_seconds(daemon)
        time.sleep(seconds)
        woken = wakeups(pid_of(daemon)) - woken
        used = cpu_seconds(daemon) - used
        memory = memory_mb(pid_of(daemon))
    rows = [
        ("memory, just started", figure([fresh], ".0f", " MB"), "<= 45 MB"),
        ("memory, after a run", figure([memory], ".0f", " MB"), ""),
        (f"wake-ups in {seconds} s", str(woken), "0"),
        (f"CPU in {seconds} s", figure([used * 1000], ".0f", " ms"), "0"),
    ]
    table("An idle daemon", rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
