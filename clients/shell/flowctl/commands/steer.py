"""`flowctl cancel | resume | retry | undo | answer`: change what a run does next."""

from __future__ import annotations

from functools import partial

from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.secrets import with_secrets

MOST_NAMED = 8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console


def cancel(arguments: Arguments, console: Console) -> int:
    """Cancel a run and wait until it is."""
    return _steer("flow/cancel", "cancelled", arguments, console)


def resume(arguments: Arguments, console: Console) -> int:
    """Go on with a parked run and watch it."""
    return _steer("flow/resume", "succeeded", arguments, console)


def retry(arguments: Arguments, console: Console) -> int:
    """Go on from the failed step and watch."""
    return _steer("flow/retry", "succeeded", arguments, console)


def undo(arguments: Arguments, console: Console) -> int:
    """Undo a finished run and watch; say what stays as it is."""
    code = _steer("flow/undo", "compensated", arguments, console)
    if not (console.json or arguments.flag("detach")):
        _print_what_stays(Daemon(arguments, console), arguments.text("run"), console)
    return code


def _print_what_stays(daemon: Daemon, run: str, console: Console) -> None:
    """Name the steps that were done and could not be undone."""
    shown = daemon.request("flow/show", {"run": run})
    names = [step["id"] for step in shown["steps"] if step["state"] == "succeeded"]
    if names and shown["state"].startswith("compensat"):
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        stays = "stays" if len(names) == 1 else "stay"
        console.print(
            f"{', '.join(names[:MOST_NAMED])}{more} {stays} done: no undo, and nothing saved"
        )


def answer(arguments: Arguments, console: Console) -> int:
    """Answer a question; the run goes on by itself."""
    names = ("run", "step", "answer")
    params: dict[str, object] = {name: arguments.text(name) for name in names}
    params |= _lasting(arguments)
    result = Daemon(arguments, console).request("flow/answer", params)
    _print_state(result, console)
    return 0


def _lasting(arguments: Arguments) -> dict[str, object]:
    """For how long the answer shall hold, as `flow/answer` takes it."""
    given = [
        keep
        for flag, keep in (("for-run", "run"), ("for-project", "project"), ("always", "always"))
        if arguments.flag(flag)
    ]
    if len(given) > 1:
        raise UsageError("give one of --for-run, --for-project, --always")
    expires = arguments.text("expires")
    if not expires:
        return {"keep": given[0]} if given else {}
    if not given:
        raise UsageError("--expires goes with --for-run, --for-project or --always")
    number, unit = expires[:-1], expires[-1]
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86_400}.get(unit, 0)
    if not (number.isascii() and number.isdigit() and len(number) < 9 and seconds):
        raise UsageError(f"--expires is {expires!r}", cure="write a time such as 30m, 8h or 7d")
    return {"keep": given[0], "expires_s": int(number) * seconds}


def _steer(method: str, wanted: str, arguments: Arguments, console: Console) -> int:
    """Ask for something and watch until the run is finished; exit code 0 when it ends as wanted."""
    daemon = Daemon(arguments, console)
    before = daemon.request("flow/show", {"run": arguments.text("run")})
    result = with_secrets(partial(daemon.request, method), {"run": before["id"]})
    if arguments.flag("detach"):
        _print_state(result, console)
        return 0
    from flowctl.watch import counted_interrupts, watch

    with counted_interrupts() as interrupts:
        watched = watch(
            daemon,
            console,
            before["id"],
            interrupts,
            told=before["position"],
            silent=console.json,
        )
    if console.json:
        _print_state({"run": watched.run, "state": watched.state}, console)
    return 0 if watched.state == wanted else watched.code


def _print_state(result: dict[str, str], console: Console) -> None:
    if console.json:
        console.print_json(result)
    else:
        console.print(f"run {result['run']} {result['state'].replace('_', ' ')}")
