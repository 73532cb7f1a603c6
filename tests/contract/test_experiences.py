"""What keeps the facts that are learned from must do, on disk and in memory."""

import pytest

from flowd.domain.learning import Chosen, Dismissed, Ended, Forgotten, Kept
from flowd.domain.retention import KEEP_ALL
from flowd.store import open_log
from flowd.store.experiences import MOST_FACTS
from support.memory_experiences import MemoryExperiences

CHOSEN = Chosen(
    at=1,
    task="list",
    folder="/srv",
    run="abcdef",
    title="List",
    workflow={"flow": 1, "name": "list", "steps": [{"id": "a", "run": "ls"}]},
    offered=["ls -l"],
    passed=["tree"],
)
FACTS = [
    CHOSEN,
    Dismissed(at=2, task="list", shape="ls -R"),
    Ended(at=3, run="abcdef", ending="failed", script="ls", exit_code=2),
    Forgotten(at=4, habit="never -l with ls"),
]


@pytest.fixture(params=["sqlite", "memory"])
async def experiences(request, tmp_path):
    if request.param == "memory":
        yield MemoryExperiences()
        return
    async with open_log(tmp_path / "flow.db") as log:
        yield log.experiences


async def test_facts_come_back_as_they_were_in_order(experiences):
    numbers = await experiences.keep(FACTS)
    assert await experiences.facts() == list(map(Kept, numbers, FACTS))


async def test_forgetting_some_leaves_the_others_and_no_number_comes_again(experiences):
    numbers = await experiences.keep(FACTS)
    await experiences.forget([numbers[0], numbers[3], 999])
    assert [kept.number for kept in await experiences.facts()] == numbers[1:3]
    assert await experiences.keep([CHOSEN]) > numbers[3:]


async def test_forgetting_all_says_how_many_there_were(experiences):
    await experiences.keep(FACTS)
    assert await experiences.forget_all() == len(FACTS)
    assert await experiences.facts() == []
    assert await experiences.forget_all() == 0


async def test_what_is_forgotten_is_gone_from_the_files_too(tmp_path):
    async with open_log(tmp_path / "flow.db") as log:
        await log.experiences.keep([Dismissed(at=1, task="feed the unicorn", shape="x")])
        await log.experiences.forget_all()
        await log.keeper.vacuum(KEEP_ALL)
    assert b"unicorn" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


async def test_the_oldest_go_when_there_are_too_many(tmp_path):
    async with open_log(tmp_path / "flow.db") as log:
        facts = [Dismissed(at=at, task="t", shape="x") for at in range(MOST_FACTS + 3)]
        await log.experiences.keep(facts)
        kept = await log.experiences.facts()
    assert (len(kept), kept[0].fact.at) == (MOST_FACTS, 3)
