"""Several plain commands of one model: asked for while there is time, and elected."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import trio
from msgspec import Struct
from trio.testing import MockClock

from flowd.domain.workflow import Workflow
from flowd.errors import ProviderFailed
from flowd.suggest.context import Context
from flowd.suggest.providers.base import Draft, Question, Silence
from flowd.suggest.providers.candidates import elected, is_settled
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_failures import refused
from flowd.suggest.providers.model_setup import ModelProvider
from flowd.suggest.providers.plain_answer import read_plain
from flowd.suggest.reliability.accounts import Account
from support.memory_books import MemoryBooks
from support.scripted_provider import draft

ASKED = "http://127.0.0.1:9"


class Model(Struct):
    """Says one after the other, a second for each, at the temperatures it was asked at."""

    says: list[str | ProviderFailed]
    temperatures: list[float | None] = []
    seconds: float = 1.0

    async def complete(self, endpoint: Endpoint, turns: list[Turn], heard: Heard) -> None:
        self.temperatures.append(endpoint.temperature)
        await trio.sleep(self.seconds)
        said = self.says.pop(0)
        if isinstance(said, ProviderFailed):
            raise said
        heard.tell(said)
        heard.finished = True


class Shown(Silence):
    """Keeps what it is told, with the time."""

    def __init__(self) -> None:
        self.told: list[tuple[float, list[str]]] = []

    def wrote(self, drafts: Sequence[Draft], unfinished: object = None) -> None:
        self.told.append((trio.current_time(), scripts_of(drafts)))


def scripts_of(drafts: Sequence[Draft]) -> list[str]:
    workflows = [each.workflow for each in drafts if isinstance(each.workflow, Workflow)]
    assert len(workflows) == len(drafts)
    return [workflow.steps[0].run for workflow in workflows]


def provider(model: Model, **more: Any) -> ModelProvider:
    settings: dict[str, Any] = {"plain": True, "candidates": 3, **more}
    endpoint = Endpoint(name="it", model="m", address=ASKED, key="k", **settings)
    return ModelProvider(endpoint, model.complete)


def question(seconds: float = 5.0, **more: Any) -> Question:
    deadline = trio.current_time() + seconds
    return Question(task="list files", context=Context(cwd="/"), deadline=deadline, **more)


def said(*commands: str) -> list[Draft]:
    return [found for command in commands for found in read_plain(command, "list files")[0]]


async def test_the_likeliest_answer_comes_first_and_others_are_drawn(autojump_clock: MockClock):
    model, shown = Model(["ls", "ls -l", "ls -l"]), Shown()
    begin = trio.current_time()
    drafts = await provider(model).propose(question(listener=shown))
    assert model.temperatures == [0.0, 0.8, 0.8]
    assert scripts_of(drafts) == ["ls -l", "ls"]
    assert [(at - begin, scripts) for at, scripts in shown.told] == [
        (pytest.approx(1), ["ls"]),
        (pytest.approx(2), ["ls", "ls -l"]),
    ]


async def test_what_is_late_is_left_and_what_is_there_is_an_answer_in_time(
    autojump_clock: MockClock,
):
    model = Model(["ls", "ls -l", "ls -a"], seconds=2.0)
    begin = trio.current_time()
    drafts = await provider(model).propose(question())
    assert scripts_of(drafts) == ["ls", "ls -l"]
    assert trio.current_time() - begin < 5


async def test_what_fails_afterwards_takes_nothing_away(autojump_clock: MockClock):
    model = Model(["ls", refused("it", 400, "")])
    assert scripts_of(await provider(model).propose(question())) == ["ls"]
    model = Model([refused("it", 400, "")])
    with pytest.raises(ProviderFailed):
        await provider(model).propose(question())


async def test_a_model_that_says_nothing_usable_is_asked_anew(autojump_clock: MockClock):
    model = Model(["I would rather not.", "ls"])
    assert scripts_of(await provider(model, candidates=1).propose(question())) == ["ls"]
    assert model.temperatures == [0.0, 0.8]
    with pytest.raises(ProviderFailed, match="nothing usable"):
        await provider(Model(["No.", "Never.", "No."])).propose(question())
    with pytest.raises(ProviderFailed, match="500"):
        await provider(Model(["No.", refused("it", 400, "500 is too many")])).propose(question())


async def test_answers_in_json_are_taken_all_the_same(autojump_clock: MockClock):
    answer = '{"a":[{"t":"List","s":[{"r":"ls"}]},{"t":"All","s":[{"r":"ls -a"}]}]}'
    drafts = await provider(Model([answer]), candidates=1).propose(question())
    assert scripts_of(drafts) == ["ls", "ls -a"]


async def test_who_is_asked_for_one_is_asked_once(autojump_clock: MockClock):
    model = Model(["ls", "ls -l"])
    assert scripts_of(await provider(model, candidates=1).propose(question())) == ["ls"]
    model = Model(['{"a":[{"t":"List","s":[{"r":"ls"}]}]}', "ls -l"])
    assert scripts_of(await provider(model, plain=False).propose(question())) == ["ls"]
    assert model.temperatures == [None]


async def test_every_candidate_is_written_down(autojump_clock: MockClock):
    books = MemoryBooks()
    asked = question(account=Account(books, "r"))
    await provider(Model(["ls", "ls -l", "no such program"])).propose(asked)
    assert [record.call.why for record in books.records] == ["first", "another", "another"]


async def test_a_recipe_that_fits_or_says_the_same_settles_it(autojump_clock: MockClock):
    ask = partial(is_settled, drafts=said("ls"))
    assert ask(question(retrieved=[draft("Look", "stat x", confidence=0.8)]))
    assert ask(question(retrieved=[draft("List", "ls", confidence=0.3)]))
    assert not ask(question(retrieved=[draft("Look", "stat x", confidence=0.7)]))
    assert not ask(question())


def test_agreement_makes_sure_and_the_first_goes_before_its_equals():
    assert [each.confidence for each in elected(said("ls"), 0.4)] == [0.4]
    each_its_own = elected(said("ls", "ls -l", "ls -a"), 0.5)
    assert scripts_of(each_its_own) == ["ls", "ls -l", "ls -a"]
    agreed = elected(said("ls 'a'", "ls 'b'", "ls  'c'"), 0.5)
    assert scripts_of(agreed) == ["ls 'a'"]
    assert agreed[0].confidence == pytest.approx(0.6)
    assert 0.5 < each_its_own[0].confidence < agreed[0].confidence
    assert each_its_own[1].confidence < 0.5
