"""`flowctl lsp`: become `flowd --stdio`, which joins the running daemon."""

from __future__ import annotations

import os

from flowproto.starting import find_flowd

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flowctl.arguments import Arguments
    from flowctl.console import Console


def run(arguments: Arguments, console: Console) -> int:
    """Replace this process; does not return."""
    program = find_flowd()
    os.execv(program, [program, "--stdio"])  # noqa: S606  # a program, no shell
