"""Developer's tool: judge every line of a JSONL file and print the verdicts, one a line.

    python -m flowd.safety.measure FILE > verdicts.jsonl

Lines are `{"command": …}`; what is printed is what `flowctl check --batch FILE --json` prints. With
`--times`, the middle and the slow end of the time per command go to standard error.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import msgspec

from flowd.safety.judge import make_judge


class _Line(msgspec.Struct):
    command: str


def main() -> int:
    """Run the tool; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--times", action="store_true", help="print the time per command as well")
    arguments = parser.parse_args()
    judge = make_judge()
    encoder = msgspec.json.Encoder()
    milliseconds: list[float] = []
    for raw in arguments.file.read_bytes().splitlines():
        if not raw.strip():
            continue
        command = msgspec.json.decode(raw, type=_Line).command
        start = time.perf_counter()
        judgement = judge.judge(command)
        milliseconds.append((time.perf_counter() - start) * 1000)
        sys.stdout.write(encoder.encode(judgement).decode() + "\n")
    if arguments.times and len(milliseconds) > 1:
        cuts = statistics.quantiles(milliseconds, n=100)
        sys.stderr.write(
            f"{len(milliseconds)} commands: p50 {cuts[49]:.3f} ms, p99 {cuts[98]:.3f} ms, "
            f"slowest {max(milliseconds):.3f} ms\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
