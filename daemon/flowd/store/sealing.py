"""Pack the events of a finished run tightly.

While a run lives, every append is a row of its own, which is quick. When it finishes, its rows
become few compressed ones (see `packing.py`): a history of short steps shrinks to about a third.
"""

import apsw
import msgspec

from flowd.store.packing import pack, unpack

ROW_BYTES = 64 * 1024  # a row holds about this much, so that reading a part of a run stays cheap
MOST_BYTES = 4 * 1024 * 1024  # no more at once, so that one giant does not hold up all others
EMPTY_SHARE = 16  # one page in so many may be empty
MOST_PAGES = 512  # given back at once

Batch = tuple[int, int, msgspec.Raw]
"""Position and version of the last event, and the batch as `codec.join_batch` made it."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Batch])


def seal(connection: apsw.Connection, run: int, most_bytes: int = MOST_BYTES) -> int:
    """Pack the oldest recent batches of a run, about `most_bytes`; give the bytes packed.

    What is over that stays as it is, which costs room and nothing else.
    """
    chunks = _oldest_chunks(connection, run, most_bytes)
    for chunk in chunks:
        position = chunk[-1][0]
        connection.execute(
            "DELETE FROM recent_batches WHERE run = ? AND position <= ?", (run, position)
        )
        connection.execute(
            "INSERT INTO sealed_batches (position, run, batches) VALUES (?, ?, ?)",
            (position, run, pack(_encoder.encode(chunk))),
        )
    return sum(len(memoryview(batch)) for chunk in chunks for _, _, batch in chunk)


def give_back_room(connection: apsw.Connection) -> None:
    """Shrink the file, a little at a time, when sealing left much of it empty.

    Some empty pages are kept: the next runs need them while they live.
    """
    empty: int = connection.pragma("freelist_count")
    kept = connection.pragma("page_count") // EMPTY_SHARE
    if empty > kept:
        pages = min(empty - kept, MOST_PAGES)
        connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()


def unseal(sealed: bytes) -> list[Batch]:
    """Give the batches of a sealed row; zlib.error or msgspec.DecodeError when it is damaged."""
    return _decoder.decode(unpack(sealed))


def _oldest_chunks(connection: apsw.Connection, run: int, most_bytes: int) -> list[list[Batch]]:
    chunks: list[list[Batch]] = []
    total = room = 0
    for position, version, events in connection.execute(
        "SELECT position, version, events FROM recent_batches WHERE run = ? ORDER BY position",
        (run,),
    ):
        if total >= most_bytes:
            break
        if room <= 0:
            chunks.append([])
            room = ROW_BYTES
        chunks[-1].append((position, version, msgspec.Raw(events)))
        total += len(events)
        room -= len(events)
    return chunks
