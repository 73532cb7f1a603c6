"""`flowctl db`: look after the daemon's database. Nothing here stops a run."""

from __future__ import annotations

import os

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.text import duration, harmless, plural, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def check(arguments: Arguments, console: Console) -> int:
    """Print what is wrong and what to do about it; exit code 1 when something is."""
    found = _ask(arguments, console, "flow/db/check", {"mend": arguments.flag("mend")})
    code = exits.RUN_FAILED if found["damage"] else exits.DONE
    if console.json:
        console.print_json(found)
        return code
    for damage in found["damage"]:
        what = console.style(harmless(damage["what"]), "red")
        console.print(f"{what}: {harmless(damage['problem'])}")
        console.print(f"  to mend it: {harmless(damage['cure'])}")
    if found["mended"]:
        console.print(f"{plural(found['mended'], 'summary')} made anew")
    verdict = "nothing is wrong" if not found["damage"] else plural(len(found["damage"]), "problem")
    console.print(
        f"{plural(found['runs'], 'run')}, {plural(found['events'], 'event')} looked at in "
        f"{duration(found['elapsed_ms'])}: {verdict}"
    )
    return code


def backup(arguments: Arguments, console: Console) -> int:
    """Copy the database and say where to."""
    path = os.path.abspath(os.path.expanduser(arguments.text("path")))  # noqa: PTH100, PTH111
    made = _ask(arguments, console, "flow/db/backup", {"path": path})
    if console.json:
        console.print_json(made)
    else:
        console.print(f"{harmless(made['path'])}: {size(made['bytes'])}")
    return exits.DONE


def vacuum(arguments: Arguments, console: Console) -> int:
    """Tidy up and say what it gave."""
    done = _ask(arguments, console, "flow/db/vacuum", {})
    if console.json:
        console.print_json(done)
        return exits.DONE
    rows = [
        [name, size(done[f"{key}_bytes_before"]), "→", size(done[f"{key}_bytes_after"])]
        for name, key in (("database", "database"), ("log", "wal"))
    ]
    console.table(rows)
    if done["removed_runs"] or done["removed_outputs"]:
        console.print(
            f"{plural(done['removed_runs'], 'run')} and "
            f"{plural(done['removed_outputs'], 'long output')} removed, as [retention] says"
        )
    if done["sealed_runs"]:
        console.print(f"{plural(done['sealed_runs'], 'run')} packed")
    return exits.DONE


def _ask(
    arguments: Arguments, console: Console, method: str, params: dict[str, Any]
) -> dict[str, Any]:
    """Ask and wait however long it takes; Ctrl-C has the daemon stop, too."""
    daemon = Daemon(arguments, console)
    with daemon.connect(timeout=None) as connection:
        try:
            answer: dict[str, Any] = connection.request(method, params)
            return answer
        finally:
            daemon.mention_skew(connection)
