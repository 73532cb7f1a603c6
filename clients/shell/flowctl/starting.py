"""Start a run and watch it: what `run` and `suggest` share."""

from __future__ import annotations

import os
import secrets

from flowctl.environment import shareable
from flowctl.errors import failure_of
from flowctl.exits import Failure
from flowctl.prompt import ask
from flowctl.text import harmless
from flowctl.watch import counted_interrupts, watch
from flowproto.client import ConnectionLost, RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

_TRIES = 3


def run_and_watch(daemon: Daemon, console: Console, request: dict[str, Any]) -> int:
    """Start the run and watch it to its end; Ctrl-C cancels it. Gives the exit code."""
    run = start(daemon, console, request)
    with counted_interrupts() as interrupts:
        return watch(daemon, console, run, interrupts, cancels=True).code


def start(daemon: Daemon, console: Console, request: dict[str, Any]) -> str:
    """Start a run and give its id; `request` is what `flow/run` takes.

    Inputs that are missing are asked for where somebody can answer.
    """
    request = {
        **request,
        "environment": shareable(os.environ),
        "client_token": secrets.token_hex(16),
    }
    try:
        return _start_once(daemon, request)
    except RemoteError as error:
        missing = error.data.get("missing")
        if not missing or not console.asks:
            raise
    request["inputs"] = {**request.get("inputs", {}), **ask_for_inputs(missing)}
    return _start_once(daemon, request)


def ask_for_inputs(names: Iterable[str]) -> dict[str, str]:
    """Ask for the values of inputs; Failure when no more are given."""
    values = {}
    for name in names:
        value = ask(f"{harmless(name)} › ")
        if value is None:
            raise Failure(f"no value for {name}", code="invalid_input", cure="nothing was started")
        values[name] = value
    return values


def _start_once(daemon: Daemon, request: dict[str, Any]) -> str:
    """Make the request, again should the connection break before the answer comes.

    Its token sees to it that there is one run all the same.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            run: str = daemon.request("flow/run", request)["run"]
        except ConnectionLost:
            if not tries_left:
                raise
        else:
            return run
    raise AssertionError("the last try returns or raises")


def about_file(error: RemoteError, name: str) -> Failure:
    """Turn a refusal into a failure that says which file its problems are in."""
    failure = failure_of(error)
    failure.data["file"] = name
    return failure
