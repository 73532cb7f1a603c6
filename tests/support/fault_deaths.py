"""Let a daemon live with a load until it dies at a fault point."""

import signal
import time
from collections.abc import Callable

from support.fault_client import LOST_CONNECTION, LoadClient
from support.raw_client import PATIENCE_SECONDS
from support.real_daemon import RealDaemon

GRACE_SECONDS = 5.0  # what a daemon may still do once all runs rest


def die_at(
    fault: str,
    daemon: RealDaemon,
    load: LoadClient,
    *,
    runs: int,
    at_rest: Callable[[], None] = lambda: None,
) -> None:
    """Start the daemon with that fault, and be its client until it is dead.

    `runs` are started in all; `at_rest` is called when they rest and it lives. AssertionError when
    the point is never reached.
    """
    process = daemon.spawn(FLOW_FAULTPOINT=fault)
    deadline = time.monotonic() + PATIENCE_SECONDS
    rested_at: list[float] = []

    def over() -> bool:
        now = time.monotonic()
        assert now < deadline, f"{fault} was not reached:\n{daemon.log()}"
        if len(load.followed) >= runs and all(each.rests for each in load.followed):
            if not rested_at:
                rested_at.append(now)
                at_rest()
            assert now < rested_at[0] + GRACE_SECONDS, f"{fault} was never reached"
        return process.poll() is not None

    while not over():
        try:
            load.serve(daemon.socket, more=lambda: len(load.followed) < runs, until=over)
        except LOST_CONNECTION:
            time.sleep(0.01)  # another process: no clock of ours can be turned
    assert process.returncode == -signal.SIGKILL, daemon.log()
