"""Sentences for the shell's own structures: conditions, loops, functions; and where they stand."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

from flowd.explain.words import given
from flowd.safety.syntax import (
    AndOr,
    Background,
    Case,
    ForEach,
    Function,
    Group,
    If,
    Not,
    Pipeline,
    Redirect,
    Redirected,
    SimpleCommand,
    Span,
    Statement,
    Test,
    While,
    Word,
)


class Frame(Protocol):
    """What is needed of a frame of `reading`, which is passed on as it is."""

    @property
    def text(self) -> str:
        """The text being read."""
        ...


F = TypeVar("F", bound=Frame)


def spoken(
    statement: Statement,
    read: Callable[[Statement, F], str],
    redirects: Callable[[Sequence[Redirect], F], str],
    words: Callable[[Sequence[Word], F], None],
    frame: F,
    functions: set[str],
) -> str:
    """Give the sentence of a compound statement, having its inner ones read by `read`."""
    text = frame.text

    def all_of(statements: Iterable[Statement]) -> str:
        return ", then ".join(phrase for each in statements if (phrase := read(each, frame)))

    match statement:
        case Not():
            return f"turns the outcome around of this: {read(statement.body, frame)}"
        case Group():
            return all_of(statement.statements)
        case Redirected():
            return read(statement.body, frame) + redirects(statement.redirects, frame)
        case If():
            said = [
                f"if {_asked(all_of(asked))}: {all_of(body)}" for asked, body in statement.branches
            ]
            otherwise = all_of(statement.otherwise)
            return "; else ".join([*said, *([otherwise] if otherwise else [])])
        case While():
            word = "until" if statement.negated else "as long as"
            asked = _asked(all_of(statement.condition))
            until = "for ever" if asked in _ALWAYS else f"{word} {asked}"
            return f"{until}: {all_of(statement.body)}"
        case ForEach():
            over = [given(each, text).shown for each in statement.words or ()]
            words(statement.words or (), frame)
            among = " ".join(over) if over else "the arguments"
            return f"for each {statement.name} of {among}: {all_of(statement.body)}"
        case Case():
            words([statement.subject], frame)
            subject = given(statement.subject, text).shown
            cases = [
                f"for {' or '.join(given(each, text).shown for each in patterns)} {all_of(body)}"
                for patterns, body in statement.items
            ]
            return f"depending on {subject}: {'; '.join(cases)}"
        case Function():
            functions.add(statement.name)
            return f"defines {statement.name}, which {read(statement.body, frame)}"
        case Test():
            words(statement.words, frame)
            inside = statement.arithmetic.strip() or " ".join(
                given(each, text).shown for each in statement.words
            )
            return f"{_LOOKS}{_condition(inside)}"
    return ""


_ALWAYS = ("", "succeeds")  # no condition at all, or `true`
_LOOKS = "looks whether "


def _asked(phrase: str) -> str:
    """A phrase behind `if`: there, what is looked at is enough."""
    return phrase.replace(_LOOKS, "")


_TESTS = (
    (r"-[ef] (\S+)", r"there is a file \1"), (r"! -[ef] (\S+)", r"there is no file \1"),
    (r"-d (\S+)", r"there is a folder \1"), (r"! -d (\S+)", r"there is no folder \1"),
    (r"-z (\S+)", r"\1 is empty"), (r"-n (\S+)", r"\1 is not empty"),
    (r"-x (\S+)", r"\1 may be executed"), (r"-s (\S+)", r"\1 is a file with something in it"),
    (r"(\S+) -eq (\S+)", r"\1 is \2"), (r"(\S+) -ne (\S+)", r"\1 is not \2"),
    (r"(\S+) -gt (\S+)", r"\1 is more than \2"), (r"(\S+) -lt (\S+)", r"\1 is less than \2"),
    (r"(\S+) ==? (\S+)", r"\1 is \2"), (r"(\S+) != (\S+)", r"\1 is not \2"),
)  # fmt: skip


def _condition(inside: str) -> str:
    for pattern, words in _TESTS:
        match = re.fullmatch(pattern, inside)
        if match is not None:
            return match.expand(words)
    return f"{inside} holds"


# -------------------------------------------------------------------------------------- places


def gap_between(before: Statement, after: Statement, text: str, link: str) -> Span | None:
    """Where the operator between two statements stands."""
    spans = _spans([before]), _spans([after])
    if not all(spans):
        return None
    start, end = max(span[1] for span in spans[0]), min(span[0] for span in spans[1])
    at = text.find(link, start, end)
    if at < 0:
        return None
    length = 2 if link == "|" and text.startswith("|&", at) else len(link)
    return (at, at + length)


def _spans(statements: Iterable[Statement]) -> list[Span]:
    """The places of all simple commands and words in statements."""
    found: list[Span] = []
    for each in statements:
        match each:
            case SimpleCommand():  # its own span may be that of a whole list with redirects
                found += [word.span for word in (*each.assignments, *each.words)]
                found += [redirect.span for redirect in each.redirects]
            case Pipeline():
                found += _spans(each.stages)
            case AndOr():
                found += _spans((each.first, *(rest for _, rest in each.rest)))
            case Not() | Background() | Function():
                found += _spans([each.body])
            case Redirected():
                found += _spans([each.body])
                found += [redirect.span for redirect in each.redirects]
            case Group():
                found += _spans(each.statements)
            case If():
                found += _spans(s for asked, body in each.branches for s in (*asked, *body))
                found += _spans(each.otherwise)
            case While():
                found += _spans((*each.condition, *each.body))
            case ForEach():
                found += [word.span for word in each.words or ()]
                found += _spans(each.body)
            case Case():
                found += [each.subject.span]
                found += _spans(s for _, body in each.items for s in body)
            case Test():
                found += [word.span for word in each.words]
    return found
