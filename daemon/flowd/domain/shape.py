"""From nodes to the structs of the language, collecting every mistake on the way.

Driven by the struct types themselves (`msgspec.inspect`), so the language is written down once. A
piece that is wrong is reported and replaced by its default, so that the rest is still checked; the
result is only used when there was no problem.
"""

import re
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import inspect as types

from flowd.domain.nodes import Mapping, Node, Scalar, Sequence
from flowd.domain.problems import Path, Problems
from flowd.domain.workflow import Input, Workflow

S = TypeVar("S", bound=msgspec.Struct)

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,50}|[0-9]{1,50}(\.[0-9]{0,50})?)([eE][-+]?[0-9]{1,3})?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False}
_BOOLEANS["FALSE"] = False
_LOOKS_BOOLEAN = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false"}

_INVALID: Any = object()
_INPUT_TYPES: dict[str, types.Type] = {
    "string": types.StrType(),
    "integer": types.IntType(),
    "number": types.FloatType(),
    "boolean": types.BoolType(),
}


def shape_workflow(root: Node, problems: Problems) -> Workflow:
    """Give the workflow in the tree; meaningful only when `problems` has no errors."""
    if not isinstance(root, Mapping):
        problems.add(
            (),
            f"a workflow is a map of keys, and this is {_describe(root)}",
            "start with `flow: 1`, a `name:` and `steps:`",
        )
        shaped = _placeholder(_struct_type(Workflow))
    else:
        shaped = _struct(root, _struct_type(Workflow), (), problems)
    assert isinstance(shaped, Workflow)
    return shaped


@cache
def _struct_type(struct: type[S]) -> types.StructType:
    found = types.type_info(struct)
    assert isinstance(found, types.StructType)
    return found


def _convert(node: Node, wanted: types.Type, path: Path, problems: Problems) -> Any:
    """Give the node as the wanted type, or `_INVALID` after recording why not."""
    if problems.full:
        return _INVALID
    match wanted:
        case types.Metadata():
            return _convert(node, wanted.type, path, problems)
        case types.UnionType():
            return _union(node, wanted, path, problems)
        case types.StructType():
            if isinstance(node, Mapping):
                return _struct(node, wanted, path, problems)
        case types.DictType():
            if isinstance(node, Mapping):
                return _dict(node, wanted, path, problems)
        case types.ListType():
            if isinstance(node, Sequence):
                return _list(node, wanted, path, problems)
        case types.NoneType():
            if _is_null(node):
                return None
        case types.LiteralType():
            if isinstance(node, Scalar):
                return _literal(node, wanted, path, problems)
        case _:
            if isinstance(node, Scalar):
                return _scalar(node, wanted, path, problems)
    return _mismatch(node, wanted, path, problems)


def _struct(node: Mapping, wanted: types.StructType, path: Path, problems: Problems) -> Any:
    fields = {field.encode_name: field for field in wanted.fields}
    replaced = _types_by_input(node) if wanted.cls is Input else {}
    values: dict[str, Any] = {}
    for name, value in _unique(node, path, problems):
        field = fields.get(name.text)
        if field is None:
            problems.add_unknown(
                (*path, name.text),
                f"unknown key {name.text!r}{_inside(wanted.cls, path)}",
                name.text,
                fields,
                span=name.span,
            )
            continue
        kind = replaced.get(name.text, field.type)
        found = _convert(value, kind, (*path, name.text), problems)
        if found is not _INVALID:
            values[field.name] = found
        elif field.required:
            values[field.name] = _placeholder(field.type)
    for field in wanted.fields:
        if field.required and field.name not in values:
            values[field.name] = _placeholder(field.type)
            if field.encode_name not in {key.text for key, _ in node.entries}:
                problems.add(
                    path,
                    f"{field.encode_name!r} is missing{_inside(wanted.cls, path)}",
                    _example(field.encode_name),
                )
    return wanted.cls(**values)


def _unique(node: Mapping, path: Path, problems: Problems) -> "list[tuple[Scalar, Node]]":
    """Give the entries, each key once; a repeated key is a problem, because one would be lost."""
    seen: dict[str, tuple[Scalar, Node]] = {}
    for key, value in node.entries:
        if key.text in seen:
            problems.add(
                (*path, key.text),
                f"the key {key.text!r} is here twice",
                "remove or rename one of them",
                span=key.span,
            )
        else:
            seen[key.text] = (key, value)
    return list(seen.values())


def _dict(node: Mapping, wanted: types.DictType, path: Path, problems: Problems) -> Any:
    found: dict[str, Any] = {}
    for key, value in _unique(node, path, problems):
        here = (*path, key.text)
        assert isinstance(wanted.key_type, types.StrType)
        if _breaks_pattern(key.text, wanted.key_type):
            problems.add(
                here,
                f"{key.text!r} is not a name: {_NAME_RULES[wanted.key_type.pattern or '']}",
                span=key.span,
            )
        item = _convert(value, wanted.value_type, here, problems)
        found[key.text] = _placeholder(wanted.value_type) if item is _INVALID else item
    return found


