"""From nodes to the structs of the language, collecting every mistake on the way.

Driven by the struct types themselves (`msgspec.inspect`), so the language is written down once. A
piece that is wrong is reported and left at its default, so that the rest is still checked; the
result is only used when there was no error.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect as types

from flowd.domain.nodes import Mapping, Node, Scalar, Sequence
from flowd.domain.problems import Path, Problems
from flowd.domain.scalars import as_boolean, as_integer, as_number, is_null
from flowd.domain.wording import (
    NAME_RULES,
    describe,
    describe_type,
    example_of,
    fix_for,
    name_of,
)
from flowd.domain.workflow import Input, Workflow

_INVALID: Any = object()


def shape_workflow(root: Node, problems: Problems) -> Workflow:
    """Give the workflow in the tree; meaningful only when `problems` has no errors."""
    wanted = _struct_type(Workflow)
    if isinstance(root, Mapping):
        shaped = _struct(root, wanted, (), problems)
    else:
        problems.add(
            (),
            f"a workflow is a map of keys, and this is {describe(root)}",
            "start with `flow: 1`, a `name:` and `steps:`",
        )
        shaped = _placeholder(wanted)
    assert isinstance(shaped, Workflow)
    return shaped


@cache
def _struct_type(struct: type[msgspec.Struct]) -> types.StructType:
    found = types.type_info(struct)
    assert isinstance(found, types.StructType)
    return found


@cache
def _fields_of(struct: type[msgspec.Struct]) -> dict[str, types.Field]:
    return {field.encode_name: field for field in _struct_type(struct).fields}


@cache
def _required_of(struct: type[msgspec.Struct]) -> list[types.Field]:
    return [field for field in _struct_type(struct).fields if field.required]


def _convert(node: Node, wanted: types.Type, path: Path, problems: Problems) -> Any:
    """Give the node as the wanted type, or `_INVALID` after recording why not."""
    kind = type(wanted)
    while kind is types.Metadata:
        wanted = wanted.type  # type: ignore[attr-defined]  # the line above says it is one
        kind = type(wanted)
    if kind is types.UnionType:
        return _union(node, wanted, path, problems)
    takes, convert = _CONVERTERS[kind]
    if not isinstance(node, takes) or is_null(node):
        return _mismatch(node, wanted, path, problems)
    return convert(node, wanted, path, problems)


def _struct(node: Mapping, wanted: types.StructType, path: Path, problems: Problems) -> Any:
    fields = _fields_of(wanted.cls)
    types_here = _types_beside(node) if wanted.cls is Input else {}
    values: dict[str, Any] = {}
    for name, value in _unique(node, path, problems):
        field = fields.get(name.text)
        here = (*path, name.text)
        if field is None:
            message = f"unknown key {name.text!r}{_inside(wanted, path)}"
            problems.add_unknown(here, message, name.text, fields, span=name.span)
            continue
        found = _convert(value, types_here.get(name.text, field.type), here, problems)
        if found is not _INVALID:
            values[field.name] = found
    for field in _required_of(wanted.cls):
        if field.name not in values:
            values[field.name] = _placeholder(field.type)
            if all(key.text != field.encode_name for key, _ in node.entries):
                message = f"{field.encode_name!r} is missing{_inside(wanted, path)}"
                problems.add(path, message, example_of(field.encode_name))
    return wanted.cls(**values)


def _inside(wanted: types.StructType, path: Path) -> str:
    return f" in {name_of(wanted.cls)}" if path else ""


def _unique(node: Mapping, path: Path, problems: Problems) -> list[tuple[Scalar, Node]]:
    """Give the entries, each key once; a repeated key is a problem, because one would be lost."""
    seen: dict[str, tuple[Scalar, Node]] = {}
    for entry in node.entries:
        key = entry[0]
        if key.text in seen:
            problems.add(
                (*path, key.text),
                f"the key {key.text!r} is here twice",
                "remove or rename one of them",
                span=key.span,
            )
        else:
            seen[key.text] = entry
    return list(seen.values())


def _types_beside(node: Mapping) -> dict[str, types.Type]:
    """The types of an input's `default` and `choices` follow from its `type`."""
    said = next((value for key, value in node.entries if key.text == "type"), None)
    return _INPUT_TYPES.get(said.text if isinstance(said, Scalar) else "", _INPUT_TYPES["string"])


