"""Which part of the language stands where in a file."""

from flowd.domain.workflow import Defaults, Goto, Input, Limits, Retry, Step, Undo, Workflow

Path = tuple[str | int, ...]

_PARTS: dict[str | int, type] = {
    "retry": Retry,
    "limits": Limits,
    "undo": Undo,
    "defaults": Defaults,
    "on_error": Goto,
}


def part_of(path: Path) -> type | None:
    """Tell which part of the language the map at `path` is; None for one with free keys."""
    if not path:
        return Workflow
    if path[0] == "inputs":
        return Input if len(path) == 2 else None
    if path[0] == "steps" and len(path) == 2:
        return Step
    return _PARTS.get(path[-1])
