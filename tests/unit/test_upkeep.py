"""What the daemon does by itself: when, and what happens when it goes wrong."""

from types import SimpleNamespace

import pytest
import trio
import trio.testing

from flowd.domain.ports import Removed
from flowd.domain.retention import KEEP_ALL, Retention
from flowd.errors import NotFound, StoreUnavailable
from flowd.upkeep import EVERY_SECONDS, Upkeep


class Witness:
    """Notes when it is asked to retain what."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, Retention]] = []
        self.dropped: list[list[str]] = []
        self.fault = False

    async def retain(self, retention: Retention) -> Removed:
        self.asked.append((trio.current_time() - self.begun, retention))
        if self.fault:
            raise StoreUnavailable("the disk is full")
        return Removed(1)

    async def find(self, run: str) -> None:
        if self.fault:
            raise StoreUnavailable("the disk is full")
        if run != "here":
            raise NotFound(run)

    async def runs(self) -> list[str]:
        return ["gone", "here", "lost"]

    async def drop(self, runs: list[str]) -> None:
        self.dropped.append(runs)

    async def old(self, seconds: float) -> list[str]:
        return []

    begun = 0.0


@pytest.mark.parametrize("fault", [False, True])
async def test_at_the_start_every_hour_and_with_new_settings(
    autojump_clock: trio.testing.MockClock, fault: bool
) -> None:
    witness = Witness()
    witness.begun, witness.fault = trio.current_time(), fault
    changed = Retention(keep_days=3)
    upkeep = Upkeep(witness, KEEP_ALL, witness, witness, witness)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upkeep.serve)
        await trio.sleep(EVERY_SECONDS * 1.5)
        upkeep.configure(changed)
        await trio.sleep(EVERY_SECONDS * 1.2)
        nursery.cancel_scope.cancel()
    hours = [round(at / EVERY_SECONDS, 3) for at, _ in witness.asked]
    assert hours == [0, 1, 1.5, 2.5]
    assert witness.dropped == ([] if fault else [["gone", "lost"]] * 4)
    assert [keep for _, keep in witness.asked] == [KEEP_ALL, KEEP_ALL, changed, changed]


class Rehearsals:
    """What three rehearsals left: of a run that goes on, one that is over, one that is gone."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    async def old(self, seconds: float) -> list[str]:
        assert seconds >= 3600
        return ["live", "over", "gone"]

    async def drop(self, run: str) -> None:
        self.dropped.append(run)


class Log(Witness):
    """A log that knows two runs."""

    async def find(self, run: str) -> SimpleNamespace:  # type: ignore[override]
        if run in ("live", "over"):
            return SimpleNamespace(state="running" if run == "live" else "failed")
        raise NotFound(run)


async def test_rehearsals_that_nobody_asked_about_are_thrown_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    log, rehearsals = Log(), Rehearsals()
    upkeep = Upkeep(log, KEEP_ALL, log, log, rehearsals)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(upkeep.serve)
        await trio.sleep(EVERY_SECONDS / 2)
        nursery.cancel_scope.cancel()
    assert rehearsals.dropped == ["over", "gone"]
