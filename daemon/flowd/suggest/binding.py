"""Values found in a task become the inputs of a recipe's workflow."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct

from flowd.domain.workflow import InputValue
from flowd.suggest.library import Form, KnownInput, Recipe
from flowd.suggest.slots import Slot, days_of, number_of, size_of


class Filled(Struct, frozen=True):
    """A workflow with its inputs; `used` of the task's values found a place in it."""

    workflow: dict[str, Any]
    used: int
    missing: list[str]


def fill(recipe: Recipe, found: Iterable[Slot], known: Mapping[str, KnownInput]) -> Filled:
    """Give the recipe's workflow with the task's values as defaults of its inputs."""
    free = list(found)
    total = len(free)
    declared: dict[str, Any] = {}
    for name in recipe.inputs:
        value = take_value(known[name], free)
        declared[name] = _declare(known[name], value)
    for name, given in recipe.workflow.get("inputs", {}).items():
        value = take_value(known[name], free) if name in known else None
        declared[name] = {**given, "default": value} if value is not None else given
    workflow = {**recipe.workflow, "description": recipe.title}
    if declared:
        workflow["inputs"] = declared
    missing = [name for name, given in declared.items() if "default" not in given]
    return Filled(workflow, total - len(free), missing)


def _declare(known: KnownInput, value: InputValue | None) -> dict[str, Any]:
    given: dict[str, Any] = {"description": known.description}
    if known.type != "string":
        given["type"] = known.type
    default = value if value is not None else known.default
    if default is not None:
        given["default"] = default
    return given


def take_value(known: KnownInput, free: list[Slot]) -> InputValue | None:
    """Find the value the input is for, and remove it from those that are free; None without one."""
    for wanted in known.from_:
        for slot in free:
            fits = slot.cue == wanted[1:] if wanted.startswith(":") else slot.kind == wanted
            if fits and slot.kind != "variable":
                value = _FORMS[known.as_](slot)
                if value is None:
                    continue
                free.remove(slot)
                return int(value) if known.type == "integer" else value
    return None


def _whole_number(slot: Slot) -> str | None:
    if slot.kind in ("number", "duration", "size", "text", "name"):
        digits = re.fullmatch(r"\d+", number_of(slot.value))
        return digits.group() if digits else None
    return None


def _glob(slot: Slot) -> str | None:
    if slot.kind == "extension":
        return f"*{slot.value}"
    if slot.kind == "name" and slot.cue in ("extension", "suffix"):
        return f"*.{slot.value}"
    return slot.value


def _extension(slot: Slot) -> str | None:
    return slot.value.rsplit(".", 1)[-1] if "." in slot.value else None


def _days(slot: Slot) -> str | None:
    if slot.kind != "duration":
        return _whole_number(slot)
    return str(max(1, round(days_of(slot.value))))


def _scaled(per_day: int) -> Callable[[Slot], str | None]:
    def scale(slot: Slot) -> str | None:
        if slot.kind != "duration":
            return _whole_number(slot)
        return str(max(1, round(days_of(slot.value) * per_day)))

    return scale


def _ago(slot: Slot) -> str | None:
    if slot.kind == "duration" and slot.value.lower() not in ("yesterday", "today"):
        return f"{slot.value} ago"
    return slot.value


_FORMS: dict[Form, Callable[[Slot], str | None]] = {
    "text": lambda slot: slot.value,
    "number": _whole_number,
    "days": _days,
    "minutes": _scaled(1440),
    "seconds": _scaled(86400),
    "size": lambda slot: size_of(slot.value) if slot.kind == "size" else None,
    "glob": _glob,
    "extension": _extension,
    "ago": _ago,
}
