"""What `make bench` says at its end: figures against their targets, and a picture of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

PERF = Path(__file__).parents[1] / "perf"
SVG = "{http://www.w3.org/2000/svg}"


def line(bench: str, name: str, value: float | None, **more: object) -> str:
    """A figure as a bench keeps it."""
    rest = {"unit": "ms", "form": ".2f", "target": None, "of": "", "at": None, "missing": ""}
    stamp = {"bench": bench, "title": bench, "measured_at": 1_764_000_000}
    return json.dumps({**stamp, "name": name, "value": value, **rest, **more}) + "\n"


def report(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PERF / "report.py")],
        env={**os.environ, "FLOW_BENCH_FIGURES": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )


def texts(picture: Path) -> list[str]:
    """All that is written in a picture; it must be well-formed."""
    return [node.text or "" for node in ElementTree.parse(picture).iter(f"{SVG}text")]


def test_the_table_says_which_figures_are_as_they_should_be(tmp_path: Path) -> None:
    most = {"relation": "<=", "value": 1.0}
    (tmp_path / "step.jsonl").write_text(
        line("step", "cheap", 0.5, target=most)
        + line("step", "dear", 1.5, target=most)
        + line("step", "unknown", None, target=most, missing="no strace")
        + line("step", "without target", 7.0)
    )
    said = {row[0]: row[-2:] for row in map(str.split, report(tmp_path).stdout.splitlines()) if row}
    assert said["cheap"] == ["ms", "ok"]
    assert said["dear"] == ["ms", "MISSED"]
    assert said["unknown"] == ["not", "measured"]
    assert "without" not in said


def test_a_peer_that_is_not_there_is_said_and_has_no_bar(tmp_path: Path) -> None:
    (tmp_path / "saga_load.jsonl").write_text(
        line("saga_load", "workflows/s", 181.0, of="bare")
        + line("saga_load", "workflows/s", 143.0, of="Flow")
    )
    assert report(tmp_path).stdout.endswith("the picture: bench.svg\n")
    written = texts(tmp_path / "bench.svg")
    assert "143.00" not in written
    assert {"181", "143"} <= set(written)
    assert written[written.index("Restate") + 1] == "not measured"
    assert not any("2.5 times" in text for text in written)  # of what was not measured


def test_the_length_of_a_workflow_is_plotted(tmp_path: Path) -> None:
    name = "CPU of a step, of workflows so long"
    (tmp_path / "sequential.jsonl").write_text(
        "".join(line("sequential", name, 3.5, at=steps) for steps in (1, 50, 500))
        + line("sequential", "CPU per step, the process included", 1.5, of="bare")
    )
    report(tmp_path)
    circles = list(ElementTree.parse(tmp_path / "bench.svg").iter(f"{SVG}circle"))
    heights = [circle.get("cy") for circle in circles]
    assert len(circles) == 6  # of a step, and of the whole
    assert len(set(heights[:3])) == 1
    assert len(set(heights[3:])) == 3


def test_nothing_measured_is_said(tmp_path: Path) -> None:
    assert report(tmp_path).stdout == "nothing was measured yet: make bench\n"


def test_peers_that_are_not_installed_are_named_with_the_cure(tmp_path: Path) -> None:
    code = "import json, contenders; print(json.dumps(contenders.which_are_there()))"
    environment = {**os.environ, "FLOW_BENCH_PEERS": str(tmp_path), "PYTHONPATH": str(PERF)}
    said = subprocess.check_output([sys.executable, "-c", code], env=environment)
    there, missing = json.loads(said)
    assert there == {}
    assert list(missing) == ["DBOS", "Restate"]
    assert all("make bench-peers" in reason for reason in missing.values())
