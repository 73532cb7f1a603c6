"""`flowctl check`: validate and judge, without running anything."""

from __future__ import annotations

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.sources import folder, text_in, workflow_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_AHEAD = 64


def run(arguments: Arguments, console: Console) -> int:
    """Check a file, a command, a diff, or a batch of commands; the exit code says the verdict."""
    given = [name for name in ("file", "command", "batch", "diff") if arguments.given(name)]
    if len(given) != 1:
        raise UsageError(
            "check takes exactly one of FILE, --command COMMAND, --batch FILE, --diff REVISION",
            cure="see flowctl check --help",
        )
    form = arguments.text("format") or "text"
    if form not in ("text", "json", "sarif"):
        raise UsageError(f"there is no format {form}", cure="text, json or sarif")
    daemon = Daemon(arguments, console)
    if given == ["batch"]:
        return _batch(daemon, console, arguments.text("batch"))
    if given == ["diff"]:
        return _diff(daemon, console, form, arguments.text("diff"))
    if given == ["command"] and form != "sarif":
        return _command(daemon, console, arguments.text("command"), form)
    if given == ["command"]:
        return _scan(daemon, console, form, text=arguments.text("command"))
    return _file(daemon, console, form, arguments.text("file"))


def _file(daemon: Daemon, console: Console, form: str, file: str) -> int:
    from flowctl.scanning import is_scanned

    scanned = is_scanned(file) or (form == "sarif" and file != "-")
    if scanned and not file.endswith((".diff", ".patch")):
        return _scan(daemon, console, form, file=file)
    is_diff = file.endswith((".diff", ".patch"))
    source = {"text": text_in(file)} if is_diff else workflow_params(file)
    if "text" in source:
        from flowctl.diffs import looks_like_diff

        if is_diff or looks_like_diff(source["text"]):
            return _diff(daemon, console, form, text=source["text"])
    from flowctl.checking import print_check, request_check

    console.json = console.json or form == "json"
    answer = request_check(daemon, {**source, "cwd": folder("")})
    return print_check(answer, console, file)


def _scan(daemon: Daemon, console: Console, form: str, *, file: str = "", text: str = "") -> int:
    from flowctl.scanning import print_scans, scan_command, scan_file

    answer = scan_file(daemon, file) if file else scan_command(daemon, text)
    return print_scans([answer], console, form)


def _diff(daemon: Daemon, console: Console, form: str, revision: str = "", text: str = "") -> int:
    from flowctl.scanning import git_diff, print_scans, scan_diff

    top = folder("")
    if revision:
        text, top = git_diff(revision)
    return print_scans(scan_diff(daemon, text, top), console, form)


def _command(daemon: Daemon, console: Console, command: str, form: str) -> int:
    params = {"command": command, "cwd": folder("")}
    answer = daemon.request("flow/check", params)
    if console.json or form == "json":
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

    run_batch(daemon, console, "flow/check", file, key="command", params_of=params_of, ahead=_AHEAD)
    return exits.DONE
