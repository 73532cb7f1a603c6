"""Lasting agreements in memory, for tests of what stands above the store."""

from collections.abc import Sequence

import trio

from flowd.domain.consents import Approval, TrustedFolder


class MemoryConsents:
    """Implements `flowd.domain.consents.Consents`; approvals are what a test puts there."""

    def __init__(self, *approvals: Approval) -> None:
        self.folders: dict[str, int] = {}
        self.standing = {approval.id: approval for approval in approvals}

    async def trusted_folders(self) -> list[TrustedFolder]:
        await trio.lowlevel.checkpoint()
        return [TrustedFolder(path, at) for path, at in sorted(self.folders.items())]

    async def trust(self, path: str, at: int) -> None:
        await trio.lowlevel.checkpoint()
        self.folders.setdefault(path, at)

    async def distrust(self, path: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self.folders.pop(path, None) is not None

    async def approvals(self) -> list[Approval]:
        await trio.lowlevel.checkpoint()
        return sorted(self.standing.values(), key=lambda approval: -approval.id)

    async def revoke(self, approval: int) -> Approval | None:
        await trio.lowlevel.checkpoint()
        return self.standing.pop(approval, None)

    async def approvals_of(self, keys: Sequence[str]) -> list[Approval]:
        await trio.lowlevel.checkpoint()
        return [approval for approval in self.standing.values() if approval.key in keys]
