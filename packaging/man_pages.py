"""Manual pages, made of what the programs themselves know: nothing is written twice.

With a folder as its argument it writes `flowctl.1` and `flowd.1` there.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from flowctl import __version__, table
from flowctl import help as help_text
from flowctl.completion.words import every_command
from flowd.main import argument_parser

# Characters that roff reads as commands, or prints as other ones than a shell would understand.
_ROFF = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)


def write_man_pages(folder: Path) -> None:
    """Write both pages into a folder, which is made when it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flowctl.1").write_text(flowctl_page(), encoding="ascii")
    (folder / "flowd.1").write_text(flowd_page(argument_parser()), encoding="ascii")


def flowctl_page() -> str:
    """Give flowctl(1), made of the command table."""
    lines = [
        *_head("flowctl", "suggest, run, watch and undo shell workflows"),
        *_synopsis("flowctl [OPTIONS] COMMAND ..."),
        ".SH DESCRIPTION",
        _text(help_text.SUMMARY),
        ".SH COMMANDS",
    ]
    for name, command in every_command():
        lines += _command(tuple(name.split()), command)
    lines.append(".SH OPTIONS")
    lines.append(_text("Every command takes these."))
    for option in (*table.GLOBAL_OPTIONS, help_text.VERSION):
        lines += _item(help_text.spelled(option), help_text.described(option))
    lines.append(".SH EXIT STATUS")
    for code, meaning in help_text.EXIT_CODES.items():
        lines += _item(str(code), meaning)
    return _page([*lines, *_see_also("flowd")])


def flowd_page(parser: argparse.ArgumentParser) -> str:
    """Give flowd(1), made of its argument parser."""
    options = parser._actions  # argparse offers no public way to what a parser takes
    description = parser.description or ""
    lines = [
        *_head("flowd", "the Flow daemon"),
        *_synopsis(" ".join(["flowd", *(f"[{option.option_strings[-1]}]" for option in options)])),
        ".SH DESCRIPTION",
        _text(description),
        ".SH OPTIONS",
    ]
    for option in options:
        lines += _item(", ".join(option.option_strings), option.help or "")
    return _page([*lines, *_see_also("flowctl")])


def _command(path: tuple[str, ...], command: table.Command) -> list[str]:
    summary = f"{command.summary[0].upper()}{command.summary[1:]}."
    lines = [f".SS {' '.join(path)}", rf"\fB{_text(help_text.usage(path, command))}\fR"]
    lines += [".PP", _text(summary)]
    for paragraph in command.details.split("\n\n") if command.details else ():
        lines += [".PP", "\n.br\n".join(map(_text, paragraph.splitlines()))]
    for argument in command.arguments:
        name = help_text.spelled(argument) if argument.is_option else argument.value
        lines += _item(name, help_text.described(argument))
    return lines


def _head(program: str, purpose: str) -> list[str]:
    title = f'.TH {program.upper()} 1 "" "Flow {_text(__version__)}" "User Commands"'
    return [title, ".SH NAME", rf"{program} \- {_text(purpose)}"]


def _synopsis(usage: str) -> list[str]:
    return [".SH SYNOPSIS", rf"\fB{_text(usage)}\fR"]


def _item(name: str, text: str) -> list[str]:
    return [".TP", rf"\fB{_text(name)}\fR", _text(text)]


def _see_also(program: str) -> list[str]:
    return [".SH SEE ALSO", rf"\fB{program}\fR(1)"]


def _text(text: str) -> str:
    """Give text as roff, in plain ASCII, so that it is printed as it is."""
    escaped = text.translate(_ROFF)
    if escaped.startswith("."):  # at the start of a line it would be a request
        escaped = rf"\&{escaped}"
    return "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in escaped)


def _page(lines: Iterable[str]) -> str:
    return "\n".join([r".\" made by packaging/man_pages.py; do not edit", *lines, ""])


if __name__ == "__main__":
    write_man_pages(Path(sys.argv[1]))
