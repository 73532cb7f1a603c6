"""Judge the shell text in files of any kind, and in what a diff adds to them."""

from __future__ import annotations

import os
import subprocess

from flowctl import exits
from flowctl.diffs import added_lines
from flowctl.errors import failure_of
from flowctl.exits import Failure, UsageError
from flowctl.text import harmless, plural
from flowproto.client import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from flowctl.connect import Daemon
    from flowctl.console import Console

FORMATS = ("text", "json", "sarif")
_STYLES = {"allow": "green", "confirm": "yellow", "block": "red"}
_AHEAD = 16
_NAMES = ("makefile", "gnumakefile", "dockerfile", "containerfile")


def is_scanned(name: str) -> bool:
    """Whether a file is looked at for its shell text, and not checked as a workflow."""
    path, base = f"/{name}", name.rpartition("/")[2]
    if base.endswith((".yml", ".yaml")):
        return any(part in path for part in ("/.github/", "/.gitlab", "/action.y"))
    if base == "package.json" or base.lower().startswith(_NAMES):
        return True
    if base.partition(".")[2]:
        return not base.endswith((".json", ".flow"))
    return name != "-" and _begins_with_shebang(name)


def _begins_with_shebang(name: str) -> bool:
    try:
        with open(name, "rb") as file:  # noqa: PTH123
            return file.read(2) == b"#!"
    except OSError:
        return False


def scan_file(daemon: Daemon, name: str) -> dict[str, Any]:
    """Have one file judged."""
    path = os.path.abspath(name)  # noqa: PTH100  # pathlib is slow to import
    answer: dict[str, Any] = daemon.request("flow/scan", {"path": path})
    return {**answer, "path": name}


def scan_command(daemon: Daemon, command: str) -> dict[str, Any]:
    """Have a command judged as if it were a file."""
    answer: dict[str, Any] = daemon.request("flow/scan", {"path": "command.sh", "text": command})
    return {**answer, "path": "command"}


def scan_diff(daemon: Daemon, text: str, top: str) -> list[dict[str, Any]]:
    """Have the lines judged that a diff adds to files in `top`, each where it stands in its file.

    Files without shell text are passed over, and so are those that are not there.
    """
    added = {
        name: lines
        for name, lines in added_lines(text).items()
        if os.path.isfile(os.path.join(top, name))  # noqa: PTH113, PTH118
    }

    def requests() -> Iterator[dict[str, Any]]:
        for name, lines in added.items():
            yield {"path": os.path.join(top, name), "lines": lines}  # noqa: PTH118

    found = []
    with daemon.connect() as connection:
        answers = connection.requests("flow/scan", requests(), ahead=_AHEAD)
        for name, answer in zip(added, answers, strict=True):
            if not isinstance(answer, RemoteError):
                found.append({**answer, "path": name})
            elif answer.name != "invalid_input":  # a file of a kind that nobody knows
                raise failure_of(answer)
    return found


def git_diff(revision: str) -> tuple[str, str]:
    """Give what was added since a revision, and the folder that names are seen from."""
    if revision.startswith("-"):
        raise UsageError(f"{revision!r} is no revision", cure="name one, such as HEAD or main")
    top = _git("rev-parse", "--show-toplevel").strip()
    return _git("-C", top, "diff", "--no-color", "--no-ext-diff", "-U0", revision, "--"), top


def _git(*words: str) -> str:
    try:
        ran = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"git: {error.strerror}", code="usage", cure="install git") from error
    if ran.returncode != 0:
        message = ran.stderr.strip() or f"git {words[0]} failed"
        raise Failure(message, code="not_found", cure="name a revision of this repository")
    return ran.stdout


def print_scans(scans: Sequence[dict[str, Any]], console: Console, form: str) -> int:
    """Print what was found in the wanted form; gives the exit code of the strictest verdict."""
    if form == "sarif":
        from flowctl.sarif import sarif

        console.print_json(sarif(scans))
    elif form == "json" or console.json:
        for answer in scans:
            console.print_json(answer)
    else:
        for answer in scans:
            for finding in answer["findings"]:
                _print_finding(answer["path"], finding, console)
        texts = plural(sum(answer["scripts"] for answer in scans), "script")
        found = plural(sum(len(answer["findings"]) for answer in scans), "finding")
        console.print(f"{plural(len(scans), 'file')}, {texts}, {found}")
    return max((exits.of_verdict(answer["verdict"]) for answer in scans), key=_weight, default=0)


def _weight(code: int) -> int:
    return (exits.DONE, exits.NEEDS_CONFIRMATION, exits.BLOCKED).index(code)


def _print_finding(path: str, finding: dict[str, Any], console: Console) -> None:
    where = f"{harmless(path)}:{finding['line']}:{finding['column']}"
    verdict = console.style(finding["verdict"], _STYLES[finding["verdict"]])
    of = f" ({harmless(finding['script'])})" if finding["script"] else ""
    console.print(f"{where}: {verdict}: {harmless(finding['message'])}{of} [{finding['rule']}]")
    if finding["safer"]:
        console.print(f"    safer: {harmless(finding['safer'])}")
