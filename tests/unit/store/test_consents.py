"""What lasting agreements leave in the database: with the answer that gave them, or not at all."""

import pytest

from flowd.domain import events as e
from flowd.domain.consents import Granted, Keep
from flowd.domain.retention import Retention
from flowd.errors import Conflict
from flowd.store import open_log
from support.histories import run_finished, started


@pytest.fixture
async def log(tmp_path):
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened


def answered(scope="always", *, project="", key="k", at=5, approval=0, end=None):
    keep = Keep(scope, project, end)
    granted = None if approval else Granted(keep, key, ("a", "b"), "rm x", "Run it?")
    return e.QuestionAnswered(
        at=at, step="build", answer="yes", by="me", granted=granted, approval=approval
    )


async def test_an_answer_grants_is_counted_and_replaced(log):
    await log.append("r", 0, [started(), answered(at=5), answered(key="other", project="/p")])
    first, second = reversed(await log.consents.approvals())
    assert (first.key, first.project, first.rules, first.script) == ("k", "", ("a", "b"), "rm x")
    assert (first.run, first.step, first.granted_at, first.uses) == ("r", "build", 5, 0)
    assert (second.key, second.project) == ("other", "/p")
    await log.append("r", 3, [answered(at=9, approval=first.id)] * 2)
    (used,) = await log.consents.approvals_of(["k", "absent"])
    assert (used.uses, used.last_used_at) == (2, 9)
    await log.append("r", 5, [answered(at=10, end=99)])
    (anew,) = await log.consents.approvals_of(["k"])
    assert (anew.uses, anew.expires_at) == (0, 99)
    assert anew.id > second.id


async def test_what_is_not_recorded_grants_nothing_and_a_run_keeps_its_own(log):
    with pytest.raises(Conflict):
        await log.append("r", 7, [answered()])
    await log.append("r", 0, [started(), answered("run")])
    assert await log.consents.approvals() == []


async def test_a_number_is_never_used_again(log):
    await log.append("r", 0, [started(), answered()])
    (first,) = await log.consents.approvals()
    assert await log.consents.revoke(first.id) == first
    assert await log.consents.revoke(first.id) is None
    await log.append("r", 2, [answered()])
    (second,) = await log.consents.approvals()
    assert second.id > first.id


async def test_approvals_outlive_their_run_and_everything_a_restart(tmp_path):
    async with open_log(tmp_path / "flow.db") as log:
        await log.append("r", 0, [started(), answered(), run_finished()])
        await log.consents.trust("/b", 2)
        await log.consents.trust("/a", 1)
        await log.consents.trust("/a", 7)
        await log.keeper.retain(Retention(keep_runs=0))
    async with open_log(tmp_path / "flow.db") as log:
        assert (await log.stats()).runs == 0
        assert [found.run for found in await log.consents.approvals()] == ["r"]
        folders = [(f.path, f.trusted_at) for f in await log.consents.trusted_folders()]
        assert folders == [("/a", 1), ("/b", 2)]
        assert await log.consents.distrust("/a")
        assert not await log.consents.distrust("/a")
