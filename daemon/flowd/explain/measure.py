"""Developer's tool: how much of the commands in a file can be explained on this machine.

    python -m flowd.explain.measure FILE

The files are those of `flowd.safety.measure`, or have lines `{"commands": […]}`. Printed are the
commands that have options and get every one explained, of all and of those whose programs are
installed; the time; and which options of which programs nobody explains.
"""

import os
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import trio

from flowd.explain.explaining import explain
from flowd.explain.reading import Reading
from flowd.safety.measure import commands_in


class _Line(msgspec.Struct):
    commands: list[str] = []


def main() -> int:
    """Run the tool; gives the exit status."""
    trio.run(_measure, Path(sys.argv[1]))
    return 0


async def _measure(file: Path) -> None:
    path = os.environ.get("PATH", os.defpath)
    read: list[tuple[str, Reading]] = []
    milliseconds: list[float] = []
    for command in dict.fromkeys(_commands(file)):
        began = time.perf_counter()
        read.append((command, await explain(command, "bash", path=path, aside=str(Path.cwd()))))
        milliseconds.append((time.perf_counter() - began) * 1000)
    _print("of all", read)
    _print("installed", [(c, r) for c, r in read if _installed(r, path)])
    sentences = sum(all(not c.sentence.startswith("Runs ") for c in r.commands) for _, r in read)
    print(f"{'own sentence':<12} {sentences} of {len(read)}")
    cuts = statistics.quantiles(milliseconds, n=100)
    print(f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, slowest {max(milliseconds):.0f} ms")
    unknown = Counter(
        f"{_program_at(reading, part.span)} {part.text.partition(' ')[0]}"
        for _, reading in read
        for part in reading.parts
        if part.kind == "option" and not part.meaning
    )
    for what, count in unknown.most_common(60):
        print(f"{count:>7}  {what}")


def _print(label: str, read: list[tuple[str, Reading]]) -> None:
    options = [[p for p in r.parts if p.kind == "option"] for _, r in read]
    with_options = [each for each in options if each]
    whole = sum(all(part.meaning for part in each) for each in with_options)
    single = [part for each in options for part in each]
    known = sum(bool(part.meaning) for part in single)
    print(
        f"{label:<12} {len(read)} commands, {len(with_options)} with options,"
        f" every option explained in {whole} ({whole / max(len(with_options), 1):.1%});"
        f" {known} of {len(single)} options ({known / max(len(single), 1):.1%})"
    )


def _installed(reading: Reading, path: str) -> bool:
    return all(
        shutil.which(each.program.partition(" ")[0], path=path) or each.source
        for each in reading.commands
    )


def _program_at(reading: Reading, span: tuple[int, int]) -> str:
    around = [c for c in reading.commands if c.span[0] <= span[0] and span[1] <= c.span[1]]
    return max(around, key=lambda c: c.depth).program if around else "?"


def _commands(file: Path) -> Iterator[str]:
    if file.suffix != ".xz":
        for line in file.read_bytes().splitlines():
            yield from msgspec.json.decode(line, type=_Line).commands
    for command, _ in commands_in(file):
        yield command


if __name__ == "__main__":
    sys.exit(main())
