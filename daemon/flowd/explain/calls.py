"""One command taken apart: which of its words are another command, and which are its own.

Which program runs which is what the judge knows (`safety/programs`): there is no second list.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from flowd.explain.words import Given
from flowd.safety.command import Command
from flowd.safety.programs import MODELS
from flowd.safety.programs.effects import Code
from flowd.safety.programs.interpreters import plain_name
from flowd.safety.state import State
from flowd.safety.syntax import Span
from flowd.safety.value import ANYTHING, UNKNOWN, Argument

_LANGUAGES = {
    "python": "Python code", "perl": "Perl code", "ruby": "Ruby code", "node": "JavaScript code",
    "php": "PHP code", "lua": "Lua code", "awk": "the awk program: what to do with each line",
    "sed": "the sed program: what to do with each line", "sql": "the SQL to run",
    "shell": "shell code",
}  # fmt: skip


class Taken(Struct, frozen=True):
    """A command's own words, and what else is in it.

    `commands` are the words of commands that it runs, `scripts` the words that are shell code;
    `code` are words in other languages, by their place.
    """

    own: tuple[Given, ...]
    commands: tuple[tuple[Given, ...], ...] = ()
    scripts: tuple[Given, ...] = ()
    code: dict[Span, str] = {}


def take_apart(words: Sequence[Given]) -> Taken:
    """Separate a command's words from those of the commands inside."""
    spans = [word.span for word in words]
    if len(set(spans)) < len(spans):  # of a text whose places nobody knows: nothing to go by
        return Taken(tuple(words[1:]))
    name = plain_name(words[0].text.rpartition("/")[2])
    if name == "python" and len(words) > 2 and words[1].text == "-m":
        return Taken((), (tuple(words[2:]),))
    model = MODELS.get(name)
    if model is None:
        return Taken(tuple(words[1:]))
    whole = (spans[0][0], spans[-1][1])
    arguments = [Argument(word.text, word.span) for word in words]
    effects = model(Command(name, arguments[0], tuple(arguments[1:]), ANYTHING, whole), State())
    left = dict(zip(spans[1:], words[1:], strict=True))
    commands: list[tuple[Given, ...]] = []
    scripts: list[Given] = []
    code: dict[Span, str] = {}
    for run in effects.runs:
        inner = tuple(left.pop(each.span) for each in run.arguments if each.span in left)
        commands += [(*inner, *_read(name, whole))] if inner else []
    for each in effects.codes:
        kind, found = _place_of(each, words)
        if kind == "command" and all(word.span in left for word in found):
            commands.append(tuple(left.pop(word.span) for word in found))
        elif kind == "script" and each.language == "shell" and found[0].span in left:
            scripts.append(found[0])
            code[found[0].span] = _LANGUAGES["shell"]
        elif kind == "script":
            code[found[0].span] = _LANGUAGES[each.language]
    return Taken(tuple(left.values()), tuple(commands), tuple(scripts), code)


def _read(name: str, whole: Span) -> tuple[Given, ...]:
    """What xargs adds to the words: they stand nowhere."""
    return (Given(UNKNOWN, "it", (whole[1], whole[1])),) if name == "xargs" else ()


def _place_of(
    code: Code, words: Sequence[Given]
) -> tuple[Literal["command", "script", ""], tuple[Given, ...]]:
    """Where code stands: in one word, or in the last words together (`watch ls -l`)."""
    text = code.source.only
    for word in words[1:]:
        if word.span == code.span or (word.text == text and code.language != "shell"):
            return "script", (word,)
    for start in range(1, len(words)):
        if text is not None and " ".join(word.text for word in words[start:]) == text:
            one = start == len(words) - 1
            return ("script" if one else "command"), tuple(words[start:])
    return "", ()
