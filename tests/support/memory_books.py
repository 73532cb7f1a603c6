"""Books in memory, for tests of what stands above the store."""

from collections.abc import Sequence

import trio

from flowd.domain.usage import Allowance, Call, CallRecord, Ended, Spent, UsageRow


class MemoryBooks:
    """Implements `flowd.domain.usage.Books`; `rows` are what a test puts there."""

    def __init__(self, *rows: UsageRow) -> None:
        self.records: list[CallRecord] = []
        self.rows = list(rows)

    async def begin(self, call: Call, allowances: Sequence[Allowance], day_start: int) -> int:
        await trio.lowlevel.checkpoint()
        self.records.append(CallRecord(call=call, ended=None))
        return len(self.records) - 1

    async def end(self, number: int, ended: Ended) -> None:
        self.records[number] = CallRecord(call=self.records[number].call, ended=ended)

    async def note(self, call: Call, ended: Ended) -> None:
        await trio.lowlevel.checkpoint()
        self.records.append(CallRecord(call=call, ended=ended))

    async def spent(self, provider: str, since: int) -> Spent:
        await trio.lowlevel.checkpoint()
        return Spent()

    async def usage(self, since: int) -> list[UsageRow]:
        await trio.lowlevel.checkpoint()
        return self.rows

    async def calls(self, limit: int) -> list[CallRecord]:
        await trio.lowlevel.checkpoint()
        return self.records[: -limit - 1 : -1]
