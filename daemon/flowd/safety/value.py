"""What is known, before anything runs, of a text that a script will handle.

Two things are known: which texts it may be, and where it came from. A part nobody can know yet is
the character UNKNOWN, so `/tmp/$name` is `/tmp/` and one UNKNOWN. Where a text came from matters
even when the text itself is unknown: a download that reaches a shell is dangerous whatever it says.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from flowd.safety.syntax import Span

UNKNOWN = "\ue000"
"""Stands for any text at all, also none. A private character: no ordinary script contains it."""

MAX_TEXTS = 12
MAX_LENGTH = 65_536

Origin = Literal["network", "decoded", "secret", "system", "tree", "output", "pasted", "shell"]
"""From the network; made by a decoder; read from a key or credential, from a system file; an
archive of whole folders; printed by a command; put into code by xargs or find; a shell
program."""

Origins = frozenset[Origin]
NOWHERE: Origins = frozenset()
NETWORK: Origins = frozenset({"network"})
DECODED: Origins = frozenset({"decoded"})
SECRET: Origins = frozenset({"secret"})
TREE: Origins = frozenset({"tree"})
PASTED: Origins = frozenset({"pasted"})


class Value(Struct, frozen=True):
    """Every text it may be (at least one), and the origins of any of them."""

    texts: tuple[str, ...]
    origins: Origins = NOWHERE

    @property
    def only(self) -> str | None:
        """The text, when there is one possibility and it is wholly known."""
        if len(self.texts) == 1 and UNKNOWN not in self.texts[0]:
            return self.texts[0]
        return None


class Argument(Struct, frozen=True):
    """One word of a command after expansion, and where it stands in the judged text."""

    text: str
    span: Span
    origins: Origins = NOWHERE

    @property
    def known(self) -> bool:
        """Whether no part of it is unknown."""
        return UNKNOWN not in self.text

    def with_text(self, text: str) -> "Argument":
        """The same place and origins with another text."""
        return Argument(text, self.span, self.origins)


EMPTY = Value(("",))
ANYTHING = Value((UNKNOWN,))


def value_of(text: str, origins: Origins = NOWHERE) -> Value:
    """One text; a text too long to carry around becomes unknown."""
    return Value((text if len(text) <= MAX_LENGTH else UNKNOWN,), origins)


def unknown(origins: Iterable[Origin] = ()) -> Value:
    """Any text, from somewhere."""
    return Value((UNKNOWN,), frozenset(origins))


def either(values: Iterable[Value]) -> Value:
    """One of these; beyond MAX_TEXTS possibilities it may be anything."""
    texts: dict[str, None] = {}
    origins: Origins = NOWHERE
    for value in values:
        texts.update(dict.fromkeys(value.texts))
        origins |= value.origins
    if len(texts) > MAX_TEXTS:
        texts = dict.fromkeys([*list(texts)[: MAX_TEXTS - 1], UNKNOWN])
    return Value(tuple(texts) or ("",), origins)


def joined(left: Value, right: Value) -> Value:
    """The one text followed by the other."""
    origins = left.origins | right.origins
    if len(left.texts) * len(right.texts) > MAX_TEXTS:
        return Value((UNKNOWN,), origins)
    texts = tuple(
        dict.fromkeys(_clip(first + second) for first in left.texts for second in right.texts)
    )
    return Value(texts, origins)


def _clip(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else UNKNOWN
