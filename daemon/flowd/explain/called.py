"""Which program, or part of one (`git commit`), a command calls, and its words sorted for that."""

from collections.abc import Callable, Container, Sequence

from msgspec import Struct

from flowd.exec.option_texts import Manual
from flowd.explain.options import Sorted, sort_words
from flowd.explain.programs import Program, known_programs
from flowd.explain.words import Given
from flowd.safety.value import UNKNOWN

MOST_PARTS = 3  # `docker compose up` has two

LookUp = Callable[[str, tuple[str, ...]], Manual]
"""Gives the manual of a program's part."""


class Called(Struct, frozen=True):
    """A program's part: its name, the words that name the part, what is known of it."""

    name: str
    subcommands: tuple[tuple[Given, str], ...]
    """Each word with what it stands for."""
    words: Sorted
    program: Program
    manual: Manual
    about_program: str
    about: str


def recognise(name: str, own: Sequence[Given], look_up: LookUp) -> Called:
    """Find out which part of a program is called, and sort its words."""
    places = _places_of_parts(name, own, look_up)
    words = [own[place] for place in places]
    parts = tuple(word.text for word in words)
    levels = [parts[:count] for count in range(len(parts) + 1)]
    programs = [_known(name, level) for level in levels]
    abouts = [_about(name, level, look_up) for level in levels]
    manuals = [look_up(name, level) for level in levels]
    sorted_words = Sorted([], [])
    starts = [0, *(place + 1 for place in places)]
    for level, (start, end) in enumerate(zip(starts, [*places, len(own)], strict=True)):
        # What stands before a subcommand is its program's, what stands after it its own first.
        some = sort_words(own[start:end], manuals[level::-1], programs[level::-1])
        sorted_words.options += some.options
        sorted_words.operands += some.operands
    return Called(
        " ".join((name, *parts)),
        tuple(zip(words, abouts[1:], strict=True)),
        sorted_words,
        programs[-1],
        manuals[-1],
        abouts[0],
        abouts[-1],
    )


def _places_of_parts(name: str, own: Sequence[Given], look_up: LookUp) -> list[int]:
    """Where the words stand that name the part: the first operands, as far as they do."""
    places: list[int] = []
    while len(places) < MOST_PARTS:
        parts = tuple(own[place].text for place in places)
        after = places[-1] + 1 if places else 0
        program = _known(name, parts)
        operands = sort_words(own[after:], [look_up(name, parts)], [program]).operands
        if not operands or UNKNOWN in operands[0].text:
            break
        word = operands[0]
        named = f"{' '.join((name, *parts))} {word.text}" in known_programs()
        listed = bool(parts) and word.text in _parts_in_help(look_up(name, parts))
        if not named and not listed and not (program.parts and _is_name(word.text)):
            break
        places.append(next(i for i in range(after, len(own)) if own[i] is word))
    return places


def _parts_in_help(manual: Manual) -> Container[str]:
    """The parts that a part lists itself, as `docker image --help` does."""
    return manual.words if manual.source.endswith("--help") else ()


def _is_name(text: str) -> bool:
    return text.replace("-", "").isalnum() and text[:1].isalpha()


def _known(name: str, parts: tuple[str, ...]) -> Program:
    return known_programs().get(" ".join((name, *parts)), Program())


def _about(name: str, parts: tuple[str, ...], look_up: LookUp) -> str:
    """What a part is for: as its program's manual says, or its own."""
    of_program = look_up(name, parts[:-1]).words.get(parts[-1], "") if parts else ""
    return of_program or look_up(name, parts).about or _known(name, parts).about
