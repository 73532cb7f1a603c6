"""A script with all its commands, explained by the manuals that are known so far.

Pure: what is not known yet is asked for in `wanted`, and the whole is read again with it.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from flowd.exec.option_texts import NO_MANUAL, Manual
from flowd.explain.called import Called, recognise
from flowd.explain.calls import Taken, take_apart
from flowd.explain.programs import Program, known_programs
from flowd.explain.sentences import listed, quoted, roles_of, sentence_of
from flowd.explain.structure import gap_between, spoken
from flowd.explain.wording import LINKS, capitalised, ending_of, meaning_of_redirect, role_of
from flowd.explain.words import Given, given
from flowd.safety.nested import is_local_script
from flowd.safety.parsing import NotUnderstood, parse
from flowd.safety.syntax import (
    AndOr,
    Assignment,
    Background,
    Parameter,
    Pipeline,
    Redirect,
    Script,
    SimpleCommand,
    Span,
    Statement,
    Substitution,
    Word,
)
from flowd.safety.value import UNKNOWN

MOST_COMMANDS = 200
MOST_PARTS = 2000
DEEPEST = 8

Key = tuple[str, tuple[str, ...]]
"""A program, and which part of it: `("git", ("commit",))`."""
Kind = Literal["program", "subcommand", "option", "argument", "redirect", "variable", "operator"]


class Part(Struct, frozen=True):
    """A piece of the script and what it means; `meaning` is "" where no manual tells.

    `depth` is 0 for the script itself, more for commands inside commands.
    """

    span: Span
    text: str
    kind: Kind
    meaning: str
    depth: int = 0


class CommandText(Struct, frozen=True):
    """A command: its name with its part, a sentence, what its manual is and says of it."""

    span: Span
    program: str
    sentence: str
    about: str
    source: str
    depth: int = 0


class Reading(Struct):
    """A script explained. `complete`: all of it could be read, and was not too much."""

    sentence: str = ""
    commands: list[CommandText] = []
    parts: list[Part] = []
    complete: bool = True
    wanted: set[Key] = set()


def read_script(script: str, known: Mapping[Key, Manual]) -> Reading:
    """Explain shell text; never raises on what it cannot understand."""
    reader = _Reader(known)
    sentence = reader.text(_Frame(script, 0, (0, len(script)), 0))
    reading = reader.reading
    reading.sentence = capitalised(sentence)
    reading.parts.sort(key=lambda part: (part.span[0], part.depth, -part.span[1]))
    return reading


class _Frame(Struct, frozen=True):
    """A text being read, where it begins in the script (None: nobody knows), and how deep."""

    text: str
    offset: int | None
    at: Span
    depth: int

    def span(self, span: Span) -> Span:
        """A place in the text as one in the script."""
        if self.offset is None:
            return self.at
        return (span[0] + self.offset, span[1] + self.offset)

    def inside(self, word: Given) -> "_Frame":
        """The script that a word is; its quotes may hide where it begins."""
        at = self.text[slice(*word.span)].find(word.text)
        known = at >= 0 and self.offset is not None
        offset = self.span((word.span[0] + at, 0))[0] if known else None
        return _Frame(word.text, offset, self.span(word.span), self.depth + 1)

    def deeper(self) -> "_Frame":
        """The same text for commands inside a command."""
        return _Frame(self.text, self.offset, self.at, self.depth + 1)


class _Reader:
    """Goes through a script once, collecting parts; gives the sentences."""

    def __init__(self, known: Mapping[Key, Manual]):
        self.reading = Reading()
        self._known = known
        self._functions: set[str] = set()

    # ---------------------------------------------------------------------------- statements

    def text(self, frame: _Frame) -> str:
        """Read shell text; gives its sentence."""
        if frame.depth > DEEPEST:
            self.reading.complete = False
            return ""
        try:
            script = parse(frame.text)
        except NotUnderstood:
            self.reading.complete = False
            return ""
        if script.unreadable:
            self.reading.complete = False
        return self.script(script, frame)

    def script(self, script: Script, frame: _Frame) -> str:
        """Read statements in order."""
        phrases = [self.statement(each, frame) for each in script.statements]
        return ", then ".join(phrase for phrase in phrases if phrase)

    def statement(self, statement: Statement, frame: _Frame) -> str:
        """Read one statement."""
        match statement:
            case SimpleCommand():
                return self._simple(statement, frame)
            case Pipeline():
                return self._chain(statement.stages, ["|"] * len(statement.stages), frame)
            case AndOr():
                links = ["", *(link for link, _ in statement.rest)]
                return self._chain((statement.first, *(s for _, s in statement.rest)), links, frame)
            case Background():
                self._part(statement.span, "operator", LINKS["&"][0], frame)
                phrase = self.statement(statement.body, frame)
                return phrase + LINKS["&"][1] if phrase else ""
        return spoken(
            statement, self.statement, self._redirects, self._words, frame, self._functions
        )

    def _chain(self, statements: Sequence[Statement], links: Sequence[str], frame: _Frame) -> str:
        said = ""
        for number, statement in enumerate(statements):
            link = links[number]
            if number:
                place = gap_between(statements[number - 1], statement, frame.text, link)
                if place is not None:
                    self._part(place, "operator", LINKS[frame.text[slice(*place)]][0], frame)
            phrase = self.statement(statement, frame)
            said += (LINKS[link][1] if said and phrase else "") + phrase
        return said

    # ------------------------------------------------------------------------------ commands

    def _simple(self, command: SimpleCommand, frame: _Frame) -> str:
        words = [word for word in command.words if isinstance(word, Word)]
        declared = [word for word in command.words if isinstance(word, Assignment)]
        seen: dict[Span, Given] = {}
        for word in words:  # braces make several words of one
            seen.setdefault(word.span, given(word, frame.text))
        sets = [
            self._assignment(each, frame, lasting=not words or each in declared)
            for each in (*command.assignments, *declared)
        ]
        phrase = self._call(list(seen.values()), frame) if seen else ""
        if sets and (declared or not seen):  # `export A=1`
            phrase = " and ".join(sets)
        self._words(words, frame)
        return phrase + self._redirects(command.redirects, frame)

    def _words(self, words: Sequence[Word], frame: _Frame) -> None:
        """Read the commands inside words."""
        for word in words:
            for part in word.parts:
                if isinstance(part, Substitution):
                    self.script(part.script, frame.deeper())
                elif isinstance(part, Parameter):
                    self._words([w for w in (part.argument, part.replacement) if w], frame)

    def _assignment(self, each: Assignment, frame: _Frame, *, lasting: bool) -> str:
        values = each.value if isinstance(each.value, tuple) else (each.value,)
        shown = " ".join(given(value, frame.text).shown for value in values)
        if shown in ("", '""', "''"):
            shown = "nothing"
        what = f"sets {each.name} to {quoted(shown)}"
        self._part(each.span, "variable", what if lasting else f"{what} for this command", frame)
        self._words(values, frame)
        return what

    def _redirects(self, redirects: Sequence[Redirect], frame: _Frame) -> str:
        ending = ""
        for each in redirects:
            target = (
                quoted(given(each.target, frame.text).shown) if each.target is not None else "-"
            )
            self._part(each.span, "redirect", meaning_of_redirect(each, target), frame)
            ending += ending_of(each, target)
            if each.target is not None:
                self._words([each.target], frame)
        return ending

    def _call(self, words: list[Given], frame: _Frame) -> str:
        """Explain a command by its words; gives its sentence."""
        if len(self.reading.commands) >= MOST_COMMANDS or frame.depth > DEEPEST:
            self.reading.complete = False
            return ""
        name = words[0].text.rpartition("/")[2]
        stranger = _stranger(words[0], name, self._functions)
        if stranger:
            return self._call_stranger(words, stranger, frame)
        taken = take_apart(words)
        called = recognise(name, taken.own, self._manual)
        position = len(self.reading.commands)
        command = CommandText(_whole(words, frame), called.name, "", called.about, "", frame.depth)
        self.reading.commands.append(command)
        self._part(words[0].span, "program", called.about_program, frame)
        for word, about in called.subcommands:
            self._part(word.span, "subcommand", about, frame)
        for option in called.words.options:
            self._part(option.span, "option", option.meaning, frame)
        roles = roles_of(called.program, called.words)
        for word, role in zip(called.words.operands, roles, strict=True):
            self._part(word.span, "argument", role_of(word, taken.code.get(word.span, role)), frame)
        called.words.inner = self._inner(taken, frame)
        sentence = sentence_of(called.program, called.words) or _plainly(called)
        self.reading.commands[position] = replace(
            command, sentence=capitalised(sentence), source=called.manual.source
        )
        return sentence

    def _call_stranger(self, words: list[Given], what: str, frame: _Frame) -> str:
        """Explain the call of a program that no manual is looked for."""
        to = f" with {listed(words[1:])}" if words[1:] else ""
        sentence = f"runs {words[0].shown}{to}"
        span = _whole(words, frame)
        self.reading.commands.append(
            CommandText(span, words[0].shown, capitalised(sentence), what, "", frame.depth)
        )
        self._part(words[0].span, "program", what, frame)
        for word in words[1:]:
            self._part(word.span, "argument", role_of(word, ""), frame)
        return sentence

    def _inner(self, taken: Taken, frame: _Frame) -> str:
        """Explain the commands that a command runs."""
        phrases = [self._call(list(words), frame.deeper()) for words in taken.commands]
        for word in taken.scripts:
            if UNKNOWN in word.text:
                continue
            phrases.append(self.text(frame.inside(word)))
        return ", then ".join(phrase for phrase in phrases if phrase)

    # --------------------------------------------------------------------------------- parts

    def _part(self, span: Span, kind: Kind, meaning: str, frame: _Frame) -> None:
        if span[0] == span[1]:  # what stands nowhere
            return
        if len(self.reading.parts) >= MOST_PARTS:
            self.reading.complete = False
            return
        text = frame.text[slice(*span)]
        self.reading.parts.append(Part(frame.span(span), text, kind, meaning, frame.depth))

    def _manual(self, name: str, parts: tuple[str, ...]) -> Manual:
        key = (known_programs().get(name, Program()).manual or name, parts)
        if key not in self._known:
            self.reading.wanted.add(key)
        return self._known.get(key, NO_MANUAL)


def _whole(words: Sequence[Given], frame: _Frame) -> Span:
    """Where a command stands, in the script."""
    return frame.span((words[0].span[0], words[-1].span[1]))


def _stranger(word: Given, name: str, functions: set[str]) -> str:
    """What is said of a program that has no manual for sure; "" of any other."""
    if UNKNOWN in word.text or not name:
        return "a program that only the run will tell"
    if name in functions:
        return "a function of this script"
    if is_local_script(word.text):
        return "a script or program given by its path"
    return ""


def _plainly(called: Called) -> str:
    """The sentence for a program that nobody wrote one for."""
    words, about = called.words, called.about
    if words.inner:
        return f"with {called.name}: {words.inner}"
    if about:
        lowered = about if about[:2].isupper() else about[:1].lower() + about[1:]
        return f"runs {called.name} ({lowered.rstrip('.')})"
    return f"runs {called.name}" + (f" with {listed(words.operands)}" if words.operands else "")
