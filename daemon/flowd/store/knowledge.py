"""The tables of imported commands: the `ImportedKnowledge` port on SQLite."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import apsw
import trio

from flowd.domain.knowledge import Example, KnowledgeSource, Worded
from flowd.store.connection import Database, Writer

_MOST_TERMS = 24  # of a question; a sentence has about eight
_TITLE, _ABOUT = 3.0, 1.0  # how much a meaning tells by where it is
_PORTION = 2000  # rows removed in one transaction: others write meanwhile


class StoredKnowledge:
    """See `flowd.domain.knowledge.ImportedKnowledge`."""

    def __init__(self, writer: Writer, reader: Database):
        self._writer = writer
        self._reader = reader
        self._changing = trio.Lock()

    async def sources(self) -> list[KnowledgeSource]:
        """What was imported; see the port."""
        return await self._reader.run(_sources)

    async def put(
        self,
        source: KnowledgeSource,
        examples: Iterable[Sequence[Worded]],
        kind: Callable[[], str],
    ) -> KnowledgeSource:
        """Take a collection in; see the port."""
        async with self._changing:
            try:
                number = await self._writer.run(_begin, source)
                portions = iter(examples)
                while portion := await trio.to_thread.run_sync(next, portions, None):
                    await self._writer.run(_add, number, portion)
                await self._writer.run(_complete, number, source.name, kind())
            finally:
                with trio.CancelScope(shield=True):  # milliseconds a portion
                    await self._clear()
        return next(found for found in await self.sources() if found.name == source.name)

    async def remove(self, name: str) -> bool:
        """Forget a collection; see the port."""
        async with self._changing:
            known = await self._writer.run(_withdraw, name)
            await self._clear()
        return known

    async def find(self, meanings: Sequence[str], limit: int) -> list[Example]:
        """Give the nearest examples; see the port."""
        return await self._reader.run(_find, meanings, limit)

    async def about(self, topic: str) -> str:
        """Give the sentence on a topic; see the port."""
        return await self._reader.run(_about, topic)

    async def everything(self, name: str) -> list[Example]:
        """Give all of a collection; see the port."""
        return await self._reader.run(_everything, name)

    async def _clear(self) -> None:
        """Remove the rows of collections that do not count, a portion at a time."""
        while await self._writer.run(_remove_some):
            pass


class StoredMeanings:
    """See `flowd.domain.knowledge.Meanings`."""

    def __init__(self, writer: Writer, reader: Database):
        self._writer = writer
        self._reader = reader

    async def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Give those that are known; see the port."""
        return await self._reader.run(_vectors, keys)

    async def put(self, made: Mapping[bytes, bytes]) -> None:
        """Keep some; see the port."""
        await self._writer.run(_keep_vectors, made)


def _vectors(connection: apsw.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for key in keys:
        for (vector,) in connection.execute(
            "SELECT vector FROM text_vectors WHERE key = ?", (key,)
        ):
            found[key] = vector
    return found


def _keep_vectors(connection: apsw.Connection, made: Mapping[bytes, bytes]) -> None:
    with connection:
        connection.executemany("INSERT OR IGNORE INTO text_vectors VALUES (?, ?)", made.items())


def _sources(connection: apsw.Connection) -> list[KnowledgeSource]:
    rows = connection.execute(
        "SELECT name, kind, origin, imported_at, vocabulary,"
        " (SELECT count(*) FROM knowledge WHERE knowledge.source = known.source)"
        " FROM knowledge_sources AS known WHERE complete ORDER BY name"
    )
    return [KnowledgeSource(*row) for row in rows]


def _begin(connection: apsw.Connection, source: KnowledgeSource) -> int:
    with connection:
        connection.execute(
            "INSERT INTO knowledge_sources (name, kind, origin, imported_at, vocabulary, complete)"
            " VALUES (?, ?, ?, ?, ?, 0)",
            (source.name, source.kind, source.origin, source.imported_at, source.vocabulary),
        )
        return int(connection.last_insert_rowid())
    raise AssertionError  # for mypy, which thinks that the transaction may swallow errors


def _add(connection: apsw.Connection, source: int, portion: Sequence[Worded]) -> None:
    with connection:
        for worded in portion:
            example = worded.example
            holes = {
                name: [told, example.defaults.get(name)] for name, told in example.inputs.items()
            }
            connection.execute(
                "INSERT INTO knowledge (source, title, topic, about, script, inputs)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    source,
                    example.title,
                    example.topic,
                    example.about,
                    example.script,
                    json.dumps(holes) if holes else "",
                ),
            )
            connection.execute(
                "INSERT INTO knowledge_meanings (rowid, title, about) VALUES (?, ?, ?)",
                (connection.last_insert_rowid(), worded.title, worded.about),
            )