def _list(node: Sequence, wanted: types.ListType, path: Path, problems: Problems) -> Any:
    if wanted.max_length is not None and len(node.items) > wanted.max_length:
        problems.add(
            path,
            f"{len(node.items)} {path[-1]}: at most {wanted.max_length} are allowed",
            "split it into several workflows, or do more in one script",
            span=node.items[wanted.max_length].span,
        )
        return _INVALID
    if wanted.min_length is not None and len(node.items) < wanted.min_length:
        problems.add(path, f"{path[-1]!r} is empty", _example(str(path[-1])))
        return _INVALID
    found = []
    for index, item in enumerate(node.items):
        value = _convert(item, wanted.item_type, (*path, index), problems)
        found.append(_placeholder(wanted.item_type) if value is _INVALID else value)
    return found


def _union(node: Node, wanted: types.UnionType, path: Path, problems: Problems) -> Any:
    """Choose the member by what stands there: a map, a list, nothing, or a scalar."""
    members = [m.type if isinstance(m, types.Metadata) else m for m in wanted.types]
    members = [n for m in members for n in (m.types if isinstance(m, types.UnionType) else (m,))]
    by_kind = {type(member): member for member in members}
    if types.NoneType in by_kind and _is_null(node):
        return None
    if isinstance(node, Scalar):
        if node.plain and types.FloatType in by_kind and types.IntType in by_kind:
            number = _number(node.text)
            if number is not None:
                return number
        if node.plain and types.IntType in by_kind and _INTEGER.fullmatch(node.text):
            return int(node.text, 0) if node.text[:2] in ("0x", "0o") else int(node.text)
        if node.plain and types.BoolType in by_kind and node.text in _BOOLEANS:
            return _BOOLEANS[node.text]
        order: tuple[type[types.Type], ...] = (types.LiteralType, types.StrType)
        scalars = (types.IntType, types.FloatType, types.BoolType)
        chosen = next((by_kind[k] for k in (*order, *scalars) if k in by_kind), None)
    elif isinstance(node, Mapping):
        chosen = by_kind.get(types.StructType) or by_kind.get(types.DictType)
    else:
        chosen = by_kind.get(types.ListType)
    if chosen is None:
        return _mismatch(node, wanted, path, problems)
    return _convert(node, chosen, path, problems)


def _literal(node: Scalar, wanted: types.LiteralType, path: Path, problems: Problems) -> Any:
    for value in wanted.values:
        if node.text == str(value) and (node.plain or isinstance(value, str)):
            return value
    if wanted.values == (1,):
        problems.add(
            path,
            f"this daemon reads language version 1, and the file says {node.text!r}",
            "write `flow: 1`",
            replacement="1",
        )
        return _INVALID
    choices = [str(value) for value in wanted.values]
    problems.add_unknown(path, f"{node.text!r} is not a value of {path[-1]!r}", node.text, choices)
    return _INVALID


def _scalar(node: Scalar, wanted: types.Type, path: Path, problems: Problems) -> Any:
    match wanted:
        case types.StrType():
            return _text(node, wanted, path, problems)
        case types.BoolType():
            if node.plain and node.text in _BOOLEANS:
                return _BOOLEANS[node.text]
        case types.IntType():
            if node.plain and _INTEGER.fullmatch(node.text):
                number = int(node.text, 0) if node.text[:2] in ("0x", "0o") else int(node.text)
                return _in_range(number, wanted, path, problems)
        case types.FloatType():
            if node.plain and _NUMBER.fullmatch(node.text):
                return _in_range(float(node.text), wanted, path, problems)
    return _mismatch(node, wanted, path, problems)


def _text(node: Scalar, wanted: types.StrType, path: Path, problems: Problems) -> Any:
    if _is_null(node):
        return _mismatch(node, wanted, path, problems)
    if "\0" in node.text:
        problems.add(path, "a zero byte cannot be part of a script or variable", "remove it")
        return _INVALID
    if _breaks_pattern(node.text, wanted):
        problems.add(path, f"{node.text[:80]!r} is not a name: {_NAME_RULES[wanted.pattern or '']}")
        return _INVALID
    if wanted.min_length is not None and len(node.text) < wanted.min_length:
        problems.add(path, f"{path[-1]!r} is empty", "write some text")
        return _INVALID
    if wanted.max_length is not None and len(node.text) > wanted.max_length:
        problems.add(
            path, f"{path[-1]!r} is longer than {wanted.max_length} characters", "shorten it"
        )
        return _INVALID
    return node.text


