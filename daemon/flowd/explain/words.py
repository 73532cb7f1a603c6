"""The words of a command as they are written and as far as they are known."""

import re

from msgspec import Struct

from flowd.safety.syntax import Parameter, Span, Substitution, Text, Word
from flowd.safety.value import UNKNOWN


class Given(Struct, frozen=True):
    """A word: its text, UNKNOWN where only the run will tell, and how to show it to people.

    `exact`: every character of the text is one of the script, so that parts of it have places.
    """

    text: str
    shown: str
    span: Span
    exact: bool = False
    names: tuple[str, ...] = ()
    """The variables in it."""

    def piece(self, start: int, end: int) -> Span:
        """The place of some of its characters; that of the whole where nobody can tell."""
        return (self.span[0] + start, self.span[0] + end) if self.exact else self.span


def given(word: Word, script: str) -> Given:
    """Make what is known of a word of this script."""
    written = script[slice(*word.span)]
    if word.plain is not None:
        return Given(word.plain, word.plain, word.span, written == word.plain)
    text, names = "", []
    for part in word.parts:
        if isinstance(part, Text):
            text += part.text
        else:
            text += UNKNOWN
            if isinstance(part, Parameter):
                names.append(part.name)
    shown = re.sub(r'"(\$\{?\w+[^"`$\s]*)"', r"\1", written)  # quotes say nothing of the meaning
    return Given(text, shown, word.span, written == text, tuple(names))


def holds_script(word: Word) -> bool:
    """Whether commands run inside the word."""
    return any(isinstance(part, Substitution) for part in word.parts)
