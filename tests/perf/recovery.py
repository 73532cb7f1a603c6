"""A daemon killed in the middle of many runs: `python tests/perf/recovery.py [RUNS] [ROUNDS]`.

The next one serves once it has taken all of them up again; that is what is timed. Every run must
then go on to its end, and every script have run once.
"""

import sys
import time

from measure import (
    LIVE,
    figure,
    fresh_daemon,
    in_state,
    submit,
    table,
    wait_until_done,
    workflow,
)

from support.real_daemon import RealDaemon


def main(runs: int = 1000, rounds: int = 3) -> None:
    """Measure and print a table."""
    empty, taken_up, interrupted, done, twice = [], [], [], [], 0
    for _ in range(rounds):
        with fresh_daemon() as daemon:
            daemon.kill()
            empty.append(restart_seconds(daemon))
            submit(daemon, workflow(2, 'sleep 1; echo >>"witness.$FLOW_RUN.$FLOW_STEP"'), runs)
            with daemon.client() as client:
                interrupted.append(in_state(client, *LIVE))
            daemon.kill()
            taken_up.append(restart_seconds(daemon))
            with daemon.client() as client:
                wait_until_done(client)
                done.append(in_state(client, "succeeded"))
            twice += sum(witness.stat().st_size > 1 for witness in daemon.home.glob("witness.*"))
    rows = [
        ("runs that were not finished", figure(interrupted, "d"), ""),
        ("start with nothing to take up", figure(empty, ".2f", " s"), ""),
        ("start with all of them", figure(taken_up, ".2f", " s"), "< 2 s"),
        ("runs that succeeded after that", str(min(done)), str(runs)),
        ("steps that ran twice", str(twice), "0"),
    ]
    table(f"{runs} runs interrupted by kill -9", rows)


def restart_seconds(daemon: RealDaemon) -> float:
    """Start the daemon again; give the seconds until it answers."""
    begun = time.perf_counter()
    daemon.start()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
