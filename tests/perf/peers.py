"""The same work on other engines of durable workflows, where they are installed.

They live in an environment of their own, which is no part of Flow's: build/peers, or the one that
$FLOW_BENCH_PEERS names.
"""

import os
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(os.environ.get("FLOW_BENCH_PEERS", "build/peers"))
HOW_TO_INSTALL = "DBOS is not in build/peers, so nothing is compared with it: make bench-peers"
RUNS = 200  # fewer than ours: it takes its time, and a rate is a rate

_DBOS = Path(__file__).with_name("dbos_load.py")


def dbos_rate(steps: int) -> list[float]:
    """Steps per second of DBOS on SQLite; nothing when it is not installed."""
    python = FOLDER.resolve() / "bin" / "python"
    if not python.exists():
        return []
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        command = [str(python), str(_DBOS), str(RUNS), str(steps)]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return [float(ended.stdout.split()[-1])]
