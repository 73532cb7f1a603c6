"""The load of `saga_load.py` on DBOS, run in the peers' own environment.

For every line "RUNS STEPS" on stdin, starts so many workflows, waits for them, and prints how
many succeeded. Each step is a durable DBOS step that does what ours does: it runs the same command
in a session of its own, and its exit code and what it wrote are kept. The database is SQLite,
DBOS's default, as ours is.
"""

import logging
import os
import subprocess
import sys
from pathlib import Path

from dbos import DBOS

SCRIPT = Path("script")
COMMAND = os.environ["FLOW_BENCH_COMMAND"].split()

DBOS(config={"name": "bench", "system_database_url": "sqlite:///dbos.sqlite"})


@DBOS.step()
def step() -> tuple[int, str, str]:
    """Run the command."""
    done = subprocess.run(
        COMMAND, stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@DBOS.workflow()
def saga(steps: int) -> int:
    """Run it again and again; gives how many failed."""
    return sum(step()[0] != 0 for _ in range(steps))


def main() -> None:
    """Serve stdin until it ends."""
    logging.disable(logging.WARNING)
    SCRIPT.write_text("true\n")
    DBOS.launch()
    print("ready", flush=True)
    for line in sys.stdin:
        runs, steps = map(int, line.split())
        handles = [DBOS.start_workflow(saga, steps) for _ in range(runs)]
        print(sum(handle.get_result() == 0 for handle in handles), flush=True)


if __name__ == "__main__":
    main()
