"""A daemon killed in the middle of many runs: `python tests/perf/recovery.py [RUNS] [ROUNDS]`.

The next one serves once it has taken all of them up again; that is what is timed. Every run must
then go on to its end, and every script have run once.
"""

import sys
import time

from figures import Figure, at_most, exactly, middle, publish
from measure import LIVE, fresh_daemon, in_state, submit, wait_until_done, workflow

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
        Figure("runs that were not finished", middle(interrupted), "", ".0f"),
        Figure("start with nothing to take up", middle(empty), "s"),
        Figure("start with all of them", middle(taken_up), "s", ".2f", at_most(2)),
        Figure("runs that succeeded after that", min(done), "", "d", exactly(runs)),
        Figure("steps that ran twice", twice, "", "d", exactly(0)),
    ]
    publish("recovery", f"{runs} runs interrupted by kill -9", rows)


def restart_seconds(daemon: RealDaemon) -> float:
    """Start the daemon again; give the seconds until it answers."""
    begun = time.perf_counter()
    daemon.start()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
