"""PROTOCOL.md as a stranger reads it: its tables, and whether a value is what they say."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PROTOCOL = Path(__file__).parents[2] / "protocol" / "PROTOCOL.md"
_PLAIN: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "object": dict,
    "anything": object,
}
ALWAYS_IN_EVENTS = {"type": str, "position": int, "run": str, "at": int}


@cache
def _text() -> str:
    return PROTOCOL.read_text(encoding="utf-8")


def _rows(section: str) -> Iterator[list[str]]:
    """The rows of the first table in a part of the text, without the head."""
    table = section[section.index("| --- |") :].split("\n\n")[0].splitlines()[1:]
    for row in table:
        yield [cell.strip() for cell in row.strip("| ").split(" | ")]


def _generated(name: str) -> str:
    return _text().split(f"<!-- generated: {name} -->")[1].split("<!-- end -->")[0]


def methods() -> dict[str, str]:
    """Every method of ours with the name of its result's type."""
    return {
        row[0].strip("`"): re.sub(r"\[(\w+)\].*", r"\1", row[2])
        for row in _rows(_generated("methods"))
    }


def events() -> dict[str, set[str]]:
    """Every type of event with the fields it has besides those of all events."""
    return {
        row[0].strip("`"): set(re.findall(r"\w+", row[1])) for row in _rows(_generated("events"))
    }


def errors() -> dict[int, str]:
    """The error codes with their stable names."""
    return {int(row[0]): row[1].strip("`") for row in _rows(_generated("errors"))}


def _fields(type_name: str) -> dict[str, tuple[str, bool]]:
    """Each field of a type: what it may be, and whether it must be there."""
    section = _generated("types").split(f"### {type_name}\n")[1].split("\n### ")[0]
    if "| --- |" not in section:
        return {}
    return {row[0].strip("`"): (row[1], row[2] == "yes") for row in _rows(section)}


def conforms(value: Any, type_name: str, where: str = "") -> None:
    """Insist that a value is of a type of PROTOCOL.md, with no field the document does not know."""
    where = where or type_name
    assert isinstance(value, dict), f"{where} is {value!r}"
    fields = _fields(type_name)
    assert set(value) <= set(fields), f"{where} has {set(value) - set(fields)}, which nobody wrote"
    for name, (wanted, required) in fields.items():
        assert name in value or not required, f"{where}.{name} is missing"
        if name in value:
            assert _is(value[name], wanted, f"{where}.{name}"), (where, name, value[name], wanted)


def is_event(event: dict[str, Any]) -> None:
    """Insist that an event is one of the table, with its fields and no others."""
    for name, kind in ALWAYS_IN_EVENTS.items():
        assert isinstance(event.get(name), kind), (name, event)
    assert set(event) - set(ALWAYS_IN_EVENTS) == events()[event["type"]], event


def _is(value: Any, wanted: str, where: str) -> bool:
    """Whether a value is what a cell of the tables says."""
    alternatives = wanted.split(" or ")
    if len(alternatives) > 1:
        return any(_is(value, one, where) for one in alternatives)
    if wanted == "null":
        return value is None
    if wanted.startswith("`"):
        return value in [word.strip('`"') for word in wanted.split(", ")]
    if wanted.startswith("list of "):
        return isinstance(value, list) and all(
            _is(item, wanted[len("list of ") :], f"{where}[{index}]")
            for index, item in enumerate(value)
        )
    if wanted.startswith("object of "):
        return isinstance(value, dict) and all(
            _is(item, wanted[len("object of ") :], f"{where}.{name}")
            for name, item in value.items()
        )
    if wanted == "[integer, integer]":
        return isinstance(value, list) and [type(item) for item in value] == [int, int]
    if (link := re.fullmatch(r"\[(\w+)\]\(#\w+\)", wanted)) is not None:
        conforms(value, link.group(1), where)
        return True
    plain = _PLAIN[wanted]
    return isinstance(value, plain) and (plain is not int or not isinstance(value, bool))
