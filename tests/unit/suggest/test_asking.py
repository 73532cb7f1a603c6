"""In which order providers are asked, who is waited for, and what is kept when time is up."""

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from flowd.config import Config, SuggestConfig
from flowd.domain.suggestions import SuggestAnswer, SuggestProgress, SuggestRequest
from flowd.errors import ProviderFailed
from flowd.safety.judge import make_judge
from flowd.suggest.memory import Memory
from flowd.suggest.pipeline import PipelineSuggester
from flowd.suggest.providers.base import Draft, Provider, Question, Unfinished
from support.fixed_registry import FixedRegistry
from support.scripted_provider import ScriptedProvider, draft

JUDGE = make_judge()
DOWN = ProviderFailed("no route", cure="start it")


class Writer:
    """Writes one draft after the other, `pause` seconds apart, the first after `first`."""

    def __init__(
        self,
        name: str,
        *drafts: Draft,
        first: float = 0.0,
        pause: float = 1.0,
        breaks: ProviderFailed | None = None,
    ):
        self.name = name
        self.asked = 0
        self.cancelled = 0
        self._drafts, self._first, self._pause, self._breaks = drafts, first, pause, breaks

    async def propose(self, question: Question) -> list[Draft]:
        self.asked += 1
        try:
            await trio.sleep(self._first)
            question.listener.began()
            for number in range(1, len(self._drafts) + 1):
                await trio.sleep(self._pause)
                question.listener.wrote(self._drafts[:number], Unfinished("next", ["true"]))
            if self._breaks is not None:
                raise self._breaks
            return list(self._drafts)
        except trio.Cancelled:
            self.cancelled += 1
            raise


def suggester(providers: Sequence[Provider], **settings: object) -> PipelineSuggester:
    names = [provider.name for provider in providers]
    config = SuggestConfig(**{"fallback": names, **settings})  # type: ignore[arg-type]
    return PipelineSuggester(
        FixedRegistry(providers), JUDGE, Memory(), config=Config(suggest=config)
    )


async def ask(*providers: Provider, seconds: float = 5.0, **settings: object) -> SuggestAnswer:
    request = SuggestRequest(task="list the files", cwd="/tmp", deadline_seconds=seconds)
    return await suggester(providers, **settings).suggest(request)


LIST = draft("List the files", "ls -l")
COUNT = draft("Count the files", "find . -type f | wc -l")


async def test_the_next_is_asked_when_one_fails_and_not_before(autojump_clock: MockClock):
    first = ScriptedProvider("first", error=DOWN, seconds=1)
    second = ScriptedProvider("second", [LIST])
    third = ScriptedProvider("third", [COUNT])
    answer = await ask(first, second, third)
    assert [found.provider for found in answer.suggestions] == ["second"]
    assert not third.asked
    assert [(row.provider, row.error) for row in answer.providers] == [
        ("first", "no route"),
        ("second", ""),
    ]


async def test_a_slow_one_is_waited_for_unless_it_is_hedged(autojump_clock: MockClock):
    slow, other = Writer("slow", LIST, first=2), Writer("other", COUNT)
    answer = await ask(slow, other)
    assert [found.provider for found in answer.suggestions] == ["slow"]
    assert not other.asked


async def test_a_late_one_is_hedged_and_who_begins_first_is_the_one(autojump_clock: MockClock):
    slow, other = Writer("slow", LIST, first=3), Writer("other", COUNT)
    answer = await ask(slow, other, hedge_seconds=1.0)
    assert [found.provider for found in answer.suggestions] == ["other"]
    assert slow.cancelled == 1
    assert all(not row.error for row in answer.providers)


