"""Makes `schema.json` and the tables of `PROTOCOL.md` from the structs.

python -m flowproto.schema            write both
python -m flowproto.schema --check    exit 1 when they are not up to date
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from flowproto.codes import ERRORS
from flowproto.daemon import InitializeParams
from flowproto.events import Detached, WireEvent
from flowproto.methods import DETACHED, EVENT, METHODS, PROGRESS
from flowproto.suggest import SuggestProgressParams

SCHEMA_FILE = Path(__file__).with_name("schema.json")
PROSE_FILE = Path(__file__).parents[1] / "PROTOCOL.md"

_REFERENCE = "#/$defs/{name}"
_MARKED = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

Schema = dict[str, Any]


def make_schema() -> Schema:
    """Describe every message as one JSON Schema document: methods, notifications, errors, types."""
    events = WireEvent.__args__
    structs = [m.params for m in METHODS] + [m.result for m in METHODS]
    structs += [Detached, SuggestProgressParams, InitializeParams]
    _, definitions = msgspec.json.schema_components(
        [*structs, *events],
        ref_template=_REFERENCE,
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The messages of Flow",
        "methods": {
            m.name: {
                "description": m.summary,
                "params": _reference(m.params),
                "result": _reference(m.result),
            }
            for m in METHODS
        },
        "notifications": {
            EVENT: {"params": {"oneOf": [_reference(event) for event in events]}},
            DETACHED: {"params": _reference(Detached)},
            PROGRESS: {"params": _reference(SuggestProgressParams)},
        },
        "errors": [
            {"code": code, "name": kind.name, "description": kind.meaning}
            for code, kind in ERRORS.items()
        ],
        "$defs": definitions,
    }


def _reference(struct: type) -> Schema:
    return {"$ref": _REFERENCE.format(name=struct.__name__)}


# ---------------------------------------------------------------------------------------- tables


def make_tables(schema: Schema) -> dict[str, str]:
    """Write the tables of the prose, by the name their markers carry."""
    return {
        "methods": _methods_table(schema),
        "events": _events_table(schema),
        "types": _types_table(schema),
        "errors": _errors_table(schema),
    }


def _methods_table(schema: Schema) -> str:
    rows = [
        (f"`{name}`", _link(row["params"]), _link(row["result"]), row["description"])
        for name, row in schema["methods"].items()
    ]
    return _table(("method", "params", "result", "does"), rows)


def _events_table(schema: Schema) -> str:
    rows = []
    for one in schema["notifications"][EVENT]["params"]["oneOf"]:
        event = _resolve(schema, one)
        fields = [f for f in event["properties"] if f not in ("type", "position", "run", "at")]
        kind = event["properties"]["type"]["enum"][0]
        shown = ", ".join(f"`{name}`" for name in fields)
        rows.append((f"`{kind}`", shown, _one_line(event["description"])))
    return _table(("type", "fields", "means"), rows)


def _errors_table(schema: Schema) -> str:
    rows = [(str(e["code"]), f"`{e['name']}`", e["description"]) for e in schema["errors"]]
    return _table(("code", "`data.code`", "means"), rows)


def _types_table(schema: Schema) -> str:
    event_names = {_name(one) for one in schema["notifications"][EVENT]["params"]["oneOf"]}
    parts = []
    for name, definition in sorted(schema["$defs"].items()):
        if name in event_names:
            continue
        required = definition.get("required", ())
        rows = [
            (f"`{field}`", _type_text(shape), "yes" if field in required else _default_text(shape))
            for field, shape in definition["properties"].items()
        ]
        parts.append(f"### {name}\n\n{_one_line(definition['description'])}\n")
        if rows:
            parts.append(_table(("field", "type", "required, or default"), rows))
    return "\n".join(parts)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def _type_text(shape: Schema) -> str:
    if "$ref" in shape:
        return _link(shape)
    if "anyOf" in shape:
        return " or ".join(_type_text(one) for one in shape["anyOf"])
    if "enum" in shape:
        return ", ".join(f"`{json.dumps(value)}`" for value in shape["enum"])
    if "prefixItems" in shape:
        return f"[{', '.join(_type_text(one) for one in shape['prefixItems'])}]"
    if shape.get("type") == "array":
        return f"list of {_type_text(shape.get('items', {}))}"
    values = shape.get("additionalProperties")
    if shape.get("type") == "object" and isinstance(values, dict) and values:
        return f"object of {_type_text(values)}"
    return str(shape.get("type", "anything"))


def _default_text(shape: Schema) -> str:
    return f"`{json.dumps(shape.get('default'))}`"


def _resolve(schema: Schema, reference: Schema) -> Schema:
    found: Schema = schema["$defs"][_name(reference)]
    return found


def _name(reference: Schema) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _link(reference: Schema) -> str:
    name = _name(reference)
    return f"[{name}](#{name.lower()})"


def _one_line(text: str) -> str:
    return " ".join(text.split())


# ----------------------------------------------------------------------------------------- files


def outdated() -> dict[Path, str]:
    """Give the files that do not say what the structs say, with what they should hold."""
    schema = make_schema()
    tables = make_tables(schema)

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}\n{tables[found[2]]}\n{found[3]}"

    prose = PROSE_FILE.read_text(encoding="utf-8")
    wanted = {
        SCHEMA_FILE: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
        PROSE_FILE: _MARKED.sub(fill, prose),
    }
    return {path: text for path, text in wanted.items() if _text_of(path) != text}


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def main(arguments: list[str]) -> int:
    """Write the files, or only check them; give the exit status."""
    stale = outdated()
    if arguments == ["--check"]:
        for path in stale:
            print(f"{path.name} is not up to date: run python -m flowproto.schema")
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
