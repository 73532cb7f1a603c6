"""Frames survive any split of the stream; garbage is an error, never a crash or a hoard."""

import os
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowproto.framing import FrameDecoder, FrameTooLarge, FramingError, encode_frame

MAX_BODY = 300
MAX_HEADER = 120

fuzzed = settings(max_examples=int(os.environ.get("FLOW_FUZZ_EXAMPLES", "100")))

bodies = st.lists(st.binary(max_size=MAX_BODY), max_size=6)
cuts = st.lists(st.integers(min_value=0, max_value=2500), max_size=12)
headers = st.sampled_from(
    [
        b"Content-Length: %d\r\n\r\n",
        b"content-length:%d\r\n\r\n",
        b"CONTENT-LENGTH:   %d  \r\nContent-Type: application/x; charset=utf-8\r\n\r\n",
        b"X-Other: a:b\r\nContent-Length: 000%d\r\n\r\n",
    ]
)


def pieces_of(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def decode_all(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """Give the bodies, and the name of the error they ended in, if any."""
    decoder = FrameDecoder(max_body=MAX_BODY, max_header=MAX_HEADER)
    found: list[bytes] = []
    try:
        for piece in pieces:
            for body in decoder.feed(piece):
                found.append(body)  # noqa: PERF402  # the ones before an error count
    except FramingError as error:
        return found, type(error).__name__
    return found, ""


@fuzzed
@given(bodies, cuts, st.data())
def test_any_split_of_any_frames_gives_the_same_frames(bodies, cuts, data):
    stream = b"".join(data.draw(headers) % len(body) + body for body in bodies)
    assert decode_all(pieces_of(stream, cuts)) == (bodies, "")


@fuzzed
@given(st.binary(max_size=800), cuts)
def test_garbage_ends_the_same_way_however_it_is_split(garbage, cuts):
    assert decode_all(pieces_of(garbage, cuts)) == decode_all([garbage])


@fuzzed
@given(bodies, st.binary(max_size=400), cuts)
def test_good_frames_before_garbage_are_not_lost(bodies, garbage, cuts):
    stream = b"".join(map(encode_frame, bodies)) + b"no header\r\n\r\n" + garbage
    assert decode_all(pieces_of(stream, cuts)) == (bodies, "FramingError")


@fuzzed
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=40))
def test_no_more_is_kept_than_a_header_a_body_and_what_was_just_fed(pieces):
    decoder = FrameDecoder(max_body=MAX_BODY, max_header=MAX_HEADER)
    for piece in pieces:
        try:
            list(decoder.feed(piece))
        except FramingError:
            return
        assert len(decoder._buffer) <= MAX_BODY + MAX_HEADER + len(piece)


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (b"Content-Length: 5", ""),
        (b"x" * MAX_HEADER, "no end of header within 120 bytes"),
        (b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "this one has 2"),
        (b"Content-Type: x\r\n\r\n", "this one has 0"),
        (b"Content-Length: -1\r\n\r\n", "not a number"),
        (b"Content-Length: 1_0\r\n\r\n", "not a number"),
        (b"Content-Length: \xb2\r\n\r\n", "not a number"),
        (b"Content-Length: \r\n\r\n", "not a number"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not a header line"),
    ],
)
def test_what_is_wrong_is_said(stream, message):
    decoder = FrameDecoder(max_body=MAX_BODY, max_header=MAX_HEADER)
    if not message:
        assert list(decoder.feed(stream)) == []
        return
    with pytest.raises(FramingError, match=message):
        list(decoder.feed(stream))


@pytest.mark.parametrize("length", [b"301", b"9" * 30, b"9" * 100])
def test_a_body_over_the_bound_is_refused_before_it_comes(length):
    with pytest.raises(FrameTooLarge, match="at most 300 are taken"):
        list(FrameDecoder(max_body=MAX_BODY).feed(b"Content-Length: " + length + b"\r\n\r\n"))


def test_a_body_at_the_bound_is_taken():
    body = b"x" * MAX_BODY
    assert list(FrameDecoder(max_body=MAX_BODY).feed(encode_frame(body))) == [body]


def test_in_frame_tells_a_clean_end_from_a_cut():
    decoder = FrameDecoder()
    assert not decoder.in_frame
    stream = encode_frame(b"{}")
    for end in range(1, len(stream)):
        assert list(decoder.feed(stream[end - 1 : end])) == []
        assert decoder.in_frame
    assert list(decoder.feed(stream[-1:])) == [b"{}"]
    assert not decoder.in_frame


def test_bodies_not_taken_come_with_the_next_feed():
    decoder = FrameDecoder()
    first = decoder.feed(encode_frame(b"1") + encode_frame(b"2"))
    assert next(first) == b"1"
    assert list(decoder.feed(encode_frame(b"3"))) == [b"2", b"3"]
