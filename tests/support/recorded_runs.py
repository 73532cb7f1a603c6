"""Runs as their recorded events, and a console of any size to show them on."""

import json
from pathlib import Path

from flowctl.console import Console
from flowctl.runview import RunView
from flowproto.events import WireEvent, decode_event

GOLDEN = Path(__file__).parent.parent / "golden" / "cli"


class FixedConsole(Console):
    """A terminal of a given size."""

    def __init__(self, columns: int, rows: int, *, colour: bool = False, unicode: bool = True):
        super().__init__()
        self.terminal = True
        self.colour = colour
        self.unicode = unicode
        self.given = (columns, rows)

    def size(self) -> tuple[int, int]:
        """The given size."""
        return self.given


def recorded(name: str) -> list[WireEvent]:
    """Read `tests/golden/cli/NAME.events.jsonl`."""
    lines = (GOLDEN / f"{name}.events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [decode_event(json.loads(line)) for line in lines]
    return [event for event in events if event is not None]


def folded(events: list[WireEvent]) -> RunView:
    """Fold events into what a client sees."""
    view = RunView(events[0].run)
    for event in events:
        view.apply(event)
    return view
