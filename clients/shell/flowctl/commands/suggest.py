"""`flowctl suggest`: a task in plain words becomes workflows to choose from."""

from __future__ import annotations

import msgspec

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import Failure, UsageError
from flowctl.picker import Picker, print_list, print_provider_errors
from flowctl.prompt import ask
from flowctl.sources import folder
from flowctl.waiting import shown_while_waiting
from flowproto.suggest import ContextResult, SuggestResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_LONGEST_SECONDS = 600  # that a daemon's settings may allow its providers
_SPARE_SECONDS = 10.0  # the daemon keeps to the deadline itself; this is for its own work
_AHEAD = 1  # offline answers are bound by the processor: more would only lengthen `elapsed_ms`


def run(arguments: Arguments, console: Console) -> int:
    """Suggest, and on a terminal let the user pick, preview, edit, save and run."""
    daemon = Daemon(arguments, console)
    request = _request(arguments)
    patience = arguments.number("timeout", _LONGEST_SECONDS) + _SPARE_SECONDS
    if arguments.given("batch"):
        return _batch(daemon, console, arguments.text("batch"), request, patience)
    request["task"] = _task(arguments, console)
    if arguments.flag("show-context"):
        return _show_context(daemon, console, request)
    with shown_while_waiting(console) as progress:
        raw = daemon.request("flow/suggest", request, timeout=patience, progress=progress)
    if console.json:
        console.print_json(raw)
    answer = msgspec.convert(raw, SuggestResult)
    if not answer.suggestions:
        failure = _nothing(answer)
        if console.json:  # the answer says it already
            return exits.of_error(failure.code)
        raise failure
    print_provider_errors(answer, console)
    picker = Picker(daemon, console, answer, cwd=request["cwd"], approve=arguments.flag("yes"))
    return _act(arguments, console, picker)


def _show_context(daemon: Daemon, console: Console, request: dict[str, Any]) -> int:
    """Print what each provider would be sent, to the letter."""
    raw = daemon.request("flow/context", request)
    if console.json:
        console.print_json(raw)
        return exits.DONE
    for row in msgspec.convert(raw, ContextResult).providers:
        size = f" ({row.bytes} bytes):" if row.text else ""
        console.print(f"{row.provider} is sent {row.note}{size}")
        if row.text:
            console.print(row.instructions.rstrip("\n"))
            console.print(row.text)
    return exits.DONE


def _act(arguments: Arguments, console: Console, picker: Picker) -> int:
    if arguments.flag("compare") and not console.json:
        picker.compare()
    elif not console.json:
        print_list(picker.answer, console)
    if arguments.flag("edit"):
        if not console.asks:
            raise UsageError("--edit needs a terminal")
        picker.edit()
    if arguments.flag("run"):
        return picker.run_best()
    if console.asks:
        return picker.loop()
    return exits.DONE


def _request(arguments: Arguments) -> dict[str, Any]:
    """What is not given on the command line is left to the daemon's settings."""
    request: dict[str, Any] = {
        "cwd": folder(arguments.text("cwd")),
        "providers": arguments.texts("provider"),
    }
    if arguments.given("limit"):
        request["limit"] = arguments.number("limit", 0)
    if arguments.flag("fresh"):
        request["fresh"] = True
    if arguments.given("timeout"):
        request["deadline_ms"] = arguments.number("timeout", 0) * 1000
    return request


def _task(arguments: Arguments, console: Console) -> str:
    task = arguments.text("task")
    if not task.strip() and console.asks:
        task = ask("What do you want done? › ") or ""
    if not task.strip():
        raise UsageError("TASK is missing", cure='say what you want done: flowctl suggest "..."')
    return task


def _batch(
    daemon: Daemon, console: Console, file: str, request: dict[str, Any], patience: float
) -> int:
    from flowctl.batch import run_batch, text_of

    def params_of(line: dict[str, Any]) -> dict[str, Any]:
        return {**request, "task": text_of(line, "task")}

    run_batch(
        daemon,
        console,
        "flow/suggest",
        file,
        key="task",
        params_of=params_of,
        ahead=_AHEAD,
        timeout=_AHEAD * patience,
    )
    return exits.DONE


def _nothing(answer: SuggestResult) -> Failure:
    """Say that nothing was suggested, and whose fault that is."""
    errors = [row for row in answer.providers if row.error]
    if not errors:
        return Failure(
            "nothing fits this task",
            code="not_found",
            cure="say it in other words, or write the workflow and `flowctl run` it",
        )
    return Failure(
        "no provider gave a suggestion",
        code="provider_failed",
        cure="\n".join(
            f"{row.provider}: {row.error}" + (f"; {row.cure}" if row.cure else "") for row in errors
        ),
    )
