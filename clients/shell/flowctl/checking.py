"""Show what `flow/check` says of a workflow: its problems, or a preview of every step."""

from __future__ import annotations

import os

import msgspec

from flowctl import exits
from flowctl.errors import problem_lines
from flowctl.preview import obstacle_lines, workflow_lines
from flowproto.check import CheckResult
from flowproto.client import RemoteError
from flowproto.environment import shareable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console


def request_check(daemon: Daemon, params: dict[str, Any]) -> dict[str, Any]:
    """Have a workflow checked, also for what is in its way with the environment we have here."""
    answer: dict[str, Any]
    try:
        answer = daemon.request("flow/check", {**params, "environment": shareable(os.environ)})
    except RemoteError as error:
        if error.name != "invalid_params":
            raise
        answer = daemon.request("flow/check", params)  # a daemon from before an upgrade
    return answer


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
        for line in obstacle_lines(checked.preflight, console):
            console.print(line)
    else:
        console.say(f"not a valid workflow: {len(problems)} to mend", "red")
    return exit_code(answer)


def exit_code(answer: dict[str, Any]) -> int:
    """Give the exit code for a verdict, or for a workflow that is not valid or cannot work here."""
    verdict: int = exits.of_verdict(answer["verdict"])
    hopeless = any(each["severity"] == "error" for each in answer.get("preflight", ()))
    if not answer["valid"] or (hopeless and verdict in (exits.DONE, exits.NEEDS_CONFIRMATION)):
        return exits.INVALID_WORKFLOW
    return verdict
