"""The frame around every message, as in LSP: `Content-Length: N`, an empty line, N bytes.

Sans-io: bytes in, bodies out. Both ends use it; it imports nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_HEADER_BYTES = 4096

_END_OF_HEADER = b"\r\n\r\n"


class FramingError(Exception):
    """The bytes are not frames. Nothing after this point can be understood: close the stream."""


class FrameTooLarge(FramingError):
    """A body is longer than this end accepts."""


def encode_frame(body: bytes) -> bytes:
    """Put the header in front of one encoded message."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class FrameDecoder:
    """Cuts a stream of bytes into bodies, however the stream was split on its way.

    Holds at most one header and one body (`max_header`, `max_body` bytes) beyond what is fed.
    """

    def __init__(self, *, max_body: int = MAX_BODY_BYTES, max_header: int = MAX_HEADER_BYTES):
        self._max_body = max_body
        self._max_header = max_header
        self._buffer = bytearray()
        self._searched = 0
        self._missing: int | None = None

    @property
    def in_frame(self) -> bool:
        """Whether a frame has begun and not ended: an end of stream now would cut it short."""
        return self._missing is not None or bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes and give the bodies they complete, in order.

        Iterate to the end, or feed again: nothing is lost either way. FramingError (or
        FrameTooLarge) comes after the good bodies that were before the bad place.
        """
        self._buffer += data
        return self._bodies()

    def _bodies(self) -> Iterator[bytes]:
        while True:
            if self._missing is None:
                self._missing = self._take_header()
                if self._missing is None:
                    return
            if len(self._buffer) < self._missing:
                return
            body = bytes(memoryview(self._buffer)[: self._missing])
            del self._buffer[: self._missing]
            self._missing = None
            yield body

    def _take_header(self) -> int | None:
        """Give the length of the body to come; None while the header is not complete."""
        end = self._buffer.find(_END_OF_HEADER, self._searched, self._max_header)
        if end < 0:
            if len(self._buffer) >= self._max_header:
                raise FramingError(f"no end of header within {self._max_header} bytes")
            self._searched = max(0, len(self._buffer) - len(_END_OF_HEADER) + 1)
            return None
        header = bytes(memoryview(self._buffer)[:end])
        del self._buffer[: end + len(_END_OF_HEADER)]
        self._searched = 0
        return self._length_in(header)

    def _length_in(self, header: bytes) -> int:
        lengths = []
        for line in header.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            if not colon:
                raise FramingError(f"not a header line: {line[:60]!r}")
            if name.strip().lower() == b"content-length":
                lengths.append(value.strip())
        if len(lengths) != 1:
            raise FramingError(f"a header needs one Content-Length, this one has {len(lengths)}")
        if not lengths[0].isdigit():
            raise FramingError(f"Content-Length is not a number: {lengths[0][:60]!r}")
        digits = lengths[0].lstrip(b"0") or b"0"
        if len(digits) > len(str(self._max_body)) or int(digits) > self._max_body:
            raise FrameTooLarge(
                f"a message of {digits[:20].decode()} bytes; at most {self._max_body} are taken"
            )
        return int(digits)
