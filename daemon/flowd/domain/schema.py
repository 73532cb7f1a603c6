"""The JSON Schema of the language, for editors: `python -m flowd.domain.schema --check|--write`.

It follows from the structs. It knows the shape only: what needs several places at once (cycles,
unknown ids, conditions) the daemon reports.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from flowd.domain.keys import KEYS
from flowd.domain.workflow import Duration, Workflow

FILE = Path(__file__).with_name("flow.schema.json")

_DURATION = msgspec.json.schema(Duration)
_DURATION_FOR_EDITORS: dict[str, Any] = {
    "description": _DURATION["description"],
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?(ms|s|m|h|d))+\s*$"},
    ],
}


def workflow_schema() -> dict[str, Any]:
    """Give the schema (draft 2020-12) as JSON-shaped data."""
    schema = msgspec.json.schema(Workflow)
    definitions = schema["$defs"]
    for struct, keys in KEYS.items():
        definition = definitions[struct.__name__]
        for key, text in keys.items():
            described = _let_scalars_be_text(definition["properties"][key])
            definition["properties"][key] = {**described, "description": text}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **definitions.pop("Workflow"),
        "title": "Flow workflow, language version 1",
        "$defs": dict(sorted(definitions.items())),
    }


def _let_scalars_be_text(schema: dict[str, Any]) -> dict[str, Any]:
    """Let unquoted numbers and truths stand where text is wanted, as reading a workflow does."""
    if schema.get("type") == "string" and "pattern" not in schema:
        return {**schema, "type": ["string", "number", "boolean"]}
    if schema == _DURATION:
        return _DURATION_FOR_EDITORS
    changed = dict(schema)
    if isinstance(schema.get("additionalProperties"), dict):
        changed["additionalProperties"] = _let_scalars_be_text(schema["additionalProperties"])
    if isinstance(schema.get("items"), dict):
        changed["items"] = _let_scalars_be_text(schema["items"])
    if "anyOf" in schema:
        changed["anyOf"] = [_let_scalars_be_text(option) for option in schema["anyOf"]]
    return changed


def schema_text() -> str:
    """Give the schema as the shipped file has it."""
    return json.dumps(workflow_schema(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the file, or tell by the exit code whether it is up to date."""
    if list(arguments) == ["--write"]:
        FILE.write_text(schema_text(), encoding="utf-8")
        return 0
    if list(arguments) == ["--check"]:
        current = FILE.read_text(encoding="utf-8") if FILE.exists() else ""
        if current == schema_text():
            return 0
        print(f"{FILE} is out of date: run python -m flowd.domain.schema --write", file=sys.stderr)
        return 1
    print("usage: python -m flowd.domain.schema --check|--write", file=sys.stderr)
    return 2


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