async def test_the_only_one_is_asked_a_second_time_when_it_is_late(autojump_clock: MockClock):
    class FirstIsLost(Writer):
        async def propose(self, question: Question) -> list[Draft]:
            self._first = 0.0 if self.asked else 60.0
            return await super().propose(question)

    only = FirstIsLost("only", LIST)
    start = trio.current_time()
    answer = await ask(only, hedge_seconds=1.0, fallback=[])
    assert [found.title for found in answer.suggestions] == ["List the files"]
    assert (only.asked, only.cancelled) == (2, 1)
    assert len(answer.providers) == 1
    assert trio.current_time() - start < 3


async def test_nobody_else_is_asked_once_one_has_begun(autojump_clock: MockClock):
    breaking = Writer("breaking", LIST, COUNT, pause=0.5, breaks=DOWN)
    other = Writer("other", COUNT)
    answer = await ask(breaking, other)
    assert not other.asked
    assert {found.title for found in answer.suggestions} == {"List the files", "Count the files"}
    assert answer.providers[0].error == "no route"


async def test_when_time_is_up_what_is_complete_is_kept(autojump_clock: MockClock):
    answer = await ask(Writer("slow", LIST, COUNT, pause=2), seconds=3)
    assert [found.title for found in answer.suggestions] == ["List the files"]
    assert "no complete answer within" in answer.providers[0].error


async def test_all_failing_is_an_error_of_each_and_no_waiting(autojump_clock: MockClock):
    start = trio.current_time()
    both = [ScriptedProvider(name, error=DOWN) for name in ("one", "two")]
    answer = await ask(*both, hedge_seconds=60.0)
    assert not answer.suggestions
    assert [row.cure for row in answer.providers] == ["start it", "start it"]
    assert trio.current_time() - start < 1


async def test_an_answer_is_used_again_until_it_is_old_or_a_fresh_one_is_wanted(
    autojump_clock: MockClock,
):
    model = ScriptedProvider("model", [LIST])
    whole = suggester([model], cache_seconds=60.0)

    async def asked_after(task: str, *, fresh: bool = False) -> int:
        await whole.suggest(SuggestRequest(task=task, cwd="/tmp", fresh=fresh))
        return len(model.asked)

    assert await asked_after("list the files") == 1
    assert await asked_after("  List  the FILES ") == 1
    assert await asked_after("list the folders") == 2
    assert await asked_after("list the files", fresh=True) == 3
    await trio.sleep(61)
    assert await asked_after("list the files") == 4


async def test_another_folder_is_another_question(tmp_path):
    model = ScriptedProvider("model", [LIST])
    whole = suggester([model])
    await whole.suggest(SuggestRequest(task="list", cwd=str(tmp_path)))
    (tmp_path / "Makefile").write_text("all:\n")
    await whole.suggest(SuggestRequest(task="list", cwd=str(tmp_path)))
    assert len(model.asked) == 2


async def test_failures_are_not_kept(autojump_clock: MockClock):
    model = ScriptedProvider("model", error=DOWN)
    whole = suggester([model])
    for _ in range(2):
        await whole.suggest(SuggestRequest(task="list", cwd="/tmp"))
    assert len(model.asked) == 2


async def test_what_there_is_is_shown_as_it_comes_and_keeps_its_id(autojump_clock: MockClock):
    shown: list[SuggestProgress] = []

    async def show(progress: SuggestProgress) -> None:
        shown.append(progress)

    offline = ScriptedProvider("offline", [draft("Look", "ls")])
    model = Writer("model", LIST, COUNT)
    whole = suggester([offline, model], fallback=[])
    request = SuggestRequest(task="list the files", cwd="/tmp")
    answer = await whole.suggest(request, show)
    assert [found.title for found in shown[0].suggestions] == ["Look"]
    assert [len(each.suggestions) for each in shown] == sorted(
        len(each.suggestions) for each in shown
    )
    assert any(each.writing and each.writing[0].scripts == ["true"] for each in shown)
    names = {found.title: found.id for found in answer.suggestions}
    for progress in shown:
        for found in progress.suggestions:
            assert names[found.title] == found.id
            assert whole.recall(found.id).workflow == found.workflow
