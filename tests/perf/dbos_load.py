"""The load of `saga_load.py` on DBOS, run in its own environment: prints steps per second.

Each step is a durable DBOS step that runs the same bash by posix_spawn, as ours does; the database
is SQLite, DBOS's default, as ours is.
"""

import logging
import os
import sys
import time
from pathlib import Path

from dbos import DBOS

RUNS, STEPS = int(sys.argv[1]), int(sys.argv[2])
SCRIPT = Path("script")

DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite"})


@DBOS.step()
def step() -> int:
    """Run the script."""
    pid = os.posix_spawn("/bin/bash", ["bash", "-e", str(SCRIPT)], os.environ)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@DBOS.workflow()
def saga() -> int:
    """Run it again and again."""
    return sum(step() for _ in range(STEPS))


def main() -> None:
    """Start all, wait for all."""
    logging.disable(logging.WARNING)
    SCRIPT.write_text("true\n")
    DBOS.launch()
    begun = time.perf_counter()
    handles = [DBOS.start_workflow(saga) for _ in range(RUNS)]
    failed = sum(handle.get_result() for handle in handles)
    seconds = time.perf_counter() - begun
    assert not failed
    print(RUNS * STEPS / seconds)
    DBOS.destroy()


if __name__ == "__main__":
    main()
