"""The grammar never sees a character that its scanner cannot cope with."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowd.safety.parsing.standins import TooManyCharacters, bearable

_SOME = st.text(
    st.sampled_from("ab \n<'éüÿµ\x85\u00a0ЖΩ‽日本\u2028\ue001😀\U0010ffff"), max_size=12
)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_every_position_stays_what_it_was(text):
    shape = bearable(text)
    before = [len(character.encode()) for character in text]
    assert len(shape.encode()) == sum(before)
    assert max(shape, default="") <= "\xff"
    assert [c for c in shape if c.isspace()] == [c for c in text if c.isspace() and c < "\x80"]


@given(_SOME, _SOME, _SOME)
def test_what_differs_still_differs(one, other, around):
    """Or a here-document could be made to end where it does not."""
    shape = bearable(f"{one}\0{around}\0{other}")
    first, _, last = shape.split("\0")
    assert (first == last) is (one == other)


def test_ascii_is_left_alone():
    assert bearable("rm -rf ~/'a b'\x7f") == "rm -rf ~/'a b'\x7f"


@pytest.mark.parametrize(("first", "count"), [(0x100, 96), (0x4E00, 2_000), (0x10000, 3_000)])
def test_text_of_too_many_characters_is_refused(first, count):
    with pytest.raises(TooManyCharacters):
        bearable("".join(chr(first + number) for number in range(count)))


@pytest.mark.parametrize(
    "script",
    [
        "\U0010fe3dW{\U000c14cc\U00090c5a",
        "{\U00082baa³4xú&áí\x9e\U000a9941\x0bD|\x03\U000aabb6¶\x07",
    ],
)
def test_the_parser_lives(script):
    """In a process of its own: what is tested for is its death."""
    code = (
        "import sys; from flowd.safety.judge import make_judge;"
        "[make_judge().judge(sys.argv[1]) for _ in range(100)]"
    )
    subprocess.run([sys.executable, "-c", code, script], check=True)
