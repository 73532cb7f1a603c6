"""What went wrong, shown: one block for people on standard error, one object for programs."""

from __future__ import annotations

from flowctl import exits
from flowctl.exits import Failure
from flowctl.text import harmless
from flowproto.client import (
    CannotSend,
    ClientError,
    ConnectionLost,
    DaemonUnreachable,
    RemoteError,
    StartFailed,
    TimedOut,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.console import Console

_WIRE_NAMES = {-32601: "method_not_found", -32602: "invalid_input", -32800: "cancelled"}


def failure_of(error: ClientError) -> Failure:
    """Turn an error of the protocol into the failure of a command."""
    if isinstance(error, RemoteError):
        name = error.name or _WIRE_NAMES.get(error.code, "daemon_error")
        cure = error.cure
        if name == "method_not_found":
            cure = "the running daemon is older than this flowctl: flowctl daemon restart"
        return Failure(error.message, code=name, cure=cure, data=error.data)
    if isinstance(error, StartFailed):
        return Failure(str(error), code="unreachable", cure=_and_systemd(error.cure))
    if isinstance(error, DaemonUnreachable):
        cure = _and_systemd("start it: flowctl daemon start")
        return Failure(str(error), code="unreachable", cure=cure)
    if isinstance(error, CannotSend):
        return Failure(str(error), code="usage", cure="put big or odd values into files")
    if isinstance(error, TimedOut):
        return Failure(str(error), code="timed_out", cure="look at: flowctl daemon logs")
    if isinstance(error, ConnectionLost):
        cure = _and_systemd("whether it was done is not known: look at flowctl ps --all")
        return Failure(str(error), code="connection_lost", cure=cure)
    return Failure(str(error), code="daemon_error", cure="look at: flowctl daemon logs")


def _and_systemd(cure: str) -> str:
    """Add what there is to do when systemd, too, has stopped trying to start the daemon."""
    from flowctl.commands.install import cure_when_given_up

    return "\n".join(filter(None, (cure, cure_when_given_up())))


def report(failure: Failure, console: Console) -> int:
    """Show a failure and give its exit code."""
    if console.json:
        console.print_json(error_object(failure))
    for line in _block(failure, console):
        console.say(line)
    return exits.of_error(failure.code)


def error_object(failure: Failure) -> dict[str, Any]:
    """Give a failure as programs see it: `{"error": {"code", "message", "cure", "data"}}`."""
    details = {key: value for key, value in failure.data.items() if key not in ("code", "cure")}
    return {
        "error": {
            "code": failure.code,
            "message": failure.message,
            "cure": failure.cure,
            "data": details,
        }
    }


def _block(failure: Failure, console: Console) -> list[str]:
    lines = [console.error_style("flowctl: ", "red", "bold") + harmless(failure.message)]
    file = str(failure.data.get("file", ""))
    for problem in _dictionaries(failure.data.get("problems")):
        lines += [f"  {line}" for line in problem_lines(problem, file)]
    for finding in _dictionaries(failure.data.get("findings")):
        step = f"{finding['step']}: " if finding.get("step") else ""
        text = f"{step}{finding.get('message', '')} [{finding.get('rule', '')}]"
        lines.append(f"  {harmless(text)}")
    if failure.cure:
        lines += [f"  {harmless(line)}" for line in failure.cure.splitlines()]
    return lines


def problem_lines(problem: dict[str, Any], file: str) -> list[str]:
    """Say where a workflow breaks the language (`file:line:column`), why, and the fix."""
    place = ":".join(part for part in (file, *_line_and_column(problem)) if part)
    warning = "warning: " if problem.get("severity") == "warning" else ""
    lines = [harmless(f"{place}: {warning}{problem.get('message', '')}")]
    if problem.get("fix"):
        lines.append(f"  fix: {harmless(str(problem['fix']))}")
    return lines


def _line_and_column(problem: dict[str, Any]) -> tuple[str, str]:
    return str(problem.get("line") or ""), str(problem.get("column") or "")


def _dictionaries(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
