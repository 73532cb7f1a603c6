"""Imported commands: found by what they mean, replaced whole or not at all."""

from collections.abc import Iterator
from types import SimpleNamespace

import apsw
import pytest

from flowd.domain.knowledge import Example, KnowledgeSource, Worded
from flowd.store import open_log
from support.memory_knowledge import MemoryKnowledge


@pytest.fixture(params=["SQLite", "memory"])
async def log(request, tmp_path):
    """The real thing, and the one that tests of other rooms use: they must do the same."""
    if request.param == "memory":
        yield SimpleNamespace(knowledge=MemoryKnowledge())
        return
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened


def source(name="mine"):
    return KnowledgeSource(name, "", "/somewhere", 5, "v1")


def example(title, script="x"):
    return Worded(
        Example(title, "topic", "about", script, {"a": "an a"}, {"a": "1"}), title, "rest"
    )


async def put(log, *titles, name="mine"):
    portions = [[example(title)] for title in titles]
    return await log.knowledge.put(source(name), portions, lambda: "tldr")


async def test_the_sentence_on_a_topic(log):
    assert await log.knowledge.about("topic") == ""
    await put(log, "open box")
    assert await log.knowledge.about("topic") == "about"
    assert await log.knowledge.about("other") == ""
    await log.knowledge.remove("mine")
    assert await log.knowledge.about("topic") == ""


async def titles(log, *meanings):
    return [found.title for found in await log.knowledge.find(meanings, 10)]


async def test_what_is_put_is_found_the_nearest_first(log):
    stored = await put(log, "open box", "close box", "paint wall")
    assert (stored.name, stored.kind, stored.examples, stored.vocabulary) == (
        "mine",
        "tldr",
        3,
        "v1",
    )
    assert await titles(log, "close", "box") == ["close box", "open box"]
    assert await titles(log, "absent") == []
    assert await titles(log) == []
    (found,) = await log.knowledge.find(["paint"], 1)
    assert (found.inputs, found.defaults, found.topic) == ({"a": "an a"}, {"a": "1"}, "topic")


async def test_words_of_the_query_language_are_only_words(log):
    await put(log, "and or not near")
    assert await titles(log, "AND", "or", 'quo"te', "title:x", "*") == ["and or not near"]


async def test_one_of_the_same_name_is_replaced(log):
    await put(log, "old")
    await put(log, "other", name="second")
    await put(log, "new")
    assert sorted(await titles(log, "old", "new", "other")) == ["new", "other"]
    assert [(each.name, each.examples) for each in await log.knowledge.sources()] == [
        ("mine", 1),
        ("second", 1),
    ]
    assert [each.title for each in await log.knowledge.everything("mine")] == ["new"]


async def test_a_broken_import_leaves_what_was_there(log):
    await put(log, "old")

    def breaks() -> Iterator[list[Worded]]:
        yield [example("new")]
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        await log.knowledge.put(source(), breaks(), lambda: "tldr")
    assert await titles(log, "old", "new") == ["old"]
    assert [each.examples for each in await log.knowledge.sources()] == [1]


async def test_a_broken_import_leaves_nothing_of_itself(tmp_path):
    async with open_log(tmp_path / "flow.db") as log:
        with pytest.raises(ZeroDivisionError):
            await log.knowledge.put(source(), ([1 // 0] for _ in range(1)), lambda: "tldr")
    with apsw.Connection(str(tmp_path / "flow.db")) as connection:
        assert connection.execute("SELECT count(*) FROM knowledge_sources").get == 0


async def test_what_a_kill_left_behind_is_swept(tmp_path):
    async with open_log(tmp_path / "flow.db") as log:
        await put(log, "old")
    with apsw.Connection(str(tmp_path / "flow.db")) as connection:
        connection.execute("UPDATE knowledge_sources SET complete = 0")
    async with open_log(tmp_path / "flow.db") as log:
        assert await titles(log, "old") == []
        await put(log, "new", name="second")
    with apsw.Connection(str(tmp_path / "flow.db")) as connection:
        assert connection.execute("SELECT count(*) FROM knowledge").get == 1


async def test_removing(log):
    await put(log, "old")
    assert await log.knowledge.remove("mine")
    assert not await log.knowledge.remove("mine")
    assert await titles(log, "old") == []
    assert await log.knowledge.sources() == []
