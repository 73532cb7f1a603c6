"""The sentence model and what it is for: other words for the same thing."""

from pathlib import Path

import pytest

from flowd.store import open_log
from flowd.suggest.minilm import DIMENSIONS, MiniLM, find_model, likeness
from flowd.suggest.nearness import Nearness
from flowd.suggest.providers.base import Draft

FOLDER = find_model()
needs_model = pytest.mark.skipif(
    FOLDER is None, reason="no sentence model: tests/install_tools.sh installs one"
)
PARAPHRASES = {
    "Show what uses most processor time": "which process eats my cpu",
    "Show free disk space": "is there room left on the drive",
    "Undo the last commit": "take back what I just committed",
    "Delete a branch": "get rid of a line of development",
    "Follow a log file": "see new log lines as they arrive",
    "Find files by name": "where is the document called report",
    "Create a virtual environment": "isolated python installation for this project",
    "Restart a service": "bounce the web server daemon",
    "Compress a folder": "make this directory smaller to send it by mail",
    "List running containers": "which docker instances are alive",
    "Copy a file to another machine": "transfer a document to my server",
    "Count the lines of a file": "number of lines in this text",
}


@pytest.fixture(scope="module")
def model() -> MiniLM:
    assert FOLDER is not None
    return MiniLM(FOLDER)


@needs_model
def test_other_words_for_the_same_thing_are_nearest(model: MiniLM) -> None:
    titles = list(PARAPHRASES)
    offered = model.encode(titles)
    right = 0
    for title, asked in zip(titles, model.encode(list(PARAPHRASES.values())), strict=True):
        near = [likeness(asked, each) for each in offered]
        right += titles[near.index(max(near))] == title
    assert right >= len(titles) - 1


@needs_model
def test_the_company_a_text_keeps_changes_nothing(model: MiniLM) -> None:
    texts = ["list files", "", "日本 naïve ½ \0 \U0001f600", "x" * 5000, "find . -name '*.py'"]
    together = model.encode(texts)
    assert all(len(each) == DIMENSIONS for each in together)
    for text, vector in zip(texts, together, strict=True):
        (alone,) = model.encode([text])
        assert likeness(alone, vector) > 0.999


@needs_model
def test_a_word_is_cut_into_the_longest_known_pieces(model: MiniLM) -> None:
    assert model._tokens("unaffable") == model._tokens("UNAFFABLÉ")
    known = {number: piece for piece, number in model._vocabulary.items()}
    assert [known[each] for each in model._tokens("tokenizing!")] == [
        "[CLS]",
        "token",
        "##izing",
        "!",
        "[SEP]",
    ]


def drafts(*phrases: str) -> list[Draft]:
    return [Draft(title=phrase, workflow={}, confidence=0.5, asked_as=phrase) for phrase in phrases]


@needs_model
async def test_the_nearer_draft_goes_first_also_after_a_restart(tmp_path: Path) -> None:
    assert FOLDER is not None
    offered = [
        *drafts("Show what uses most memory", "Show what uses most processor time"),
        Draft(title="unmeasured", workflow={}, confidence=0.4),
    ]
    for _ in range(2):
        async with open_log(tmp_path / "flow.db") as log:
            ordered = await Nearness(FOLDER, log.meanings).put_in_order("what eats my cpu", offered)
        memory, processor, unmeasured = (draft.confidence for draft in ordered)
        assert processor > memory
        assert unmeasured == 0.4


@needs_model
async def test_the_rest_is_made_out_in_the_background(tmp_path, autojump_clock, nursery) -> None:
    import trio

    assert FOLDER is not None
    async with open_log(tmp_path / "flow.db") as log:
        nearness = Nearness(FOLDER, log.meanings)
        phrases = [f"list {number} files" for number in range(40)]
        nearness.learn_soon(phrases)
        nursery.start_soon(nearness.serve)
        keys = [nearness._key(phrase) for phrase in phrases]
        while len(await log.meanings.get(keys)) < len(keys):
            await trio.sleep(1)
        nursery.cancel_scope.cancel()


async def test_what_is_no_model_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    (tmp_path / "vocab.txt").write_text("a\n")
    offered = drafts("anything")
    async with open_log(tmp_path / "flow.db") as log:
        nearness = Nearness(tmp_path / "absent", log.meanings)
        assert await nearness.put_in_order("task", offered) == offered
        nearness = Nearness(tmp_path, log.meanings)
        assert await nearness.put_in_order("task", offered) == offered


def test_a_model_is_found_where_it_is_said_to_be(tmp_path: Path) -> None:
    assert find_model(str(tmp_path)) is None
    (tmp_path / "model.safetensors").touch()
    pytest.importorskip("numpy")
    assert find_model(str(tmp_path)) == tmp_path
