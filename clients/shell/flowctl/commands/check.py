"""`flowctl check`: validate and judge, without running anything."""

from __future__ import annotations

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.sources import folder, workflow_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_AHEAD = 64


def run(arguments: Arguments, console: Console) -> int:
    """Check a file, a command, or a batch of commands; the exit code says the verdict."""
    given = [name for name in ("file", "command", "batch") if arguments.given(name)]
    if len(given) != 1:
        raise UsageError(
            "check takes exactly one of FILE, --command COMMAND, --batch FILE",
            cure="see flowctl check --help",
        )
    daemon = Daemon(arguments, console)
    if given == ["batch"]:
        return _batch(daemon, console, arguments.text("batch"))
    if given == ["command"]:
        return _command(daemon, console, arguments.text("command"))
    file = arguments.text("file")
    params = {**workflow_params(file), "cwd": folder("")}
    from flowctl.checking import print_check, request_check

    answer = request_check(daemon, params)
    return print_check(answer, console, file)


def _command(daemon: Daemon, console: Console, command: str) -> int:
    params = {"command": command, "cwd": folder("")}
    answer = daemon.request("flow/check", params)
    if console.json:
        console.print_json(answer)
    else:
        _print_judged(command, answer, console)
    return exits.of_verdict(answer["verdict"])


def _print_judged(command: str, answer: dict[str, Any], console: Console) -> None:
    import msgspec

    from flowctl.preview import script_lines, verdict_word
    from flowproto.check import CheckResult

    checked = msgspec.convert(answer, CheckResult)
    console.print(verdict_word(checked.verdict, console))
    for line in script_lines(command, checked.findings, console):
        console.print(f"  {line}")


def _batch(daemon: Daemon, console: Console, file: str) -> int:
    from flowctl.batch import run_batch, text_of

    def params_of(line: dict[str, Any]) -> dict[str, Any]:
        """A command of a list is from nobody knows where, unless its line says so."""
        where = {"cwd": text_of(line, "cwd")} if "cwd" in line else {}
        return {"command": text_of(line, "command"), **where}

    run_batch(daemon, console, "flow/check", file, params_of=params_of, ahead=_AHEAD)
    return exits.DONE
