"""Secrets in what a script writes become `***` before anybody keeps or sees them.

A secret is one of the values that are known (variables whose names look secret), or looks like one:
`token_kinds.py` has the table. A value that nobody knew, that looks like nothing, or that the
script has encoded, cannot be found.

Output comes in pieces. A piece is taken only up to where a secret may have begun that the next
piece ends; a few bytes before the piece are looked at again, since a beginning too short to be one
was let through. So at most the first three bytes of a known value can be kept, and of a token the
prefix that tells what it is.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from flowd.domain.ports import NO_VARIABLES, MaskerFor
from flowd.safety.token_kinds import FINDER

MASK = b"***"
MASK_OF_VALUES = b"<hidden>"  # `rm $steps_a_path` would expand stars to all files there are
LEAST_BYTES = 6  # of a value: shorter ones stand in too much that is none
LEAST_BEGINNING = 4  # of a value, at the end of a piece, to wait for the rest of it
MOST_BYTES = 4096  # of a value: what is longer is looked for in parts of this size

LEAST_RANDOM, LEAST_BITS = 24, 4.0  # characters, and bits for each: see `looks_random`
_DRAWN = re.compile(r"[A-Za-z0-9+=_.~-]+(?:/[A-Za-z0-9+=_.~-]+)?")

_PLACEHOLDER = re.compile(rb"[$`<>{}]|\*{3}|x{6}|X{6}|\.{3}")

Span = tuple[int, int]


class SecretMasker:
    """See the port `Masker`."""

    def __init__(self, values: Iterable[bytes] = ()):
        self._values = sorted(set(values), key=len, reverse=True)

    def mask(self, data: bytes, seen: int, *, more: bool, by: bytes = MASK) -> tuple[bytes, int]:
        """Give what may be kept of `data[seen:]`, and how much of that it stands for."""
        found = list(self._values_in(data))
        waits = self._beginning_of_a_value(data) if more else len(data)
        for kind in FINDER.kinds_in(data):
            found += kind.spans(data)
            if more:
                waits = min(waits, kind.beginning(data))
        if more and found:  # a token that reaches the end may go on
            waits = min([waits, *(start for start, end in found if end == len(data))])
        end = max(seen, waits)
        if not found:
            return data[seen:end], end - seen
        return _without(data, sorted(found), seen, end, by), end - seen

    def mask_text(self, text: str) -> str:
        """Give a text without the secrets in it."""
        return self._text(text, MASK)

    def mask_value(self, value: str) -> str:
        """Give a value that later scripts are given: no shell expands its mask."""
        return self._text(value, MASK_OF_VALUES)

    def _text(self, text: str, mask: bytes) -> str:
        data = text.encode(errors="surrogateescape")
        return self.mask(data, 0, more=False, by=mask)[0].decode(errors="surrogateescape")

    def _values_in(self, data: bytes) -> Iterator[Span]:
        for value in self._values:
            at = data.find(value)
            while at >= 0:
                yield at, at + len(value)
                at = data.find(value, at + 1)

    def _beginning_of_a_value(self, data: bytes) -> int:
        """Give where a value may have begun that does not end here; the end when none has."""
        waits = len(data)
        for value in self._values:
            at = data.find(value[:LEAST_BEGINNING], max(0, len(data) - len(value) + 1))
            while 0 <= at < waits:
                if value.startswith(data[at:]):
                    waits = at
                at = data.find(value[:LEAST_BEGINNING], at + 1)
        return waits


def make_masker_for(looks_secret: Callable[[str], bool], known: Mapping[str, str]) -> MaskerFor:
    """Give the maker of maskers: see the port. `known` are variables that the daemon has itself."""
    ours = _values_of(known, looks_secret)
    usual = SecretMasker(ours)

    def masker_for(
        given: Mapping[str, str], secret: Mapping[str, str] = NO_VARIABLES
    ) -> SecretMasker:
        values = _values_of(given, looks_secret) | _values_of(secret, lambda _: True)
        return SecretMasker(ours | values) if values else usual

    return masker_for


def secrets_in(text: str) -> list[Span]:
    """Give where a text that people wrote holds what looks like a secret, in characters.

    Where a variable or a placeholder stands in its stead, there is none.
    """
    data = text.encode(errors="surrogateescape")
    found = sorted({span for kind in FINDER.kinds_in(data) for span in kind.spans(data)})
    spans: list[Span] = []
    reached = 0
    for start, end in found:
        if start >= reached and not _PLACEHOLDER.search(data, start, end):
            before, inside = data[:start], data[start:end]
            begins = len(before.decode(errors="surrogateescape"))
            spans.append((begins, begins + len(inside.decode(errors="surrogateescape"))))
            reached = end
    return spans


def looks_random(value: str) -> bool:
    """Whether a value is probably a key that somebody drew, whatever its variable is called.

    Letters of both cases and digits, 24 characters at least, no path or sentence, and 4 bits a
    character or more (Shannon's measure): a hash, a version and a URL are none of these.
    """
    if len(value) < LEAST_RANDOM or not _DRAWN.fullmatch(value) or "://" in value:
        return False
    if not (re.search("[a-z]", value) and re.search("[A-Z]", value) and re.search("[0-9]", value)):
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) >= LEAST_BITS


def _values_of(variables: Mapping[str, str], looks_secret: Callable[[str], bool]) -> set[bytes]:
    """Give what to look for: a value of several lines line by line, as a terminal breaks them."""
    found: set[bytes] = set()
    for name, value in variables.items():
        if looks_secret(name) or looks_random(value):
            for line in value.encode(errors="surrogateescape").splitlines():
                whole = line.strip()
                parts = (whole[at : at + MOST_BYTES] for at in range(0, len(whole), MOST_BYTES))
                found.update(part for part in parts if len(part) >= LEAST_BYTES)
    return found


def _without(data: bytes, found: list[Span], seen: int, end: int, mask: bytes) -> bytes:
    """Put the mask in place of the spans, in what stands between `seen` and `end`."""
    kept, at = [], seen
    for start, stop in found:
        if stop <= at or start >= end:
            continue
        if start >= at:
            kept.append(data[at:start])
            kept.append(mask)
        elif at == seen and not kept:
            kept.append(mask)  # it began before
        at = stop
    kept.append(data[min(at, end) : end])
    return b"".join(kept)
