"""Text from elsewhere cannot steer a terminal and takes the columns it says."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowctl.lines import LineBuffer
from flowctl.text import age, clip, duration, harmless, size, width, wrap

_NASTY = st.text(alphabet="\x1b[]();?0123456789mHJKPX^_\\\x07\x9b\x9d\x08\r\n\tab漢é\u202e\u0301🙂")
_ONLY_COLOURS = re.compile(r"(?:[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]|\x1b\[[0-9;]*m)*")


@given(st.one_of(_NASTY, st.text()))
@example("\x1b]0;title\x07")
@example("\x1b[31")
@example("\x9b2J")
@example("\t\u0301")
def test_nothing_a_terminal_obeys_is_left(text: str) -> None:
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", harmless(text))
    assert _ONLY_COLOURS.fullmatch(harmless(text, colours=True))


@given(st.one_of(_NASTY, st.text()), st.integers(0, 30))
def test_clipped_text_fits(text: str, columns: int) -> None:
    assert width(clip(harmless(text, colours=True), columns)) <= columns


@given(st.text(alphabet="ab 漢🙂é"), st.integers(2, 20))
def test_wrapped_lines_fit_and_lose_nothing(text: str, columns: int) -> None:
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m\x1b[0m"),
        ("\x1b[8mhidden\x1b[5mblink", "hiddenblink"),
        ("\x1b[38;5;8mgrey", "\x1b[38;5;8mgrey\x1b[0m"),
        ("\x1b[38;5m odd", " odd"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1b]52;c;aGk=\x07clip", "clip"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\tb", "a       b"),
        ("漢\tb", "漢      b"),
        ("bell\x07", "bell^G"),
        ("abc\u202etxt.exe", "abc<U+202E>txt.exe"),
    ],
)
def test_what_becomes_of_it(text: str, shown: str) -> None:
    assert harmless(text, colours=True) == shown


def test_without_colours_none_are_left() -> None:
    assert harmless("\x1b[31mred\x1b[0m") == "red"


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", 0),
        ("abc", 3),
        ("漢字", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("🙂", 2),
        ("👩‍👩‍👧", 2),
        ("❤️", 2),
        ("🇩🇪", 2),
        ("\x1b[31mred\x1b[0m", 3),
    ],
)
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_clipping_ends_colours_and_never_cuts_a_wide_character() -> None:
    assert clip("\x1b[31mabcdef", 4) == "\x1b[31mabc…\x1b[0m"
    assert clip("漢字漢字", 4) == "漢…"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0.00s"),
        (20, "0.02s"),
        (3410, "3.4s"),
        (59940, "59.9s"),
        (59960, "1m00s"),
        (125000, "2m05s"),
        (3720000, "1h02m"),
        (277200000, "3d05h"),
    ],
)
def test_durations(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (12, "12s ago"), (180, "3m ago"), (7200, "2h ago"), (400_000, "4d ago")],
)
def test_ages(seconds: int, text: str) -> None:
    assert age(seconds * 1000) == text


def test_sizes() -> None:
    assert [size(n) for n in (812, 1_500_000, 2e12)] == ["812 B", "1.5 MB", "2.0 TB"]


def test_lines_are_put_together_from_chunks() -> None:
    buffer = LineBuffer()
    assert buffer.feed("one\ntw") == ["one"]
    assert buffer.unfinished == "tw"
    assert buffer.feed("o\r\n10%\r20%\r") == ["two"]
    assert buffer.unfinished == "20%"
    assert buffer.feed("done\nlast") == ["done"]
    assert buffer.flush() == ["last"]
    assert buffer.flush() == []


def test_a_line_without_end_does_not_grow_without_bound() -> None:
    buffer = LineBuffer()
    given_out = [line for _ in range(100) for line in buffer.feed("x" * 1000)]
    assert sum(map(len, given_out)) + len(buffer.unfinished) == 100_000
    assert len(buffer.unfinished) <= 8192
