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

_OUTPUT = "SELECT data FROM outputs WHERE position = ?"
_REMOVED = b"\0"  # no zlib stream begins so; what follows is the size of what was here
REMOVED_BYTES = 9  # with the size

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

    def output(self, position: int) -> bytes | int:
        """Give the output of the event at that position; its size when retention removed it."""
        data: bytes | None = self._connection.execute(_OUTPUT, (position,)).get
        if data is not None and _is_removed(data):
            return int.from_bytes(data[1:], "big")
        return self._unpacked(data, position)

    def _cached(self, cache: dict[bytes, T], digest: bytes, decode: Callable[[bytes], T]) -> T:
        if digest not in cache:
            document = decode(self._get("SELECT body FROM documents WHERE digest = ?", digest))
            if len(cache) >= CACHED_DOCUMENTS:
                del cache[next(iter(cache))]
            cache[digest] = document
        return cache[digest]

    def _get(self, query: str, key: int | bytes) -> bytes:
        return self._unpacked(self._connection.execute(query, (key,)).get, key)

    @staticmethod
    def _unpacked(compressed: bytes | None, key: int | bytes) -> bytes:
        if compressed is None:
            raise msgspec.DecodeError(f"a part kept under {key!r} is missing")
        return zlib.decompress(compressed)


def keep_documents(connection: apsw.Connection, encoded: EncodedEvent) -> list[int]:
    """Write the documents of an event that are not known, and give the keys of all of them."""
    keys: list[int] = []
    for digest, document in encoded.documents.items():
        key: int | None = connection.execute(
            "SELECT document_key FROM documents WHERE digest = ?", (digest,)
        ).get
        if key is None:
            key = connection.execute(
                "INSERT INTO documents (digest, body) VALUES (?, ?) RETURNING document_key",
                (digest, zlib.compress(document)),
            ).get
        keys.append(key)
    return keys


def keep_output(connection: apsw.Connection, encoded: EncodedEvent, position: int) -> None:
    """Write an output that does not go into the event's own row."""
    if encoded.output is not None:
        connection.execute(
            "INSERT INTO outputs (position, data) VALUES (?, ?)",
            (position, zlib.compress(encoded.output, FAST)),
        )


def remove_output(connection: apsw.Connection, position: int) -> int:
    """Put the size in place of an output; give the bytes that this frees, 0 when it was done."""
    data: bytes | None = connection.execute(_OUTPUT, (position,)).get
    if data is None or _is_removed(data):
        return 0
    size = len(zlib.decompress(data))
    connection.execute(
        "UPDATE outputs SET data = ? WHERE position = ?",
        (_REMOVED + size.to_bytes(8, "big"), position),
    )
    return len(data)


def _is_removed(data: bytes) -> bool:
    return len(data) == REMOVED_BYTES and data[:1] == _REMOVED
