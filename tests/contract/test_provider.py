"""What every suggestion provider keeps to. A provider joins by a row in PROVIDERS."""

from collections.abc import Callable

import pytest
import trio

from flowd.config import ProviderConfig
from flowd.domain.parse import workflow_from_object
from flowd.domain.workflow import Workflow
from flowd.suggest.context import Context
from flowd.suggest.providers.base import Provider, Question
from flowd.suggest.providers.offline import make_provider
from flowd.suggest.retrieve import load_knowledge, retrieve
from support.scripted_provider import ScriptedProvider, draft

KNOWLEDGE = load_knowledge()
PROVIDERS: dict[str, Callable[[], Provider]] = {
    "offline": lambda: make_provider("offline", ProviderConfig()),
    "scripted": lambda: ScriptedProvider("scripted", [draft("List files", "ls -l")]),
}


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]()


def question(task: str, seconds: float = 5.0) -> Question:
    context = Context(cwd="/tmp")
    return Question(
        task=task,
        context=context,
        deadline=trio.current_time() + seconds,
        retrieved=retrieve(task, context, KNOWLEDGE, 5),
    )


async def test_it_has_the_name_it_is_asked_for_by(provider: Provider):
    assert provider.name in PROVIDERS


async def test_drafts_are_workflows_with_a_title_and_a_confidence(provider: Provider):
    drafts = await provider.propose(question("list the files in a folder"))
    assert drafts
    for found in drafts:
        assert found.title
        assert 0 <= found.confidence <= 1
        if not isinstance(found.workflow, Workflow):
            assert workflow_from_object(found.workflow).steps


async def test_the_best_comes_first(provider: Provider):
    drafts = await provider.propose(question("undo the last commit but keep the changes"))
    confidences = [found.confidence for found in drafts]
    assert confidences == sorted(confidences, reverse=True)


async def test_it_answers_several_questions_at_a_time(provider: Provider):
    answers: dict[str, int] = {}

    async def ask(task: str) -> None:
        answers[task] = len(await provider.propose(question(task)))

    async with trio.open_nursery() as nursery:
        for task in ("list files", "show disk space", "create a branch"):
            nursery.start_soon(ask, task)
    assert len(answers) == 3
    assert all(answers.values())


async def test_it_can_be_cancelled_before_it_starts(provider: Provider):
    with trio.CancelScope() as scope:
        scope.cancel()
        await provider.propose(question("list files"))
    assert scope.cancelled_caught


async def test_a_question_is_not_changed_by_asking_it(provider: Provider):
    asked = question("list the files in a folder")
    before = len(asked.retrieved)
    (await provider.propose(asked)).clear()
    assert len(asked.retrieved) == before
