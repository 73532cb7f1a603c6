"""The file of sentences holds together: every pattern can be filled, every example says so."""

import re

import pytest

from flowd.explain.options import Option, Sorted
from flowd.explain.programs import Program, known_programs
from flowd.explain.sentences import fits, roles_of, sentence_of
from flowd.explain.words import Given

PLACE = re.compile(r"\d|all|rest|front|last|words|inner|--?[\w:-]+( --?[\w:-]+)*|\w+=")


def words(*operands: str, **options: str) -> Sorted:
    given = [Option((name,), value, (0, 1), "") for name, value in options.items()]
    return Sorted(given, [Given(text, text, (0, 1)) for text in operands], "does it")


def patterns() -> list[tuple[str, str, str]]:
    return [
        (name, when, pattern)
        for name, program in known_programs().items()
        for when, all_of in program.says.items()
        for pattern in ([all_of] if isinstance(all_of, str) else all_of)
    ]


def test_there_are_sentences_for_the_most_used():
    assert len({name for name, _, _ in patterns()}) > 150
    used = "tar cp mv rm ls grep sed awk find xargs curl ssh rsync sudo docker kubectl make"
    missing = [name for name in used.split() if name not in known_programs()]
    assert missing == []


@pytest.mark.parametrize(("name", "when", "pattern"), patterns())
def test_every_pattern_is_one(name: str, when: str, pattern: str):
    for place in re.findall(r"\{([^{}]*)\}", pattern):
        assert PLACE.fullmatch(place), place
    assert pattern.count("[") == pattern.count("]")
    assert pattern.count("{") == pattern.count("}")
    assert not pattern[:1].isupper()
    assert not pattern.endswith(".")
    for condition in re.findall(r"\[([^\[\]]*)\?", pattern):
        assert all(word.startswith(("-", "!-")) for word in condition.split()), condition
    for word in when.replace("&", " ").split():
        assert word.startswith(("-", "!-")) or word.endswith("=") or word in "!()", word


def test_a_pattern_with_an_empty_place_gives_way_to_the_next():
    program = Program(says={"-a": "a {1}", "": ["b {2}", "c[ {1}][-x?, x][{2}|!]"]})
    assert sentence_of(program, words("o", **{"-a": ""})) == "a o"
    assert sentence_of(program, words(**{"-a": ""})) == "c!"
    assert sentence_of(program, words("o", "p")) == "b p"
    assert sentence_of(program, words("o", **{"-x": ""})) == "c o, x!"
    assert sentence_of(Program(), words()) == ""


def test_places():
    program = Program(says={"": "{1}; {all}; {rest}; {front}; {last}; {-f --file}; {inner}"})
    given = words("a", "b c", "d", "e", "f", **{"-f": "v"})
    assert sentence_of(program, given) == (
        'a; a, "b c", d and 2 more; "b c", d, e and f; a, "b c", d and e; f; v; does it'
    )


def test_conditions():
    given = words(**{"-a": "", "-b": ""})
    assert [
        fits(when, given) for when in ("", "-a", "-x -b", "-a & -b", "-a & -x", "!-x", "!-a")
    ] == [
        True,
        True,
        True,
        True,
        False,
        True,
        False,
    ]


def test_roles_are_given_from_both_ends():
    copies = Program(operands=["what...", "where"])
    assert list(roles_of(copies, words("a", "b", "c"))) == ["what", "what", "where"]
    assert list(roles_of(copies, words("a"))) == ["what"]
    looks = Program(operands={"-e": ["file..."], "": ["pattern", "file..."]})
    assert list(roles_of(looks, words("a", "b"))) == ["pattern", "file"]
    assert list(roles_of(looks, words("a", "b", **{"-e": "x"}))) == ["file", "file"]
    assert list(roles_of(Program(), words("a"))) == [""]
