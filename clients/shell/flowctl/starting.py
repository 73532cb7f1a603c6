"""Start a run and watch it: what `run` and `suggest` share."""

from __future__ import annotations

import os
import secrets
from functools import partial

from flowctl.errors import failure_of
from flowctl.exits import Failure
from flowctl.prompt import ask, confirm
from flowctl.secrets import with_secrets
from flowctl.text import harmless
from flowctl.watch import counted_interrupts, watch
from flowproto.client import ConnectionLost, RemoteError
from flowproto.environment import shareable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

_TRIES = 3
_NOTHING_DECLARED: Mapping[str, Any] = {}


def run_and_watch(
    daemon: Daemon,
    console: Console,
    request: dict[str, Any],
    declared: Mapping[str, Any] = _NOTHING_DECLARED,
) -> int:
    """Start the run and watch it to its end; Ctrl-C cancels it. Gives the exit code."""
    run = start(daemon, console, request, declared)
    with counted_interrupts() as interrupts:
        return watch(daemon, console, run, interrupts, cancels=True).code


def start(
    daemon: Daemon,
    console: Console,
    request: dict[str, Any],
    declared: Mapping[str, Any] = _NOTHING_DECLARED,
) -> str:
    """Start a run and give its id; `request` is what `flow/run` takes.

    Inputs that are missing are asked for where somebody can answer, and asked for again when the
    answer does not fit; `declared` is what the workflow says of them.
    """
    request = {
        **request,
        "environment": shareable(os.environ),
        "client_token": secrets.token_hex(16),
    }
    if console.terminal:
        request["columns"], request["rows"] = console.size()
    answered: dict[str, str] = {}
    while True:
        try:
            inputs = request.get("inputs", {}) | answered
            once = partial(_start_once, daemon)
            started = with_secrets(once, {**request, "inputs": inputs})
        except RemoteError as error:
            if error.name == "invalid_params" and request.pop("columns", None):
                del request["rows"]  # a daemon from before an upgrade does not know them
                continue
            if error.name == "invalid_params" and request.pop("from_suggestion", None):
                continue
            if error.name == "untrusted_folder" and _trusts_now(daemon, console, error):
                continue
            wanted = _inputs_to_ask(error, answered)
            if not wanted or not console.asks:
                raise
            if not error.data.get("missing"):
                console.say(harmless(error.message), "yellow")
        else:
            if notice := started.get("notice"):
                console.say(f"whatever changes something is asked about: {notice}", "yellow")
            run: str = started["run"]
            return run
        answered |= _ask_for_inputs(wanted, declared)


def _trusts_now(daemon: Daemon, console: Console, error: RemoteError) -> bool:
    """Ask whether the folder a file was checked out into is to be trusted, and remember a yes."""
    place = str(error.data.get("folder", ""))
    if not console.asks or not place:
        return False
    console.say(error.message, "yellow")
    if not confirm(f"Trust {harmless(place)} and all below it from now on?", default=False):
        return False
    daemon.request("flow/trust", {"path": place})
    return True


def _inputs_to_ask(error: RemoteError, answered: dict[str, str]) -> list[str]:
    """Name the inputs a refusal is about: missing ones, or one whose answer does not fit."""
    missing = error.data.get("missing")
    if isinstance(missing, list):
        return [str(name) for name in missing]
    name = error.data.get("input")
    return [name] if name in answered else []


def _ask_for_inputs(names: list[str], declared: Mapping[str, Any]) -> dict[str, str]:
    values = {}
    for name in names:
        value = ask(f"{harmless(name)}{_hint(declared.get(name))} › ")
        if value is None:
            raise Failure(f"no value for {name}", code="invalid_input", cure="nothing was started")
        values[name] = value
    return values


def _hint(declared: Any) -> str:
    """Say in brackets what an input is for and what it must look like."""
    if not isinstance(declared, dict):
        return ""
    parts = [str(declared["description"])] if declared.get("description") else []
    if declared.get("choices"):
        parts.append("one of " + ", ".join(map(str, declared["choices"])))
    if declared.get("pattern"):
        parts.append(f"like {declared['pattern']}")
    return f" ({harmless('; '.join(parts))})" if parts else ""


def _start_once(daemon: Daemon, request: dict[str, Any]) -> dict[str, Any]:
    """Make the request, again should the connection break before the answer comes.

    Its token sees to it that there is one run all the same.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            started: dict[str, Any] = daemon.request("flow/run", request)
        except ConnectionLost:
            if not tries_left:
                raise
        else:
            return started
    raise AssertionError("the last try returns or raises")


def about_file(error: RemoteError, name: str) -> Failure:
    """Turn a refusal into a failure that says which file its problems are in."""
    failure = failure_of(error)
    failure.data["file"] = name
    return failure
