"""The tool that prints the figures of README.md."""

import json
import lzma
import subprocess
import sys
from pathlib import Path


def measured(file: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "flowd.safety.measure", str(file), *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_labelled_commands_are_judged_in_order_and_compared(tmp_path: Path):
    rows = [("ls", "safe"), ("rm -rf /", "block"), ("rm x", "block"), ("sudo ls", "safe")]
    file = tmp_path / "rows.jsonl"
    lines = [json.dumps({"command": command, "label": label}) for command, label in rows]
    file.write_text("\n".join(lines))
    verdicts = [json.loads(line)["verdict"] for line in measured(file)]
    assert verdicts == ["allow", "block", "confirm", "confirm"]
    figures = measured(file, "--figures")
    assert figures[:6] == [
        "4 commands: 1 allow, 2 confirm, 1 block",
        "dangerous, not allowed      2 of    2  100.0%",
        "to be blocked, flagged      2 of    2  100.0%",
        "to be blocked, blocked      1 of    2  50.0%",
        "safe, stopped               1 of    2  50.0%",
        "the same verdict            2 of    4  50.0%",
    ]


def test_tldr_pages_are_unpacked_and_their_placeholders_named(tmp_path: Path):
    page = {"platform": "linux", "examples": [{"command": "rm {{[-r|--recursive]}} {{a|b}}"}]}
    other = {"platform": "windows", "examples": [{"command": "rm x"}]}
    file = tmp_path / "pages.jsonl.xz"
    file.write_bytes(lzma.compress(f"{json.dumps(page)}\n{json.dumps(other)}".encode()))
    [judged] = measured(file)
    assert json.loads(judged)["findings"][0]["message"] == "Deletes a and everything in it."
    assert measured(file, "--figures")[-1].split() == ["1", "confirm", "files.delete"]
