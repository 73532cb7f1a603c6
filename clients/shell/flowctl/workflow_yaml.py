"""A workflow as YAML text that a person can edit. Writing only: the daemon does the reading.

Scripts become literal blocks, short texts stay bare where YAML cannot misread them, and everything
else is quoted. Reading the text back with any YAML 1.1 or 1.2 parser gives the same values.
"""

from __future__ import annotations

import json
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_WORKFLOW_KEYS = ("flow", "name", "description", "inputs", "env", "cwd", "defaults", "steps")
_STEP_KEYS = (
    *("id", "name", "needs", "if", "for_each", "as", "parallel", "confirm"),
    *("run", "undo", "check", "on_interrupt"),
)

_BARE = re.compile(r"[A-Za-z_./$][^\x00-\x1f\x7f-\U0010ffff]*")
_BARE_IN_LIST = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_DURATION = re.compile(r"(?:\d+(?:ms|s|m|h|d))+")
_MISREAD = frozenset(
    ("y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan", "...", "~")
)
_BLOCK = re.compile(
    r"(?!\s)[\x09\x0a\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*"
)
_ESCAPED = re.compile(r"[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def to_yaml(workflow: Mapping[str, Any]) -> str:
    """Give the text of a `*.flow.yaml` file that says what `workflow` (plain JSON data) says."""
    lines: list[str] = []
    for key, value in _ordered(workflow, _WORKFLOW_KEYS):
        if key == "steps" and isinstance(value, list) and value:
            lines.append("steps:")
            for step in value:
                lines += _item(_sorted_step(step), "  ")
        else:
            lines += _entry(key, value, "")
    return "\n".join(lines) + "\n"


def _sorted_step(step: Any) -> Any:
    return dict(_ordered(step, _STEP_KEYS)) if isinstance(step, dict) else step


def _ordered(value: Mapping[str, Any], first: Iterable[str]) -> list[tuple[str, Any]]:
    leading = [key for key in first if key in value]
    return [(key, value[key]) for key in (*leading, *(key for key in value if key not in leading))]


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """Give `key: value`, on as many lines as the value needs."""
    name = f"{indent}{_scalar(key)}:"
    if isinstance(value, dict) and value:
        lines = [name]
        for inner, inner_value in value.items():
            lines += _entry(str(inner), inner_value, indent + "  ")
        return lines
    if isinstance(value, list) and value and not _fits_one_line(value):
        lines = [name]
        for item in value:
            lines += _item(item, indent + "  ")
        return lines
    if isinstance(value, str) and "\n" in value and _BLOCK.fullmatch(value):
        return [f"{name} |{_chomping(value)}", *_block_lines(value, indent + "  ")]
    return [f"{name} {_scalar(value)}"]


def _item(value: Any, indent: str) -> list[str]:
    """Give `- value` of a list."""
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for key, inner in value.items():
            lines += _entry(str(key), inner, indent + "  ")
        lines[0] = f"{indent}- {lines[0].lstrip(' ')}"
        return lines
    if isinstance(value, list) and value and not _fits_one_line(value):
        return [f"{indent}- {json.dumps(value)}"]
    return [f"{indent}- {_scalar(value)}"]


def _fits_one_line(items: list[Any]) -> bool:
    return all(isinstance(item, str) and _BARE_IN_LIST.fullmatch(item) for item in items)


def _chomping(text: str) -> str:
    """Say what becomes of the newlines at the end: `-` none, `` one, `+` all of them."""
    if not text.endswith("\n"):
        return "-"
    return "+" if text.endswith("\n\n") else ""


def _block_lines(text: str, indent: str) -> list[str]:
    body = text.removesuffix("\n")
    return [indent + line if line else "" for line in body.split("\n")]


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return _number(value) if isinstance(value, float) else json.dumps(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, dict):
        return "{}"
    text = str(value)
    return text if _DURATION.fullmatch(text) or _is_bare(text) else _quoted(text)


def _number(value: float) -> str:
    """Spell a float so that YAML 1.1 too takes it for one: it wants a point before an exponent."""
    text = json.dumps(value)
    special = {"Infinity": ".inf", "-Infinity": "-.inf", "NaN": ".nan"}
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return special.get(text, text)


def _is_bare(text: str) -> bool:
    return bool(
        _BARE.fullmatch(text)
        and text.lower() not in _MISREAD
        and not text.endswith((" ", ":"))
        and ": " not in text
        and " #" not in text
        and not text.startswith((". ", "..."))
        and not _looks_like_number(text)
    )


def _looks_like_number(text: str) -> bool:
    return text[0] == "." and text[1:2].isdigit()


def _quoted(text: str) -> str:
    """Give a double-quoted string: JSON's, with what YAML does not take as it is escaped."""
    return _ESCAPED.sub(
        lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False)
    )
