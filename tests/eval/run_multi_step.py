"""Says how many suggested workflows for tasks of several steps are sound, and how many do the task.

    python tests/eval/run_multi_step.py [--failures] [--half development|held-out]

The real daemon is asked through `flowctl suggest --batch`; what it suggests runs in a bubblewrap
sandbox, each step in a bash of its own. An input without a default gets no value.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.flow_home import flow_home
from support.multi_step import Row, Step, cannot_confine, carry_out, load_rows

_MOST = 3


def main() -> None:
    """Ask, carry out, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--failures", action="store_true", help="print the answers that fail")
    parser.add_argument("--half", choices=["development", "held-out"], help="one half only")
    given = parser.parse_args()
    if reason := cannot_confine():
        sys.exit(reason)
    rows = [
        row
        for row in load_rows()
        if given.half is None or row.held_out == (given.half == "held-out")
    ]
    _print(rows, [_figures(row, answers, given.failures and not row.held_out)
                  for row, answers in zip(rows, _ask(rows), strict=True)])  # fmt: skip


def _ask(rows: Sequence[Row]) -> list[list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as folder, flow_home(Path(folder)) as home:
        tasks = Path(folder) / "tasks.jsonl"
        tasks.write_text("".join(json.dumps({"task": row.task}) + "\n" for row in rows), "utf-8")
        told = home.out("suggest", "--batch", str(tasks), "--json", timeout=300)
    return [json.loads(line)["suggestions"][:_MOST] for line in told.splitlines()]


def _figures(row: Row, answers: list[dict[str, Any]], tell: bool) -> dict[str, bool]:
    """Say of one row: is the first answer sound, does it do the task, does one of three."""
    reasons = [carry_out(row, _steps(each["workflow"])) for each in answers]
    if tell and (not reasons or reasons[0]):
        print("-", row.task.strip())
        for step in answers[0]["workflow"]["steps"] if answers else ():
            print("    $", step["run"].strip(), step.get("cwd") or "")
        if answers:
            inputs = answers[0]["workflow"].get("inputs") or {}
            print("   ", {name: each.get("default") for name, each in inputs.items()})
            print("   ", answers[0]["score"], reasons[0])
    first = answers[0] if answers else None
    sound = first is not None and first["verdict"] != "block" and not first.get("obstacles")
    return {
        "valid": first is not None,
        "complete": first is not None and not first.get("missing_inputs"),
        "preflight": sound,
        "top 1": bool(reasons) and not reasons[0],
        "best of 3": "" in reasons,
    }


def _steps(workflow: dict[str, Any]) -> list[Step]:
    inputs = workflow.get("inputs") or {}
    values = {
        name: str(each["default"])
        for name, each in inputs.items()
        if each.get("default") is not None
    }
    return [Step(step["run"], step.get("cwd") or ".", values) for step in workflow["steps"]]


def _print(rows: Sequence[Row], figures: Sequence[dict[str, bool]]) -> None:
    groups: dict[str, list[dict[str, bool]]] = defaultdict(list)
    for row, figure in zip(rows, figures, strict=True):
        groups[row.kind].append(figure)
        groups["held-out half" if row.held_out else "development half"].append(figure)
        groups["all"].append(figure)
    print(f"{'':18}{'tasks':>6}" + "".join(f"{name:>11}" for name in figures[0]))
    for name, group in groups.items():
        told = "".join(f"{sum(each[key] for each in group):>11}" for key in group[0])
        print(f"{name:18}{len(group):>6}{told}")


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
