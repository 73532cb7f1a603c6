"""`flowctl run`: run a workflow and watch it."""

from __future__ import annotations

from flowctl import exits
from flowctl.checking import print_check, request_check
from flowctl.connect import Daemon
from flowctl.errors import failure_of
from flowctl.exits import Failure
from flowctl.sources import folder, inputs, is_file_name, workflow_params
from flowctl.starting import about_file, run_and_watch, start
from flowproto.client import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Start it, or with `--dry-run` only show what it would do, or `--rehearse` try that."""
    if arguments.flag("rehearse") and (arguments.flag("dry-run") or arguments.flag("detach")):
        raise Failure(
            "--rehearse goes neither with --dry-run nor with --detach",
            code="usage",
            cure="give one of them",
        )
    daemon = Daemon(arguments, console)
    request: dict[str, Any] = {
        "inputs": inputs(arguments.texts("input")),
        "cwd": folder(arguments.text("cwd")),
        "approve": arguments.flag("yes"),
    }
    if arguments.flag("no-preflight"):
        request["preflight"] = False
    name = arguments.text("workflow")

    def go(source: dict[str, Any]) -> int:
        if arguments.flag("dry-run"):
            return _dry_run(daemon, console, {**source, "cwd": request["cwd"]}, name)
        if arguments.flag("rehearse"):
            from flowctl.rehearsing import rehearse

            return rehearse(daemon, console, {**request, **source})
        if not arguments.flag("detach"):
            return run_and_watch(daemon, console, {**request, **source})
        run_id = start(daemon, console, {**request, **source})
        if console.json:
            console.print_json({"run": run_id})
        else:
            console.print(run_id)
        return exits.DONE

    if not is_file_name(name):
        return _named(name, go)
    try:
        return go(workflow_params(name))
    except RemoteError as error:
        raise about_file(error, name) from error


def _dry_run(daemon: Daemon, console: Console, source: dict[str, Any], name: str) -> int:
    """Show what a run would do. What only needs confirmation is fine: nothing was asked yet."""
    code = print_check(request_check(daemon, source), console, name)
    return exits.DONE if code == exits.NEEDS_CONFIRMATION else code


def _named(name: str, go: Callable[[dict[str, Any]], int]) -> int:
    """Take the name for a template's, else for a suggestion's id."""
    try:
        return go({"template": name})
    except RemoteError as error:
        if error.name not in ("not_found", "invalid_input") or "missing" in error.data:
            raise
        looked = error
    try:
        return go({"suggestion": name})
    except RemoteError as error:
        if error.name != "not_found":
            raise
    failure = failure_of(looked)
    raise Failure(
        f"there is no file, template or suggestion {name!r}",
        code="not_found",
        cure=f"{failure.message}\n{failure.cure}",
        data=failure.data,
    )
