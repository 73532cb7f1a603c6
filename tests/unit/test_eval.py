"""Measuring suggestions says what it could not measure, and measures nothing then."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "eval" / "relevance.py"


def test_without_the_labelled_tasks_nothing_is_measured(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("SKIPPED: ")
    assert "data/tasks_dev.jsonl" in done.stdout
    assert done.stdout.endswith("nothing was measured\n")