def _complete(connection: apsw.Connection, source: int, name: str, kind: str) -> None:
    with connection:
        connection.execute("UPDATE knowledge_sources SET complete = 0 WHERE name = ?", (name,))
        connection.execute(
            "UPDATE knowledge_sources SET complete = 1, kind = ? WHERE source = ?", (kind, source)
        )


def _withdraw(connection: apsw.Connection, name: str) -> bool:
    with connection:
        connection.execute(
            "UPDATE knowledge_sources SET complete = 0 WHERE name = ? AND complete", (name,)
        )
        withdrawn = connection.changes()
    return withdrawn > 0


def _remove_some(connection: apsw.Connection) -> bool:
    """Remove some rows of what is not complete; False when there is nothing left of it."""
    with connection:
        left = connection.execute(
            "SELECT source FROM knowledge_sources WHERE NOT complete"
        ).fetchall()
        if not left:
            return False
        for (source,) in left:
            rows = connection.execute(
                "SELECT example FROM knowledge WHERE source = ? LIMIT ?", (source, _PORTION)
            ).fetchall()
            connection.executemany("DELETE FROM knowledge_meanings WHERE rowid = ?", rows)
            connection.executemany("DELETE FROM knowledge WHERE example = ?", rows)
            if len(rows) < _PORTION:
                connection.execute("DELETE FROM knowledge_sources WHERE source = ?", (source,))
    return True


def _find(connection: apsw.Connection, meanings: Sequence[str], limit: int) -> list[Example]:
    telling = [meaning for meaning in meanings if '"' not in meaning][:_MOST_TERMS]
    if not telling:
        return []
    words = " OR ".join(f'"{meaning}"' for meaning in telling)
    rows = connection.execute(
        "SELECT known.title, known.topic, known.about, known.script, known.inputs"
        " FROM (SELECT rowid AS example, bm25(knowledge_meanings, ?, ?) AS distance"
        "       FROM knowledge_meanings WHERE knowledge_meanings MATCH ?"
        "       ORDER BY distance LIMIT ?) AS near"
        " JOIN knowledge AS known USING (example)"
        " JOIN knowledge_sources AS source USING (source) WHERE source.complete"
        " ORDER BY near.distance",
        (_TITLE, _ABOUT, words, limit),
    )
    return [_example(row) for row in rows]


def _about(connection: apsw.Connection, topic: str) -> str:
    """Look through all rows, which takes milliseconds: seldom asked, so it has no index."""
    rows = connection.execute(
        "SELECT known.about FROM knowledge AS known JOIN knowledge_sources USING (source)"
        " WHERE topic = ? AND known.about != '' AND complete LIMIT 1",
        (topic,),
    )
    return str(next(iter(rows), ("",))[0])


def _everything(connection: apsw.Connection, name: str) -> list[Example]:
    rows = connection.execute(
        "SELECT title, topic, known.about, script, inputs FROM knowledge AS known"
        " JOIN knowledge_sources USING (source) WHERE name = ? AND complete ORDER BY example",
        (name,),
    )
    return [_example(row) for row in rows]


def _example(row: Sequence[str]) -> Example:
    title, topic, about, script, inputs = row
    holes: dict[str, list[str | None]] = json.loads(inputs) if inputs else {}
    return Example(
        title,
        topic,
        about,
        script,
        {name: told or "" for name, (told, _) in holes.items()},
        {name: given for name, (_, given) in holes.items() if given is not None},
    )
