"""The pipeline: providers side by side, each failing for itself; drafts checked, judged, ranked."""

import json
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from flowd.config import Config, ProviderConfig, SuggestConfig
from flowd.domain.suggestions import SuggestAnswer, SuggestRequest
from flowd.errors import InvalidInput, NotFound, ProviderFailed
from flowd.exec.flags import Manuals
from flowd.exec.preflight import MachinePreflight
from flowd.safety.judge import make_judge
from flowd.suggest.memory import Memory
from flowd.suggest.pipeline import PipelineSuggester, make_suggester
from flowd.suggest.providers.base import Draft, Provider, Question
from flowd.suggest.providers.model_answer import Turn, ask_for_drafts
from flowd.suggest.providers.registry import Registry
from support.fixed_registry import FixedRegistry
from support.scripted_provider import ScriptedProvider, draft

JUDGE = make_judge()


def suggester(*providers: Provider, capacity: int = 100) -> PipelineSuggester:
    return PipelineSuggester(FixedRegistry(providers), JUDGE, Memory(capacity))


async def ask(
    *providers: Provider, task: str = "list the files", seconds: float = 5.0, limit: int = 5
) -> SuggestAnswer:
    request = SuggestRequest(task=task, cwd="/tmp", deadline_seconds=seconds, limit=limit)
    return await suggester(*providers).suggest(request)


GOOD = ScriptedProvider("good", [draft("List the files", "ls -l")])


async def test_a_slow_provider_is_left_behind_and_hides_nobody(autojump_clock: MockClock):
    slow = ScriptedProvider("slow", [draft("Late", "true")], seconds=3600)
    start = trio.current_time()
    answer = await ask(GOOD, slow, seconds=2)
    assert [found.title for found in answer.suggestions] == ["List the files"]
    good, late = answer.providers
    assert (good.error, good.suggestions) == ("", 1)
    assert "no answer within" in late.error
    assert late.cure
    assert trio.current_time() - start < 2.5


async def test_providers_are_asked_side_by_side(autojump_clock: MockClock):
    one = ScriptedProvider("one", [draft("One", "ls")], seconds=3)
    two = ScriptedProvider("two", [draft("Two", "df -h")], seconds=3)
    answer = await ask(one, two, seconds=10)
    assert {found.provider for found in answer.suggestions} == {"one", "two"}
    assert answer.elapsed_ms < 4000


async def test_a_failing_provider_reports_its_cure_and_hides_nobody():
    broken = ScriptedProvider("broken", error=ProviderFailed("no route", cure="start the server"))
    answer = await ask(broken, GOOD)
    assert [found.title for found in answer.suggestions] == ["List the files"]
    report = answer.providers[0]
    assert (report.provider, report.error, report.cure) == (
        "broken",
        "no route",
        "start the server",
    )


async def test_a_bug_in_a_provider_stays_with_it():
    buggy = ScriptedProvider("buggy", error=ZeroDivisionError("oops"))
    answer = await ask(buggy, GOOD)
    assert answer.suggestions
    assert "ZeroDivisionError: oops" in answer.providers[0].error


async def test_an_invalid_draft_is_dropped_and_the_reason_is_told():
    invalid = Draft(title="Bad", workflow={"flow": 1, "name": "bad", "steps": [{"id": "a"}]})
    mixed = ScriptedProvider("mixed", [invalid, draft("List the files", "ls")])
    answer = await ask(mixed)
    assert [found.title for found in answer.suggestions] == ["List the files"]
    assert "1 of 2 answers were no valid workflow" in answer.providers[0].error
    assert "run" in answer.providers[0].error


async def test_a_dangerous_draft_carries_its_verdict_and_comes_last():
    bold = ScriptedProvider("bold", [draft("Free everything", "rm -rf /", confidence=1.0)])
    timid = ScriptedProvider("timid", [draft("Show free space", "df -h", confidence=0.1)])
    answer = await ask(bold, timid, task="free disk space")
    assert [found.verdict for found in answer.suggestions] == ["allow", "block"]
    blocked = answer.suggestions[-1]
    assert blocked.findings
    assert blocked.score < answer.suggestions[0].score


