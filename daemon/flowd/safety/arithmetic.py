"""Shell arithmetic on whole numbers, as far as it can be known."""

import re
from collections.abc import Callable

from flowd.safety.value import UNKNOWN

_TOKEN = re.compile(r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)|(\$?\{?[A-Za-z_]\w*\}?)|(.))")
_LONGEST = 64


def evaluate(expression: str, text_of: Callable[[str], str]) -> str:
    """Give the result of `+ - * / %` and brackets as text, UNKNOWN for anything else."""
    if len(expression) > _LONGEST or UNKNOWN in expression:
        return UNKNOWN
    source = ""
    for number, name, other in _TOKEN.findall(expression):
        if name:
            text = text_of(name.strip("${}"))
            if not re.fullmatch(r"-?\d{1,15}|", text):
                return UNKNOWN
            source += f"({text or 0})"
        elif number:
            source += str(int(number, 16 if number[:2] in ("0x", "0X") else 10))
        elif other in "+-*/%()":
            source += other
        elif other.strip():
            return UNKNOWN
    return _calculate(source)


def _calculate(source: str) -> str:
    reader = _Reader(source)
    try:
        result = reader.sum()
    except (ValueError, ZeroDivisionError, RecursionError):
        return UNKNOWN
    return str(result) if reader.done and abs(result) < 2**63 else UNKNOWN


class _Reader:
    """Reads `sum := product (± product)*`, `product := atom (*/% atom)*`."""

    def __init__(self, source: str):
        self._source = source
        self._position = 0

    @property
    def done(self) -> bool:
        return self._position == len(self._source)

    def _peek(self) -> str:
        return self._source[self._position : self._position + 1]

    def sum(self) -> int:
        total = self._product()
        while self._peek() and self._peek() in "+-":
            sign = self._take()
            other = self._product()
            total = total + other if sign == "+" else total - other
        return total

    def _product(self) -> int:
        total = self._atom()
        while self._peek() and self._peek() in "*/%":
            operator = self._take()
            other = self._atom()
            if operator == "*":
                total *= other
            else:  # towards zero, as in C
                quotient = abs(total) // abs(other) * (1 if total * other >= 0 else -1)
                total = quotient if operator == "/" else total - quotient * other
        return total

    def _atom(self) -> int:
        if self._peek() and self._peek() in "+-":
            return -self._atom() if self._take() == "-" else self._atom()
        if self._peek() == "(":
            self._take()
            total = self.sum()
            if self._take() != ")":
                raise ValueError(self._source)
            return total
        digits = ""
        while self._peek().isdecimal():
            digits += self._take()
        return int(digits)

    def _take(self) -> str:
        character = self._peek()
        self._position += 1
        return character
