"""What is learned from, in memory: for tests of what stands above the store."""

from collections.abc import Iterable, Sequence

import trio

from flowd.domain.learning import Fact, Kept


class MemoryExperiences:
    """Implements `flowd.domain.learning.Experiences`."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self._last = 0

    async def facts(self) -> list[Kept]:
        await trio.lowlevel.checkpoint()
        return list(self.kept)

    async def keep(self, facts: Sequence[Fact]) -> list[int]:
        await trio.lowlevel.checkpoint()
        numbers = list(range(self._last + 1, self._last + 1 + len(facts)))
        self._last += len(facts)
        self.kept += map(Kept, numbers, facts)
        return numbers

    async def forget(self, numbers: Iterable[int]) -> None:
        await trio.lowlevel.checkpoint()
        gone = set(numbers)
        self.kept = [each for each in self.kept if each.number not in gone]

    async def forget_all(self) -> int:
        await trio.lowlevel.checkpoint()
        count, self.kept = len(self.kept), []
        return count
