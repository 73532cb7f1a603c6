"""What one peer may use, so that no peer can take the daemon from the others."""

from typing import NamedTuple

from flowproto.framing import MAX_BODY_BYTES


class Limits(NamedTuple):
    """Bounds of the server. Times in seconds, sizes in bytes."""

    message_bytes: int = MAX_BODY_BYTES
    requests_in_flight: int = 64
    write_seconds: float = 30.0
    half_frame_seconds: float = 30.0
    peers: int = 512
