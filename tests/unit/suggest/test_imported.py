"""Imported commands as answers: found by meaning, weighed against what is built in."""

import pytest
from msgspec.structs import replace

from flowd.domain.knowledge import Example, KnowledgeSource
from flowd.store import open_log
from flowd.suggest.imported import reword, vocabulary, worded
from flowd.suggest.retrieve import load_knowledge, retrieve_imported

KNOWLEDGE = load_knowledge()
EXAMPLES = [
    Example("Rotate a picture by some degrees", "spinner", "Turns pictures", 'spinner "$file"'),
    Example("Rotate the logs", "logrot", "Log files", "logrot --now"),
    Example("Rotate a picture", "git", "", 'git rotate "$file"', {"file": "the picture"}),
]


@pytest.fixture
async def log(tmp_path):
    async with open_log(tmp_path / "flow.db") as opened:
        yield opened


async def put(log, examples=EXAMPLES, known=None):
    source = KnowledgeSource("mine", "", "/x", 5, vocabulary() if known is None else known)
    await log.knowledge.put(source, worded(examples), lambda: "tldr")


async def found(log, task):
    return await retrieve_imported(task, KNOWLEDGE, log.knowledge, 5)


async def test_words_of_one_meaning_find_each_other(log):
    await put(log)
    assert (await found(log, "rotating the log"))[0].title == "Rotate the logs"
    assert await found(log, "peel potatoes") == []


async def test_a_program_people_know_goes_first(log):
    await put(log)
    assert (await found(log, "rotate a picture"))[0].workflow["steps"][0]["run"].startswith("git")


async def test_values_of_the_task_go_into_the_holes(log):
    await put(log)
    best = (await found(log, "rotate the picture cat.png"))[0].workflow
    assert best["inputs"]["file"]["default"] == "cat.png"


async def test_a_tool_that_is_named_is_what_is_wanted(log):
    rows = [Example("Empty the cache", name, "", f"{name} cache clean") for name in ("yarn", "npm")]
    await put(log, rows)
    for name in ("yarn", "npm"):
        best = (await found(log, f"empty the cache of {name}"))[0]
        assert best.workflow["steps"][0]["run"] == f"{name} cache clean"


async def test_what_an_older_flow_indexed_is_indexed_anew(log):
    strange = [replace(each, title="qqq") for each in EXAMPLES]
    await put(log, strange, known="older")
    await reword(log.knowledge)
    (source,) = await log.knowledge.sources()
    assert (source.vocabulary, source.kind, source.examples) == (vocabulary(), "tldr", 3)
    assert await found(log, "qqq")
    before = await log.knowledge.sources()
    await reword(log.knowledge)
    assert await log.knowledge.sources() == before


async def test_an_example_of_a_manual_page_goes_behind_others_that_fit_as_well(log):
    rows = [
        Example("Rotate a picture", "git(1)", "", "git rotate 1"),
        Example("Rotate a picture", "git", "", "git rotate 2"),
    ]
    await put(log, rows)
    scripts = [each.workflow["steps"][0]["run"] for each in await found(log, "rotate a picture")]
    assert scripts == ["git rotate 2", "git rotate 1"]