async def test_a_dangerous_undo_is_blocked_too():
    steps = [{"id": "a", "run": "ls", "undo": "rm -rf ~"}]
    sly = Draft(title="List", workflow={"flow": 1, "name": "l", "steps": steps}, confidence=1.0)
    answer = await ask(ScriptedProvider("sly", [sly]))
    assert answer.suggestions[0].verdict == "block"


@pytest.mark.parametrize(
    ("provider", "asked", "of_steps", "given"),
    [
        ("model", {}, [None, None], ("project", [None, None])),
        ("model", {"sandbox": "strict"}, [None, "project"], ("strict", [None, "project"])),
        ("model", {"sandbox": "off"}, ["off", "strict"], ("project", [None, "strict"])),
        ("offline", {}, [None, "off"], ("off", [None, "off"])),
    ],
)
async def test_what_a_model_writes_is_confined_and_its_own_off_does_not_count(
    provider: str, asked: dict[str, str], of_steps: list[str | None], given: object
):
    wanted = draft("Look around", "ls -l", "pwd", defaults=asked)
    steps = wanted.workflow["steps"]  # type: ignore[index]
    for step, level in zip(steps, of_steps, strict=True):
        step.update({"sandbox": level} if level else {})
    answer = await ask(ScriptedProvider(provider, [wanted]))
    workflow = answer.suggestions[0].workflow
    assert (workflow.defaults.sandbox, [step.sandbox for step in workflow.steps]) == given


async def test_what_can_be_taken_back_is_told_for_each_step():
    steps = [
        {"id": "look", "run": "ls"},
        {"id": "make", "run": "mkdir x", "undo": "rmdir x"},
        {"id": "send", "run": "git push"},
    ]
    found = Draft(title="Steps", workflow={"flow": 1, "name": "s", "steps": steps})
    answer = await ask(ScriptedProvider("p", [found]))
    assert answer.suggestions[0].reversibility == {
        "look": "reversible",
        "make": "compensable",
        "send": "irreversible",
    }


async def test_near_duplicates_are_one_suggestion_and_agreement_counts():
    one = ScriptedProvider("one", [draft("List files", "ls  -l", confidence=0.6)])
    two = ScriptedProvider("two", [draft("Show files", "ls -l", confidence=0.5)])
    alone = await ask(one, task="list files")
    both = await ask(one, two, task="list files")
    assert len(both.suggestions) == 1
    assert both.suggestions[0].provider == "one"
    assert both.suggestions[0].score > alone.suggestions[0].score


async def test_scores_are_shares_and_the_best_comes_first():
    many = [draft(f"Way {n}", f"command-{n} --flag", confidence=n / 3) for n in range(9)]
    answer = await ask(ScriptedProvider("p", many), limit=20)
    scores = [found.score for found in answer.suggestions]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


async def test_no_more_than_the_limit():
    many = [draft(f"Way {n}", f"command-{n}") for n in range(9)]
    assert len((await ask(ScriptedProvider("p", many), limit=3)).suggestions) == 3


async def test_inputs_without_a_value_are_named():
    asked = draft("Greet", 'echo "$who"', inputs={"who": {}, "how": {"default": "kindly"}})
    answer = await ask(ScriptedProvider("p", [asked]))
    assert answer.suggestions[0].missing_inputs == ["who"]


@pytest.mark.parametrize("task", ["", "  \n"])
async def test_no_task_is_an_error(task: str):
    with pytest.raises(InvalidInput, match="empty"):
        await ask(GOOD, task=task)


async def test_a_book_is_not_a_task():
    with pytest.raises(InvalidInput, match="2000"):
        await ask(GOOD, task="word " * 1000)


async def test_suggestions_are_recalled_by_their_id_until_they_are_too_many():
    suggesting = suggester(GOOD, capacity=2)
    request = SuggestRequest(task="list the files", cwd="/tmp")
    first = (await suggesting.suggest(request)).suggestions[0]
    assert suggesting.recall(first.id) == first
    for _ in range(2):
        await suggesting.suggest(request)
    with pytest.raises(NotFound) as told:
        suggesting.recall(first.id)
    assert "suggest" in told.value.cure


