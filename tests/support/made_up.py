"""Made-up texts that fit an expression: `hypothesis.strategies.from_regex`, a hundred times faster.

Only for expressions of plain parts; what looks around is not obeyed, so the caller searches again.
"""

import random
import re
import string
from collections.abc import Callable, Iterator, Sequence

# Nothing public reads expressions; hypothesis does it so, too.
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

PRINTABLE = [chr(code) for code in range(32, 127)]
MORE_THAN_LEAST = 4  # repetitions
CLASSES = {
    "CATEGORY_DIGIT": string.digits,
    "CATEGORY_WORD": string.ascii_letters + string.digits + "_",
    "CATEGORY_SPACE": " ",
}


def texts_for(expression: re.Pattern[str], count: int, seed: int = 0) -> Iterator[re.Match[str]]:
    """Give matches of the expression in so many texts, the same ones every time."""
    parsed = _parser.parse(expression.pattern, expression.flags & ~re.UNICODE)
    drawn = random.Random(seed)
    found = 0
    for _ in range(100 * count):
        match = expression.search(_Maker(drawn).text(parsed))
        if match is not None:
            found += 1
            yield match
        if found == count:
            return


class _Maker:
    """Makes one text; what a group held is said again where it is referred to."""

    def __init__(self, drawn: random.Random):
        self._drawn = drawn
        self._groups: dict[int, str] = {}

    def text(self, parts: Sequence[tuple[Any, Any]]) -> str:
        return "".join(self._part(str(kind), value) for kind, value in parts)

    def _part(self, kind: str, value: Any) -> str:
        makers: dict[str, Callable[[], str]] = {
            "LITERAL": lambda: chr(value),
            "NOT_LITERAL": lambda: self._drawn.choice([c for c in PRINTABLE if c != chr(value)]),
            "IN": lambda: self._drawn.choice(_members(value)),
            "ANY": lambda: self._drawn.choice(string.ascii_letters),
            "MAX_REPEAT": lambda: self._repeated(*value),
            "MIN_REPEAT": lambda: self._repeated(*value),
            "BRANCH": lambda: self.text(self._drawn.choice(value[1])),
            "SUBPATTERN": lambda: self._group(value[0], value[3]),
            "GROUPREF": lambda: self._groups.get(value, ""),
            "GROUPREF_EXISTS": lambda: self.text(
                value[1] if value[0] in self._groups else value[2] or ()
            ),
        }
        return makers.get(kind, lambda: "")()  # the rest only looks

    def _repeated(self, least: int, most: Any, parts: Any) -> str:
        up_to = least + MORE_THAN_LEAST if most is _constants.MAXREPEAT else int(most)
        times = self._drawn.randint(least, min(up_to, least + MORE_THAN_LEAST))
        return "".join(self.text(parts) for _ in range(times))

    def _group(self, number: int, parts: Any) -> str:
        self._groups[number] = self.text(parts)
        return self._groups[number]


def _members(parts: Sequence[tuple[Any, Any]]) -> Sequence[str]:
    members: list[str] = []
    for kind, value in parts:
        match str(kind):
            case "LITERAL":
                members.append(chr(value))
            case "RANGE":
                members += [chr(code) for code in range(value[0], min(value[1], 126) + 1)]
            case "CATEGORY":
                members += CLASSES.get(str(value), " ")
    if str(parts[0][0]) == "NEGATE":
        return [character for character in PRINTABLE if character not in members]
    return members
