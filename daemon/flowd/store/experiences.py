"""The table of what was learned from: the `Experiences` port on SQLite."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import apsw
import msgspec

from flowd.domain.learning import Fact, Kept
from flowd.store.connection import Database, Writer

MOST_FACTS = 2000

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)


class StoredExperiences:
    """See `flowd.domain.learning.Experiences`."""

    def __init__(self, writer: Writer, reader: Database):
        self._writer = writer
        self._reader = reader

    async def facts(self) -> list[Kept]:
        """All facts; see the port."""
        return await self._reader.run(_all)

    async def keep(self, facts: Sequence[Fact]) -> list[int]:
        """Write some down; see the port."""
        return await self._writer.run(_keep, [_encode(fact) for fact in facts])

    async def forget(self, numbers: Iterable[int]) -> None:
        """Remove some; see the port."""
        await self._writer.run(_forget, tuple(numbers))

    async def forget_all(self) -> int:
        """Remove all; see the port."""
        return await self._writer.run(_forget_all)


def _all(connection: apsw.Connection) -> list[Kept]:
    rows = connection.execute("SELECT experience, fact FROM experiences ORDER BY experience")
    found = []
    for number, fact in rows:
        try:
            found.append(Kept(number, _decoder.decode(fact)))
        except msgspec.DecodeError:  # written by a newer Flow, or damaged: it teaches nothing
            continue
    return found


def _keep(connection: apsw.Connection, facts: list[bytes]) -> list[int]:
    numbers = []
    with connection:
        for fact in facts:
            connection.execute("INSERT INTO experiences (fact) VALUES (?)", (fact,))
            numbers.append(connection.last_insert_rowid())
        connection.execute(
            "DELETE FROM experiences WHERE experience <= (SELECT experience FROM experiences"
            " ORDER BY experience DESC LIMIT 1 OFFSET ?)",
            (MOST_FACTS,),
        )
    return numbers


def _forget(connection: apsw.Connection, numbers: tuple[int, ...]) -> None:
    with _erasing(connection), connection:
        connection.executemany(
            "DELETE FROM experiences WHERE experience = ?", [(number,) for number in numbers]
        )


def _forget_all(connection: apsw.Connection) -> int:
    with _erasing(connection), connection:
        gone = connection.execute("DELETE FROM experiences RETURNING experience").fetchall()
    return len(gone)


@contextmanager
def _erasing(connection: apsw.Connection) -> Iterator[None]:
    """Have what is removed overwritten in the file: who forgets wants it gone."""
    before = connection.pragma("secure_delete")
    connection.pragma("secure_delete", True)
    try:
        yield
    finally:
        connection.pragma("secure_delete", before)
