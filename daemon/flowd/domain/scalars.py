"""What a plain scalar means: YAML 1.2's core schema, decided by the type that is wanted.

So `on`, `yes` and `no` are text, `1.10` is text where text is wanted, and quoted text is never a
number.
"""

import re
from math import isfinite

from flowd.domain.nodes import Node, Scalar

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}|0o[0-7]{1,20}|0x[0-9a-fA-F]{1,15}")
_NUMBER = re.compile(r"[-+]?(\.[0-9]{1,50}|[0-9]{1,50}(\.[0-9]{0,50})?)([eE][-+]?[0-9]{1,3})?")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {word: word.lower() == "true" for word in ("true", "True", "TRUE")}
_BOOLEANS |= dict.fromkeys(("false", "False", "FALSE"), False)


def is_null(node: Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


def as_boolean(node: Scalar) -> bool | None:
    """Give true or false, None when it is neither."""
    return _BOOLEANS.get(node.text) if node.plain else None


def as_integer(node: Scalar) -> int | None:
    """Give a whole number of at most 18 digits, None when it is not one."""
    if not node.plain or not _INTEGER.fullmatch(node.text):
        return None
    return int(node.text, 0) if node.text[:2] in ("0x", "0o") else int(node.text)


def as_number(node: Scalar) -> int | float | None:
    """Give a finite number, None when it is not one."""
    whole = as_integer(node)
    if whole is not None or not node.plain or not _NUMBER.fullmatch(node.text):
        return whole
    number = float(node.text)
    return number if isfinite(number) else None
