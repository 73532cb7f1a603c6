"""What is shown on a terminal while models are still writing."""

from __future__ import annotations

import sys
from contextlib import contextmanager

from flowctl.terminal import Block
from flowctl.text import clip, harmless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from flowctl.console import Console

    Progress = Callable[[dict[str, Any]], None]

_MOST_SUGGESTIONS = 5
_MOST_SCRIPTS = 6


@contextmanager
def shown_while_waiting(console: Console) -> Iterator[Progress | None]:
    """Give what draws the progress of `flow/suggest`; all of it is gone at the end.

    None where nobody looks: then the daemon need not tell any.
    """
    if not console.terminal:
        yield None
        return
    block = Block(_write, console.size)
    try:
        yield lambda value: block.draw(lines_of(value, console))
    finally:
        block.clear()
        sys.stdout.flush()


def lines_of(value: dict[str, Any], console: Console) -> list[str]:
    """Put into lines what is there, and below it what is being written."""
    columns = console.columns
    lines = [
        clip(f"{harmless(row['title'])}  {harmless(row['provider'])}", columns - 1)
        for row in value["suggestions"][:_MOST_SUGGESTIONS]
    ]
    for row in value.get("writing", ()):
        title = harmless(row["title"]) or "…"
        lines.append(clip(f"{harmless(row['provider'])} writes: {title}", columns - 1))
        scripts = (harmless(" ".join(script.split())) for script in row["scripts"])
        lines += [clip(f"  {script}", columns - 1) for script in list(scripts)[-_MOST_SCRIPTS:]]
    room = console.size()[1] - 2
    return [console.style(line, "dim") for line in lines[:room]]


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
