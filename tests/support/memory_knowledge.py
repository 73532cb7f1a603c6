"""Imported commands in memory, for tests of what stands above the store."""

from collections.abc import Callable, Iterable, Sequence

import trio
from msgspec.structs import replace

from flowd.domain.knowledge import Example, KnowledgeSource, Worded


class MemoryKnowledge:
    """Implements `flowd.domain.knowledge.ImportedKnowledge`."""

    def __init__(
        self, known: dict[str, tuple[KnowledgeSource, list[Worded]]] | None = None
    ) -> None:
        self._known = known or {}

    async def sources(self) -> list[KnowledgeSource]:
        await trio.lowlevel.checkpoint()
        return [source for _, (source, _) in sorted(self._known.items())]

    async def put(
        self,
        source: KnowledgeSource,
        examples: Iterable[Sequence[Worded]],
        kind: Callable[[], str],
    ) -> KnowledgeSource:
        await trio.lowlevel.checkpoint()
        taken = [each for portion in examples for each in portion]
        stored = replace(source, kind=kind(), examples=len(taken))
        self._known[source.name] = (stored, taken)
        return stored

    async def remove(self, name: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._known.pop(name, None) is not None

    async def find(self, meanings: Sequence[str], limit: int) -> list[Example]:
        await trio.lowlevel.checkpoint()
        wanted = {meaning.lower() for meaning in meanings}

        def shared(worded: Worded) -> int:
            return 3 * len(wanted & set(worded.title.split())) + len(
                wanted & set(worded.about.split())
            )

        known = [each for _, examples in self._known.values() for each in examples]
        near = sorted((each for each in known if shared(each)), key=lambda each: -shared(each))
        return [each.example for each in near[:limit]]

    async def everything(self, name: str) -> list[Example]:
        await trio.lowlevel.checkpoint()
        return [each.example for each in self._known[name][1]] if name in self._known else []

    async def about(self, topic: str) -> str:
        await trio.lowlevel.checkpoint()
        known = [each.example for _, examples in self._known.values() for each in examples]
        return next((each.about for each in known if each.topic == topic), "")
