"""Words for what stands in a workflow file, and for what was wanted there."""

from msgspec import inspect as types

from flowd.domain.nodes import Mapping, Node, Scalar, Sequence
from flowd.domain.scalars import as_boolean, as_number, is_null

NAME_RULES = {
    r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$": "use letters, digits, _ and -, at most 64",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "use letters, digits and _, as shell variables do",
}
_LOOKS_BOOLEAN = {"yes": "true", "on": "true", "y": "true", "1": "true"}
_LOOKS_BOOLEAN |= {"no": "false", "off": "false", "n": "false", "0": "false"}
_EXAMPLES = {
    "flow": "write `flow: 1` at the top",
    "name": "write `name: what-it-does`",
    "steps": "write `steps:` and below it `  - id: first` with `    run: a command`",
    "id": "write `id: a-short-name`",
    "run": "write `run: a command`",
    "goto": "write {goto: STEP}",
}


def example_of(key: str) -> str:
    """Show how a key that must be there is written."""
    return _EXAMPLES.get(key, f"add `{key}:`")


def name_of(struct: type) -> str:
    """Name a part of the language with its article: "a step"."""
    name = struct.__name__.lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def describe(node: Node) -> str:
    """Say what stands there."""
    if isinstance(node, Mapping):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if is_null(node):
        return "nothing"
    short = node.text if len(node.text) <= 40 else f"{node.text[:40]}…"
    return short if node.plain else f"the text {short!r}"


def describe_type(wanted: types.Type) -> str:
    """Say what a type takes."""
    match wanted:
        case types.Metadata():
            return describe_type(wanted.type)
        case types.UnionType():
            kinds = [describe_type(m) for m in wanted.types if not isinstance(m, types.NoneType)]
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


def fix_for(node: Node, wanted: types.Type) -> str:
    """Say how a value of the wrong kind becomes one of the right kind, where that is clear."""
    members = wanted.types if isinstance(wanted, types.UnionType) else (wanted,)
    kinds = {type(member) for member in members}
    if is_null(node):
        return "give it a value, or remove the key"
    if not isinstance(node, Scalar):
        return "put the whole text in one value" if types.StrType in kinds else _example(wanted)
    bare = Scalar(node.text, node.span, True)
    if types.ListType in kinds:
        return f"write [{node.text[:40]}]"
    if types.BoolType in kinds:
        if as_boolean(bare) is not None:
            return f"write {node.text} without quotes"
        return f"write {_LOOKS_BOOLEAN.get(node.text.lower(), 'true or false')}"
    if types.StructType in kinds or types.DictType in kinds:
        return "write `key: value` lines, indented below it"
    if as_number(bare) is not None and not node.plain:
        return "remove the quotes"
    return _example(wanted)


def _example(wanted: types.Type) -> str:
    """Show how a value of the type is written."""
    match wanted:
        case types.Metadata():
            return _example(wanted.type)
        case types.UnionType():
            return _example(wanted.types[0])
        case types.StructType() | types.DictType():
            return "write `key: value` lines, indented below it"
        case types.ListType():
            return "write [one, another], or lines that begin with `- `"
        case types.IntType() | types.FloatType():
            return "write a number, such as 3"
        case types.LiteralType():
            return f"write {wanted.values[0]}"
    return f"write {describe_type(wanted)}"
