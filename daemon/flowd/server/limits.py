"""What one peer may use, so that no peer can take the daemon from the others."""

import resource
from typing import NamedTuple

from flowproto.framing import MAX_BODY_BYTES


class Limits(NamedTuple):
    """Bounds of the server. Times in seconds, sizes in bytes."""

    message_bytes: int = MAX_BODY_BYTES
    requests_in_flight: int = 64
    write_seconds: float = 30.0
    half_frame_seconds: float = 30.0
    peers: int = 2048


FILES_OF_OUR_OWN = 512  # the database, the outputs looked at, a handle for every adopted process


def limits_here() -> Limits:
    """Raise how many files this process may open, and give the limits with the clients that fit.

    A client that is turned away loses nothing; a daemon that can open no file would.
    """
    limits = Limits()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(soft, limits.peers + FILES_OF_OUR_OWN)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return limits._replace(peers=max(1, min(limits.peers, most - FILES_OF_OUR_OWN)))
