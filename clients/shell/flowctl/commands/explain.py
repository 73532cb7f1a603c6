"""`flowctl explain`: what a command or a workflow does, part by part."""

from __future__ import annotations

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.sources import folder, is_file_name, workflow_params

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Print what every part means; 0 whatever the verdict, since nothing was to be decided."""
    daemon = Daemon(arguments, console)
    answer = daemon.request("flow/explain", {**_source(arguments), "cwd": folder("")})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    from flowctl.explaining import explanation_lines

    console.print("\n".join(explanation_lines(answer, console)))
    return exits.DONE


def _source(arguments: Arguments) -> dict[str, Any]:
    """Files are named by one word with their ending; what else is written is a command."""
    if arguments.given("what") == arguments.given("suggestion"):
        raise UsageError(
            "explain takes a command, a file or --suggestion SUGGESTION",
            cure="flowctl explain 'tar -xzf a.tgz -C d'",
        )
    if arguments.given("suggestion"):
        return {"suggestion": arguments.text("suggestion")}
    what = arguments.text("what")
    if what == "-" or (" " not in what and what.endswith((".yaml", ".yml"))):
        return workflow_params(what)
    if " " not in what and what.endswith(".sh") and is_file_name(what) and "/" not in what:
        return {"command": _script(what)}
    return {"command": what}


def _script(name: str) -> str:
    try:
        with open(name, encoding="utf-8") as file:  # noqa: PTH123  # pathlib is slow to import
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}", cure="give a shell script") from error
