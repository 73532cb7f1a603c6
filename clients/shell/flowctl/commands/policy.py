"""`flowctl policy`: the rules that count here, and the yeses that last."""

from __future__ import annotations

import time

from flowctl import exits
from flowctl.connect import Daemon
from flowctl.exits import UsageError
from flowctl.sources import folder
from flowctl.text import age, clip, duration, harmless, plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from flowctl.arguments import Arguments
    from flowctl.console import Console

_WHOSE = {
    "administrator": "the administrator's",
    "user": "your own",
    "project": "the project's",
}


def show(arguments: Arguments, console: Console) -> int:
    """Print every policy file that counts in this folder, rule by rule."""
    answer = Daemon(arguments, console).request("flow/policy/show", {"cwd": folder("")})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["files"]:
        console.print("there are no policy files; looked for:")
        for path in answer["looked_for"]:
            console.print(f"  {harmless(path)}")
    for file in answer["files"]:
        for line in _file_lines(file, console):
            console.print(line)
    if boundaries := answer.get("boundaries"):
        console.print(f"boundaries: {harmless(boundaries)}")
    console.print(console.style("built in", "bold"))
    for family in answer["built_in"]:
        shown = f"  {family['name']:<11} {' '.join(family['programs'])}"
        console.print(clip(harmless(shown), console.columns))
    return exits.DONE


def _file_lines(file: dict[str, Any], console: Console) -> Iterator[str]:
    from flowctl.preview import verdict_word

    yield f"{console.style(harmless(file['path']), 'bold')}  {_WHOSE.get(file['kind'], '')}"
    if not file["trusted"]:
        yield "  not read: this folder is not trusted (flowctl trust)"
    if file["problem"]:
        yield console.style(f"  {harmless(file['problem'])}", "red")
        yield "  until it is mended, whatever changes something is asked about"
    for rule in file["rules"]:
        held = "" if rule["holds"] else console.style("  (not now)", "dim")
        place = console.style(f"line {rule['line']:<4}", "dim")
        yield f"  {place} {verdict_word(rule['verdict'], console)}  {harmless(rule['rule'])}{held}"
    for name in ("writable", "readable"):
        if file[name] is not None:
            yield f"  {name}: {harmless(', '.join(file[name])) or 'nothing'}"
    for name in ("network", "privilege"):
        if not file[name]:
            yield f"  {name}: none"


def test(arguments: Arguments, console: Console) -> int:
    """Try the examples of the rules; exit code 1 when one fails or a file cannot be read."""
    params: dict[str, Any] = {"cwd": folder("")}
    if arguments.given("file"):
        params |= _text_of(arguments.text("file"))
    answer = Daemon(arguments, console).request("flow/policy/test", params)
    code = exits.RUN_FAILED if answer["failed"] or answer["problems"] else exits.DONE
    if console.json:
        console.print_json(answer)
        return code
    for problem in answer["problems"]:
        console.print(console.style(harmless(problem), "red"))
    for row in answer["examples"]:
        if not row["passed"]:
            console.print(console.style(harmless(f"{row['path']}:{row['line']}"), "bold"))
            console.print(f"  {harmless(row['why'])}")
    tried = plural(len(answer["examples"]), "example")
    files = plural(answer["files"], "file")
    console.print(f"{tried} of {files} tried, {answer['failed']} failed")
    return code


def _text_of(name: str) -> dict[str, Any]:
    import os

    try:
        with open(name, encoding="utf-8") as file:  # noqa: PTH123  # pathlib is slow to import
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name} cannot be read: {error}", cure="give a policy file") from error
    path = os.path.abspath(name)  # noqa: PTH100
    kind = "project" if path.endswith("/.flow/policy.yaml") else "user"
    return {"text": text, "path": path, "kind": kind}


def explain(arguments: Arguments, console: Console) -> int:
    """Print how a command was understood, what was found, and what decided."""
    params = {"command": arguments.text("command"), "cwd": folder("")}
    answer = Daemon(arguments, console).request("flow/policy/explain", params)
    code = exits.of_verdict(answer["verdict"])
    if console.json:
        console.print_json(answer)
        return code
    from flowctl.preview import verdict_word

    console.print("runs:")
    for call in answer["calls"]:
        indent = "  " * (call["depth"] + 1)
        console.print(clip(f"{indent}{harmless(call['command'])}", console.columns))
    if answer["findings"]:
        console.print("found:")
    for found in answer["findings"]:
        for line in _finding_lines(found, params["command"], console):
            console.print(f"  {line}")
    for lifted in answer["lifted"]:
        found = lifted["finding"]
        rule = f"`{harmless(lifted['rule'])}` ({harmless(lifted['source'])})"
        console.print(f"  {found['rule']} would ask, but you allow {rule}")
    console.print(f"{verdict_word(answer['verdict'], console)}: {harmless(answer['decided'])}")
    return code


def _finding_lines(found: dict[str, Any], command: str, console: Console) -> Iterator[str]:
    from flowctl.preview import verdict_word

    start, end = found["span"]
    source = f"  {harmless(found['source'])}" if found["source"] else "  built in"
    what = console.style(found["rule"], "bold")
    yield f"{verdict_word(found['verdict'], console)}  {what}{console.style(source, 'dim')}"
    yield f"  at {start}-{end}: {harmless(clip(' '.join(command[start:end].split()), 80))}"
    yield f"  {harmless(found['message'])}"
    if found["safer"]:
        yield f"  safer: {harmless(found['safer'])}"


def approvals(arguments: Arguments, console: Console) -> int:
    """Print the yeses that hold beyond their run."""
    answer = Daemon(arguments, console).request("flow/approvals", {})
    if console.json:
        console.print_json(answer)
        return exits.DONE
    if not answer["approvals"]:
        console.say("nothing is approved beyond its run", "dim")
        return exits.DONE
    titles = ("ID", "WHERE", "ENDS", "USED", "RULES", "SCRIPT")
    rows = [[console.style(title, "dim") for title in titles]]
    now = time.time() * 1000
    rows += [_approval_cells(row, now) for row in answer["approvals"]]
    console.table(rows, elastic=5)
    return exits.DONE


def _approval_cells(row: dict[str, Any], now: float) -> list[str]:
    ends = "never"
    if row["expires_at"] is not None:
        ends = "ended" if row["expired"] else f"in {duration(row['expires_at'] - now)}"
    used = str(row["uses"])
    if row["last_used_at"] is not None:
        used += f" (last {age(now - row['last_used_at'])})"
    return [
        str(row["approval"]),
        harmless(row["project"]) or "everywhere",
        ends,
        used,
        harmless(", ".join(dict.fromkeys(rule.partition(" ")[0] for rule in row["rules"]))),
        harmless(" ".join(row["script"].split())),
    ]


def revoke(arguments: Arguments, console: Console) -> int:
    """Take a lasting yes back."""
    params = {"approval": arguments.number("approval", 0)}
    answer = Daemon(arguments, console).request("flow/approvals/revoke", params)
    if console.json:
        console.print_json(answer)
    else:
        console.print(f"{harmless(' '.join(answer['script'].split()))}: asked about again")
    return exits.DONE
