"""Cold start of flowctl against bare Python: `python tests/perf/cold_start.py [ROUNDS]`.

Interleaved, so that a noisy machine is noisy for all of them; medians and their ratios are printed.
A real daemon serves on a scratch home.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def wall(command: list[str], environment: dict[str, str]) -> float:
    """Seconds that a command takes."""
    begun = time.perf_counter()
    quiet = subprocess.DEVNULL
    subprocess.run(command, env=environment, check=True, stdout=quiet, stderr=quiet)
    return time.perf_counter() - begun


def main(rounds: int = 25) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "FLOW_HOME": home}
        flowctl = str(BIN / "flowctl")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "flowctl --version": [flowctl, "--version"],
            "flowctl ps": [flowctl, "ps"],
            "flowctl daemon status": [flowctl, "daemon", "status"],
        }
        subprocess.run([flowctl, "daemon", "start"], env=environment, check=True)
        try:
            times: dict[str, list[float]] = {name: [] for name in commands}
            for _ in range(rounds):
                for name, command in commands.items():
                    times[name].append(wall(command, environment))
        finally:
            subprocess.run([flowctl, "daemon", "stop"], env=environment, check=True)
    floor = statistics.median(times["python -c pass"])
    print(f"{'command':24} {'median ms':>10} {'x python':>9}")
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"{name:24} {median * 1000:10.1f} {median / floor:9.2f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
