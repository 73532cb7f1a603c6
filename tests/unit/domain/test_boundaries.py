"""What policies draw, put together, told to people, and kept with a run."""

import msgspec

from flowd.domain.boundaries import (
    NO_BOUNDARIES,
    NOTHING_DRAWN,
    Boundaries,
    Drawn,
    drawn_by,
    words_of_drawn,
)
from flowd.domain.events import Confined


def test_nothing_is_drawn_by_files_without_boundaries() -> None:
    assert drawn_by([]) == NOTHING_DRAWN
    assert drawn_by([NO_BOUNDARIES, NO_BOUNDARIES]) == NOTHING_DRAWN
    assert words_of_drawn(NOTHING_DRAWN) == ""


def test_every_file_counts_and_what_may_be_written_may_be_read() -> None:
    drawn = drawn_by(
        [
            Boundaries(writable=("/a/**",), readable=("/b/**",)),
            Boundaries(readable=("/c/**",), network=False),
            Boundaries(writable=(), privilege=False),
        ]
    )
    assert drawn == Drawn(
        writable=(("/a/**",), ()),
        readable=(("/b/**", "/a/**"), ("/c/**",)),
        network=False,
        privilege=False,
    )


def test_people_read_places_not_globs() -> None:
    many = tuple(f"/{name}/**" for name in "abcdef")
    assert words_of_drawn(Drawn(writable=(many, ()))) == (
        "writes only to /a, /b, /c, /d and 2 more, and of these only nothing, no new privileges"
    )
    assert words_of_drawn(Drawn(readable=(("/a/*.txt", "/**"),), network=False)) == (
        "reads only /a/*.txt, / and the system's programs, no network, no new privileges"
    )


def test_a_run_recorded_before_says_what_it_said() -> None:
    for old in (["/p", "walls"], ["/p", "walls", "copy"], ["/p", "walls", "", False, [["/p/**"]]]):
        confined = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Confined)
        assert (confined.readable, confined.privilege) == ((), True)
    assert confined.drawn == Drawn(writable=(("/p/**",),), network=False)
