"""Developer's tool: judge every command of a file and print the verdicts, or figures about them.

    python -m flowd.safety.measure FILE > verdicts.jsonl
    python -m flowd.safety.measure FILE --figures

Lines are `{"command": …}`, and may have a `label` (safe, confirm, block), or are tldr pages,
`{"platform": …, "examples": [{"command": …}]}`, whose placeholders become their names. What is
printed is what `flowctl check --batch FILE --json` prints; with `--figures`, how the verdicts agree
with the labels, which rules stopped how many, and the time per command. `.xz` is unpacked.
"""

import argparse
import lzma
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from flowd.domain.ports import Judgement, Verdict
from flowd.safety.judge import make_judge

_PLATFORMS = ("common", "linux")
_CHOICE = re.compile(r"\{\{\[([^|\]]*)\|[^\]]*\]\}\}")  # {{[-l|--long]}}
_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
_VERDICT_OF: dict[str, Verdict] = {"safe": "allow", "confirm": "confirm", "block": "block"}


class _Example(msgspec.Struct):
    command: str


class _Line(msgspec.Struct):
    command: str = ""
    label: str = ""
    platform: str = "common"
    examples: list[_Example] = []


def main() -> int:
    """Run the tool; gives the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--figures", action="store_true", help="print figures instead of verdicts")
    arguments = parser.parse_args()
    judge = make_judge()
    judged: list[tuple[str, Judgement]] = []
    milliseconds: list[float] = []
    for command, label in commands_in(arguments.file):
        start = time.perf_counter()
        judged.append((label, judge.judge(command)))
        milliseconds.append((time.perf_counter() - start) * 1000)
    if arguments.figures:
        for line in _figures(judged, milliseconds):
            print(line)
        return 0
    encoder = msgspec.json.Encoder()
    for _, judgement in judged:
        sys.stdout.write(encoder.encode(judgement).decode() + "\n")
    return 0


def commands_in(file: Path) -> Iterator[tuple[str, str]]:
    """Give every command and its label, "" when nobody labelled it."""
    content = lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()
    for raw in content.splitlines():
        if not raw.strip():
            continue
        line = msgspec.json.decode(raw, type=_Line)
        if line.command:
            yield line.command, line.label
        elif line.platform in _PLATFORMS:
            for example in line.examples:
                text = _CHOICE.sub(r"\1", example.command)
                yield _PLACEHOLDER.sub(lambda match: match[1].partition("|")[0], text), ""


def _figures(judged: list[tuple[str, Judgement]], milliseconds: list[float]) -> Iterator[str]:
    verdicts = Counter(judgement.verdict for _, judgement in judged)
    yield f"{len(judged)} commands: " + ", ".join(
        f"{verdicts[verdict]} {verdict}" for verdict in ("allow", "confirm", "block")
    )
    labelled = [(label, judgement.verdict) for label, judgement in judged if label]
    for what, labels, counted in (
        ("dangerous, not allowed", ("confirm", "block"), ("confirm", "block")),
        ("to be blocked, flagged", ("block",), ("confirm", "block")),
        ("to be blocked, blocked", ("block",), ("block",)),
        ("safe, stopped", ("safe",), ("confirm", "block")),
    ):
        meant = [verdict for label, verdict in labelled if label in labels]
        if meant:
            hits = sum(verdict in counted for verdict in meant)
            yield f"{what:<24}{hits:>5} of {len(meant):>4}  {hits / len(meant):.1%}"
    if labelled:
        right = sum(_VERDICT_OF[label] == verdict for label, verdict in labelled)
        share = f"{right / len(labelled):.1%}"
        yield f"{'the same verdict':<24}{right:>5} of {len(labelled):>4}  {share}"
    if len(milliseconds) > 1:
        cuts = statistics.quantiles(milliseconds, n=100)
        yield f"p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, slowest {max(milliseconds):.2f} ms"
    rules = Counter(
        f"{judgement.verdict} {judgement.findings[0].rule}"
        for _, judgement in judged
        if judgement.verdict != "allow" and judgement.findings
    )
    if not labelled:
        yield from (f"{count:>7}  {rule}" for rule, count in rules.most_common())


if __name__ == "__main__":
    sys.exit(main())