def _dict(node: Mapping, wanted: types.DictType, path: Path, problems: Problems) -> Any:
    assert isinstance(wanted.key_type, types.StrType)
    found: dict[str, Any] = {}
    for key, value in _unique(node, path, problems):
        here = (*path, key.text)
        if _breaks_pattern(key.text, wanted.key_type):
            _add_bad_name(key, wanted.key_type, here, problems)
        item = _convert(value, wanted.value_type, here, problems)
        found[key.text] = _placeholder(wanted.value_type) if item is _INVALID else item
    return found


def _list(node: Sequence, wanted: types.ListType, path: Path, problems: Problems) -> Any:
    if wanted.max_length is not None and len(node.items) > wanted.max_length:
        problems.add(
            (*path, wanted.max_length),
            f"{len(node.items)} {path[-1]}: at most {wanted.max_length} are allowed",
            "split it into several workflows, or do more in one script",
        )
        return _INVALID
    if wanted.min_length is not None and len(node.items) < wanted.min_length:
        problems.add(path, f"{path[-1]!r} is empty", example_of(str(path[-1])))
        return _INVALID
    found = []
    for index, item in enumerate(node.items):
        value = _convert(item, wanted.item_type, (*path, index), problems)
        found.append(_placeholder(wanted.item_type) if value is _INVALID else value)
    return found


def _union(node: Node, wanted: Any, path: Path, problems: Problems) -> Any:
    """Choose the member by what stands there: nothing, a map, a list, or a scalar."""
    members = [member for member in wanted.types if type(member) is not types.NoneType]
    if len(members) < len(wanted.types) and is_null(node):
        return None
    if len(members) == 1:
        return _convert(node, members[0], path, problems)
    flat = {type(member): member for member in _flatten(members)}
    if isinstance(node, Mapping):
        order: tuple[type[types.Type], ...] = (types.StructType,)
    elif isinstance(node, Sequence):
        order = (types.ListType,)
    elif types.FloatType in flat and as_number(node) is not None:
        return as_number(node)
    elif types.IntType in flat and as_integer(node) is not None:
        return as_integer(node)
    else:
        order = (types.LiteralType, types.StrType)
    chosen = next((flat[kind] for kind in order if kind in flat), None)
    if chosen is None:
        return _mismatch(node, wanted, path, problems)
    return _convert(node, chosen, path, problems)


def _flatten(members: list[types.Type]) -> list[types.Type]:
    """Lay open named unions, such as Duration, inside a union."""
    bare = [m.type if isinstance(m, types.Metadata) else m for m in members]
    return [n for m in bare for n in (m.types if isinstance(m, types.UnionType) else (m,))]


def _literal(node: Scalar, wanted: types.LiteralType, path: Path, problems: Problems) -> Any:
    for value in wanted.values:
        if node.text == str(value) and (node.plain or isinstance(value, str)):
            return value
    if wanted.values == (1,):
        said = f"the file says {describe(node)}"
        problems.add(path, f"this daemon reads language version 1, and {said}", "write `flow: 1`")
        return _INVALID
    choices = [str(value) for value in wanted.values]
    problems.add_unknown(
        path, f"{node.text[:80]!r} is not a value of {path[-1]!r}", node.text, choices
    )
    return _INVALID


def _boolean(node: Scalar, wanted: types.BoolType, path: Path, problems: Problems) -> Any:
    value = as_boolean(node)
    return _mismatch(node, wanted, path, problems) if value is None else value


