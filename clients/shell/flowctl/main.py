"""Entry point of `flowctl`: understand the words, import the one command that is meant, run it.

Kept free of imports that a quick command does not need; `python -X importtime` shows what each
costs.
"""

from __future__ import annotations

import sys

from flowctl import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from flowctl.arguments import Call
    from flowctl.console import Console
    from flowctl.exits import Failure


def main(words: Sequence[str] | None = None) -> int:
    """Run one command line and give its exit code."""
    words = sys.argv[1:] if words is None else words
    if None in (sys.stdin, sys.stdout, sys.stderr):
        _open_what_is_closed()
    if list(words) in (["--version"], ["-V"]):
        print(f"flowctl {__version__}")
        return 0
    try:
        return _run(words)
    except BrokenPipeError:
        return _reader_went_away()
    except OSError as error:
        if error.filename is not None:  # of a file of ours, so it is no trouble with the output
            raise
        return _output_refused(error)


def _run(words: Sequence[str]) -> int:
    from flowctl.arguments import Arguments, parse
    from flowctl.console import Console
    from flowctl.exits import CANCELLED, USAGE, Failure

    try:
        call = parse(words)
    except Failure as failure:
        wants_json = "--json" in words
        return _report(failure, Console.of(Arguments({"json": wants_json})))
    console = Console.of(call.arguments)
    if call.command is None or call.arguments.flag("help"):
        from flowctl import help as help_text

        page = (
            help_text.of_command(call.path, call.command) if call.command else help_text.overview()
        )
        console.print(page)
        return 0 if call.arguments.flag("help") else USAGE
    try:
        code = _dispatch(call, console)
        sys.stdout.flush()
    except Failure as failure:
        return _report(failure, console)
    except KeyboardInterrupt:
        console.say("")
        return CANCELLED
    return code


def _dispatch(call: Call, console: Console) -> int:
    """Import the command's module and run it; errors of the protocol become failures."""
    from importlib import import_module

    from flowproto.client import ClientError

    assert call.command is not None
    module = import_module(f"flowctl.commands.{call.command.module}")
    try:
        code: int = getattr(module, call.command.function)(call.arguments, console)
    except ClientError as error:
        from flowctl.errors import failure_of

        raise failure_of(error) from error
    return code


def _report(failure: Failure, console: Console) -> int:
    from flowctl.errors import report

    return report(failure, console)


def _reader_went_away() -> int:
    """End quietly when whoever read our output stopped, as in `flowctl logs RUN | head`."""
    _discard_output()
    return 141  # what shells say of a program that SIGPIPE ended


def _output_refused(error: OSError) -> int:
    """Say that results could not be written, to a full disk say. What was started goes on."""
    _discard_output()
    sys.stderr.write(f"flowctl: the output cannot be written: {error.strerror}\n")
    return 74  # EX_IOERR of sysexits.h: none of the codes that tell of a run or a request


def _discard_output() -> None:
    """Have Python's own last flush of standard output succeed."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_what_is_closed() -> None:
    """Give closed standard streams (`flowctl ps >&-`) an empty one, before a socket takes over.

    The lowest free descriptor is the closed stream's own, so the order matters.
    """
    import os

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


if __name__ == "__main__":
    sys.exit(main())
