"""Show what `flow/check` says of a workflow: its problems, or a preview of every step."""

from __future__ import annotations

import msgspec

from flowctl import exits
from flowctl.errors import problem_lines
from flowctl.preview import workflow_lines
from flowproto.check import CheckResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.console import Console


def print_check(answer: dict[str, Any], console: Console, file: str) -> int:
    """Print the answer as JSON or as text, and give the exit code that says the verdict."""
    if console.json:
        console.print_json(answer)
        return exit_code(answer)
    problems = answer["problems"]
    for problem in problems:
        for line in problem_lines(problem, file):
            console.print(line)
    if answer["valid"]:
        checked = msgspec.convert(answer, CheckResult)
        console.print("\n".join(workflow_lines(checked.workflow, checked, console)))
    else:
        console.say(f"not a valid workflow: {len(problems)} to mend", "red")
    return exit_code(answer)


def exit_code(answer: dict[str, Any]) -> int:
    """Give the exit code for a verdict, or for a workflow that is not valid."""
    return exits.of_verdict(answer["verdict"]) if answer["valid"] else exits.INVALID_WORKFLOW