def _in_range(
    number: float, wanted: types.IntType | types.FloatType, path: Path, problems: Problems
) -> Any:
    if (wanted.ge is None or number >= wanted.ge) and (wanted.le is None or number <= wanted.le):
        return number
    low = "" if wanted.ge is None else f"at least {wanted.ge}"
    high = "" if wanted.le is None else f"at most {wanted.le}"
    bounds = " and ".join(part for part in (low, high) if part)
    problems.add(path, f"{path[-1]!r} is {number}: it must be {bounds}")
    return _INVALID


def _mismatch(node: Node, wanted: types.Type, path: Path, problems: Problems) -> Any:
    what = f"{path[-1]!r}" if path and isinstance(path[-1], str) else "this item"
    problems.add(
        path,
        f"{what} must be {_wanted(wanted)}, and this is {_describe(node)}",
        _fix_for(node, wanted),
    )
    return _INVALID


def _fix_for(node: Node, wanted: types.Type) -> str:
    members = wanted.types if isinstance(wanted, types.UnionType) else (wanted,)
    kinds = {type(member) for member in members}
    if isinstance(node, Scalar) and not _is_null(node):
        if types.ListType in kinds:
            return f"write [{node.text[:40]}]"
        if types.BoolType in kinds:
            meant = _LOOKS_BOOLEAN.get(node.text.lower(), "true or false")
            return (
                f"write {node.text}, without quotes"
                if node.text in _BOOLEANS
                else (f"write {meant}")
            )
        if _number(node.text) is not None and not node.plain:
            return "remove the quotes"
        if types.StructType in kinds or types.DictType in kinds:
            return "write `key: value` lines, indented below it"
    if _is_null(node):
        return "give it a value, or remove the key"
    return ""


def _breaks_pattern(text: str, wanted: types.StrType) -> bool:
    # Not fullmatch alone: $ in the language's patterns would let a final line break through.
    return wanted.pattern is not None and re.fullmatch(wanted.pattern, text) is None


def _number(text: str) -> int | float | None:
    if _INTEGER.fullmatch(text):
        return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


def _types_by_input(node: Mapping) -> dict[str, types.Type]:
    """The types of `default` and `choices` follow from the `type` beside them."""
    said = next(
        (v.text for k, v in node.entries if k.text == "type" and isinstance(v, Scalar)), "string"
    )
    one = _INPUT_TYPES.get(said, _INPUT_TYPES["string"])
    return {"default": _optional(one), "choices": _optional(types.ListType(one))}


def _optional(kind: types.Type) -> types.UnionType:
    return types.UnionType((kind, types.NoneType()))


def _placeholder(wanted: types.Type) -> Any:
    """A value of the type that stands where a wrong one was reported; later checks skip it."""
    match wanted:
        case types.Metadata():
            return _placeholder(wanted.type)
        case types.StructType():
            return wanted.cls(**{f.name: _placeholder(f.type) for f in wanted.fields if f.required})
        case types.ListType():
            return []
        case types.DictType():
            return {}
        case types.LiteralType():
            return wanted.values[0]
        case types.UnionType():
            return _placeholder(wanted.types[0])
    return ""


_NAME_RULES = {
    r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$": "use letters, digits, _ and -, at most 64",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "use letters, digits and _, as shell variables do",
}


def _inside(struct: type, path: Path) -> str:
    if not path:
        return ""
    inside = struct.__name__.lower()
    return f" in {'an' if inside[0] in 'aeiou' else 'a'} {inside}"


def _example(key: str) -> str:
    examples = {
        "flow": "write `flow: 1` at the top",
        "name": "write `name: what-it-does`",
        "steps": "write `steps:` and below it `  - id: first` with `    run: a command`",
        "id": "write `id: a-short-name`",
        "run": "write `run: a command`",
        "goto": "write {goto: STEP}",
    }
    return examples.get(key, f"add `{key}:`")


def _describe(node: Node) -> str:
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if _is_null(node):
        return "nothing"
    short = node.text if len(node.text) <= 40 else node.text[:40] + "…"
    return f"the text {short!r}" if not node.plain else short


def _wanted(wanted: types.Type) -> str:
    match wanted:
        case types.Metadata():
            return _wanted(wanted.type)
        case types.UnionType():
            kinds = [_wanted(m) for m in wanted.types if not isinstance(m, types.NoneType)]
            return " or ".join(dict.fromkeys(kinds))
        case types.StructType() | types.DictType():
            return "a map"
        case types.ListType():
            return "a list"
        case types.LiteralType():
            return "one of " + ", ".join(str(value) for value in wanted.values)
        case types.IntType():
            return "a whole number"
        case types.FloatType():
            return "a number"
        case types.BoolType():
            return "true or false"
    return "text"
