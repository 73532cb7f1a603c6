"""What is kept apart from the events: workflows, environments and long outputs.

Documents are content-addressed: a thousand runs of one workflow hold it once, on disk and, through
the cache of a reader, in memory.
"""

import zlib
from collections.abc import Callable
from typing import TypeVar

import apsw
import msgspec

from flowd.domain.workflow import Workflow
from flowd.store.codec import EncodedEvent, decode_environment, decode_workflow

CACHED_DOCUMENTS = 64
FAST = 1  # zlib level: outputs are written on the way of a step, and may be megabytes

T = TypeVar("T")


class DocumentCache:
    """The documents decoded last. Those who get one share it, so nobody may change it."""

    def __init__(self) -> None:
        self.workflows: dict[bytes, Workflow] = {}
        self.environments: dict[bytes, dict[str, str]] = {}


class StoredAttachments:
    """The attachments of one database, for decoding."""

    def __init__(self, connection: apsw.Connection, cache: DocumentCache):
        self._connection = connection
        self._cache = cache

    def workflow(self, digest: bytes) -> Workflow:
        """Give the workflow with that digest."""
        return self._cached(self._cache.workflows, digest, decode_workflow)

    def environment(self, digest: bytes) -> dict[str, str]:
        """Give the environment with that digest."""
        return self._cached(self._cache.environments, digest, decode_environment)

    def output(self, position: int) -> bytes:
        """Give the output of the event at that position."""
        return self._get("SELECT data FROM outputs WHERE position = ?", position)

    def _cached(self, cache: dict[bytes, T], digest: bytes, decode: Callable[[bytes], T]) -> T:
        if digest not in cache:
            document = decode(self._get("SELECT body FROM documents WHERE digest = ?", digest))
            if len(cache) >= CACHED_DOCUMENTS:
                del cache[next(iter(cache))]
            cache[digest] = document
        return cache[digest]

    def _get(self, query: str, key: int | bytes) -> bytes:
        compressed: bytes | None = self._connection.execute(query, (key,)).get
        if compressed is None:
            raise msgspec.DecodeError(f"a part kept under {key!r} is missing")
        return zlib.decompress(compressed)


def keep_apart(connection: apsw.Connection, encoded: EncodedEvent, position: int) -> None:
    """Write what does not go into the event's own row."""
    for digest, document in encoded.documents.items():
        known = connection.execute("SELECT 1 FROM documents WHERE digest = ?", (digest,)).get
        if known is None:
            connection.execute(
                "INSERT INTO documents (digest, body) VALUES (?, ?)",
                (digest, zlib.compress(document)),
            )
    if encoded.output is not None:
        connection.execute(
            "INSERT INTO outputs (position, data) VALUES (?, ?)",
            (position, zlib.compress(encoded.output, FAST)),
        )