def test_a_built_in_recipe_is_recalled_by_its_name():
    recalled = suggester().recall("git-reset-soft")
    assert recalled.workflow.steps[0].run == "git reset --soft HEAD~1"
    assert recalled.provider == "offline"


async def test_the_whole_thing_offline():
    whole = make_suggester(Config(), JUDGE)
    request = SuggestRequest(task="show the last 5 commits", cwd="/tmp", providers=["offline"])
    answer = await whole.suggest(request)
    best = answer.suggestions[0]
    assert best.workflow.steps[0].run == 'git log --oneline -n "$count"'
    assert best.workflow.inputs["count"].default == 5
    assert answer.providers[0].provider == "offline"


def test_an_unknown_provider_is_an_error_that_lists_the_known():
    with pytest.raises(InvalidInput) as told:
        Registry(Config()).choose(["ofline"])
    assert "offline" in told.value.cure


def test_without_a_wish_every_provider_that_can_work_is_asked_offline_first(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    chosen, unusable = Registry(Config()).choose([])
    assert [provider.name for provider in chosen] == ["offline"]
    assert unusable == []


def test_a_provider_asked_for_by_name_says_why_it_cannot_work(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    chosen, unusable = Registry(Config()).choose(["openai", "offline"])
    assert [provider.name for provider in chosen] == ["offline"]
    assert unusable[0].name == "openai"
    assert unusable[0].cure


def test_the_settings_choose_and_order_providers():
    config = Config(
        suggest=SuggestConfig(providers=["mine", "offline"]),
        providers={"mine": ProviderConfig(kind="offline")},
    )
    chosen, _ = Registry(config).choose([])
    assert [provider.name for provider in chosen] == ["mine", "offline"]


def test_a_provider_that_is_switched_off_is_not_known():
    config = Config(providers={"openai": ProviderConfig(enabled=False)})
    assert "openai" not in Registry(config).names()


def test_a_kind_nobody_provides_says_which_there_are():
    config = Config(providers={"mine": ProviderConfig(kind="oracle")})
    _, unusable = Registry(config).choose(["mine"])
    assert "oracle" in unusable[0].error
    assert "offline" in unusable[0].cure


async def test_a_made_up_option_costs_a_proposal_its_place():
    """By the real manual page of git, where there is one."""
    manuals = Manuals()
    if not await manuals.unknown("/usr/bin/git", ("diff", "--unifed=3")):
        pytest.skip("git has no manual page here")
    drafts = [
        draft("Wrong diff", "git diff --unifed=3", confidence=0.9),
        draft("Right diff", "git diff --unified=3", confidence=0.85),
    ]
    registry = FixedRegistry([ScriptedProvider("model", drafts)])
    whole = PipelineSuggester(registry, JUDGE, Memory(), MachinePreflight(manuals))
    answer = await whole.suggest(SuggestRequest(task="diff", cwd="/tmp"))
    assert [each.title for each in answer.suggestions] == ["Right diff", "Wrong diff"]
    assert answer.suggestions[1].obstacles[0].cure == "perhaps --unified is meant"


async def test_no_secret_of_the_folder_reaches_a_provider_of_models(tmp_path: Path):
    """Planted in the task, in a selection, in a task of the project; known from its `.env`."""
    planted = "hB7kQ2mZ9xW4vT1nR8pL5cD3"
    (tmp_path / "package.json").write_text(json.dumps({"scripts": {"go": f"x --key={planted}"}}))
    sent: list[str] = []

    class Model:
        name = "model"

        async def propose(self, question: Question) -> list[Draft]:
            async def ask(turns: list[Turn]) -> str:
                sent.extend(turn.text for turn in turns)
                return '{"suggestions": []}'

            return await ask_for_drafts(ask, question, "model")

    whole = PipelineSuggester(
        FixedRegistry([Model()]),
        JUDGE,
        Memory(),
        mask_for=lambda folder: lambda text: text.replace(planted, f"*** of {folder}"),
    )
    task, selection = f"use {planted}", f"KEY={planted}"
    await whole.suggest(SuggestRequest(task=task, cwd=str(tmp_path), selection=selection))
    assert sent
    assert all(planted not in text for text in sent)
    assert any(text.count(f"*** of {tmp_path}") >= 2 for text in sent)