def _integer(node: Scalar, wanted: types.IntType, path: Path, problems: Problems) -> Any:
    value = as_integer(node)
    if value is None:
        return _mismatch(node, wanted, path, problems)
    return _in_range(value, wanted, path, problems)


def _float(node: Scalar, wanted: types.FloatType, path: Path, problems: Problems) -> Any:
    value = as_number(node)
    if value is None:
        return _mismatch(node, wanted, path, problems)
    return _in_range(float(value), wanted, path, problems)


def _in_range(
    number: float, wanted: types.IntType | types.FloatType, path: Path, problems: Problems
) -> Any:
    if (wanted.ge is None or number >= wanted.ge) and (wanted.le is None or number <= wanted.le):
        return number
    low = "" if wanted.ge is None else f"at least {wanted.ge:g}"
    high = "" if wanted.le is None else f"at most {wanted.le:g}"
    bounds = " and ".join(part for part in (low, high) if part)
    problems.add(path, f"{path[-1]!r} is {number:g}", f"it must be {bounds}")
    return _INVALID


def _text(node: Scalar, wanted: types.StrType, path: Path, problems: Problems) -> Any:
    text = node.text
    if "\0" in text:
        problems.add(path, "a zero byte cannot be part of a script or variable", "remove it")
    elif _breaks_pattern(text, wanted):
        _add_bad_name(node, wanted, path, problems)
    elif wanted.min_length is not None and len(text) < wanted.min_length:
        problems.add(path, f"{path[-1]!r} is empty", "write some text")
    elif wanted.max_length is not None and len(text) > wanted.max_length:
        limit = f"{wanted.max_length} characters"
        problems.add(path, f"{path[-1]!r} is longer than {limit}", "shorten it")
    else:
        return text
    return _INVALID


def _breaks_pattern(text: str, wanted: types.StrType) -> bool:
    # fullmatch, because a pattern's $ alone would let a final line break through.
    return wanted.pattern is not None and re.fullmatch(wanted.pattern, text) is None


def _add_bad_name(node: Scalar, wanted: types.StrType, path: Path, problems: Problems) -> None:
    rule = NAME_RULES[wanted.pattern or ""]
    problems.add(path, f"{node.text[:80]!r} is not a name", rule, span=node.span)


def _mismatch(node: Node, wanted: types.Type, path: Path, problems: Problems) -> Any:
    what = f"{path[-1]!r}" if path and isinstance(path[-1], str) else "this item"
    message = f"{what} must be {describe_type(wanted)}, and this is {describe(node)}"
    problems.add(path, message, fix_for(node, wanted))
    return _INVALID


def _placeholder(wanted: types.Type) -> Any:
    """A value of the type that stands where a wrong one was reported; later checks skip it."""
    match wanted:
        case types.Metadata():
            return _placeholder(wanted.type)
        case types.StructType():
            required = [field for field in wanted.fields if field.required]
            return wanted.cls(**{field.name: _placeholder(field.type) for field in required})
        case types.ListType():
            return []
        case types.LiteralType():
            return wanted.values[0]
    return ""


_Converter = Callable[[Any, Any, Path, Problems], Any]
_CONVERTERS: dict[type[types.Type], tuple[type[Node], _Converter]] = {
    types.StructType: (Mapping, _struct),
    types.DictType: (Mapping, _dict),
    types.ListType: (Sequence, _list),
    types.LiteralType: (Scalar, _literal),
    types.BoolType: (Scalar, _boolean),
    types.IntType: (Scalar, _integer),
    types.FloatType: (Scalar, _float),
    types.StrType: (Scalar, _text),
}


def _optional(kind: types.Type) -> types.UnionType:
    return types.UnionType((kind, types.NoneType()))


_INPUT_TYPES: dict[str, dict[str, types.Type]] = {
    name: {"default": _optional(kind), "choices": _optional(types.ListType(kind))}
    for name, kind in {
        "string": types.StrType(),
        "integer": types.IntType(),
        "number": types.FloatType(),
        "boolean": types.BoolType(),
    }.items()
}
