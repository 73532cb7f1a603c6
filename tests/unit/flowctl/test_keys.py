"""Keys for a program and words to flowctl; what a program left switched on in the terminal."""

import pytest

from flowctl.keys import Modes, Typed, remembered, without_questions


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        ([b"ls\r"], [(b"ls\r", "")]),
        ([b"\x03\x1a\x04\x00\xff"], [(b"\x03\x1a\x04\x00\xff", "")]),
        ([b"a\x1ddb"], [(b"a", "leave"), (b"b", "")]),
        ([b"a\x1d", b"D"], [(b"a", ""), (b"", "leave"), (b"", "")]),
        ([b"a\x1dtb"], [(b"a", "take"), (b"b", "")]),
        ([b"\x1d\x1d"], [(b"\x1d", "")]),
        ([b"\x1d", b"\x1d", b"d"], [(b"", ""), (b"\x1d", ""), (b"d", "")]),
        ([b"\x1dx"], [(b"\x1dx", "")]),
    ],
)
def test_words_to_flowctl_are_told_from_keys(
    pieces: list[bytes], found: list[tuple[bytes, str]]
) -> None:
    typed = Typed()
    assert [one for piece in pieces for one in typed.feed(piece)] == found


@pytest.mark.parametrize(
    ("pieces", "undone"),
    [
        (["plain \x1b[31mred"], ""),
        (["\x1b[?1049h\x1b[?25l"], "\x1b[?1049l\x1b[?25h"),
        (["\x1b[?1049h", "\x1b[?1049l"], ""),
        (["\x1b[?1000;1006h"], "\x1b[?1000l\x1b[?1006l"),
        (["\x1b[", "?20", "04h"], "\x1b[?2004l"),
        (["\x1b", "[?7l"], "\x1b[?7h"),
        (["\x1b[?25l\x1b[?25h"], ""),
    ],
)
def test_what_was_switched_on_is_switched_off(pieces: list[str], undone: str) -> None:
    modes = Modes()
    for piece in pieces:
        modes.note(piece)
    assert modes.undo() == "\x1b[0m" + undone
    assert modes.undo() == "\x1b[0m"


def test_what_is_remembered_is_bounded_and_begins_with_a_line() -> None:
    text = ""
    for number in range(20_000):
        text = remembered(text, f"line {number}\n")
    assert len(text) <= 65_536
    assert text.startswith("line ")
    assert text.endswith("line 19999\n")


def test_old_output_asks_the_terminal_nothing() -> None:
    asking = "a\x1b[6n\x1b[c\x1b[>0c\x1b[=c\x1b[>0q\x1b[?2026$p\x1b]11;?\x07\x1b]10;?\x1b\\"
    telling = "b\x1b[31m\x1b[2J\x1b[10;20H\x1b[?25l\x1b]0;title\x07"
    assert without_questions(asking + telling) == "a" + telling
