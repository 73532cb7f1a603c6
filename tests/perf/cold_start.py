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

from figures import Figure, at_most, publish

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
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed flowctl is compiled
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
    medians = {name: statistics.median(measured) for name, measured in times.items()}
    rows = [Figure(name, median * 1000, "ms", ".1f") for name, median in medians.items()]
    rows += [
        Figure(f"{name}, times bare Python", median / floor, target=at_most(3))
        for name, median in medians.items()
        if name.startswith("flowctl")
    ]
    publish("cold_start", "Cold start of flowctl", rows)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
