"""Context is cut to its budget at whole lines, and says so."""

from flowd.suggest.budget import Part, cut_lines, fit


def size(parts: list[Part]) -> int:
    return sum(len(part.text.encode()) for part in parts)


def test_what_fits_is_left_as_it_is():
    parts = [Part("One", "a\nb"), Part("Two", "c")]
    assert fit(parts, 100) == parts


def test_empty_parts_are_left_out():
    assert fit([Part("One", " \n"), Part("Two", "c")], 100) == [Part("Two", "c")]


def test_lines_are_cut_whole_and_counted():
    text = "\n".join(f"line {number}" for number in range(100))
    cut = cut_lines(text, 200)
    assert len(cut.encode()) <= 200
    *kept, last = cut.split("\n")
    assert kept == text.split("\n")[: len(kept)]
    assert last == f"[{100 - len(kept)} more lines left out]"


def test_a_small_part_leaves_its_room_to_a_large_one():
    parts = fit([Part("Large", "word\n" * 500), Part("Small", "x")], 1000)
    assert parts[1].text == "x"
    assert 900 < size(parts) <= 1000


def test_a_greater_share_gets_more():
    one, two = fit([Part("One", "word\n" * 500), Part("Two", "word\n" * 500, 3)], 1000)
    assert len(two.text) > 2 * len(one.text)


def test_bytes_are_counted_and_not_characters():
    assert len(cut_lines("äöü\n" * 100, 200).encode()) <= 200


def test_nothing_fits_into_nothing():
    assert fit([Part("One", "a")], 0) == []
