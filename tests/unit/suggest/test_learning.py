"""What is learned from picks, edits, rejections, failures and undos, and what comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from msgspec.structs import replace

from flowd.config import Config
from flowd.domain.learning import Chosen, Ended, Ending, Fact, Forgotten
from flowd.domain.suggestions import SuggestAnswer, Suggestion, SuggestRequest
from flowd.domain.workflow import Workflow
from flowd.errors import NotFound, StoreUnavailable
from flowd.safety.judge import make_judge
from flowd.suggest.context import Context
from flowd.suggest.learning.commands import commands_in, texts
from flowd.suggest.learning.favour import MOST_FAILURE, MOST_FAVOUR
from flowd.suggest.learning.habits import changes_between, habits_of, rewritten
from flowd.suggest.learning.learned import Learned
from flowd.suggest.learning.learner import Learner
from flowd.suggest.pipeline import PipelineSuggester, make_suggester
from flowd.suggest.providers.base import Question
from flowd.suggest.providers.model_prompt import question_text
from support.memory_experiences import MemoryExperiences
from support.stories import workflow_of

DAY_MS = 86_400_000
JUDGE = make_judge()

# ------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("git log -n 5 | head", [("git", "log", "-n", "5"), ("head",)]),
        ("A=1 sudo pip install 'a b' && ls", [("pip", "install", "'a b'"), ("ls",)]),
        ('echo "$(git log; x)" # git log', [("echo", '"$(git log; x)"')]),
        ("x=$(git log) || exit 1", [("$",), ("git", "log"), ("exit", "1")]),
        ("make 2>&1 >out", [("make", "2>&1", ">out")]),
        ("cat <<EOF\ngit log\nEOF", []),
        ("echo 'not closed", []),
    ],
)
def test_plain_commands_are_seen_word_by_word(script, commands):
    found = commands_in(script)
    if "x=$(" in script:
        found = [command for command in found if command[0].text != "x=$"]
        commands = commands[1:]
    assert [texts(command) for command in found] == commands
    for command in found:
        assert all(script[word.start : word.end] == word.text for word in command)


# --------------------------------------------------------------------------------------- habits


@pytest.mark.parametrize(
    ("before", "after", "habit"),
    [
        ("pip install x", "uv pip install x", "instead pip > uv pip"),
        ("docker-compose up -d", "docker compose up -d", "instead docker-compose > docker compose"),
        ("git checkout x", "git switch x", "instead git checkout > git switch"),
        ("git log -n 5", "git --no-pager log -n 5", "always git > --no-pager"),
        (
            "docker compose up -d",
            "docker compose up -d --wait",
            "always docker compose up > --wait",
        ),
        ("rm -i x", "rm x", "without rm > -i"),
        ("ls; grep -rn x .", "ls; rg x .", "instead grep > rg"),
    ],
)
def test_a_habit_is_read_off_an_edit(before, after, habit):
    assert [change.key for change in changes_between((before,), (after,))] == [habit]


@pytest.mark.parametrize(
    ("before", "after"),
    [("ls", "ls"), ("git log -n 5", "git log -n 9"), ("a; b; c", "d"), ("ls x", "'ls' x")],
)
def test_another_value_or_another_script_is_no_habit(before, after):
    assert changes_between((before,), (after,)) == set()


def chosen(number: int, offered: str, ran: str, task: str = "t") -> Chosen:
    workflow = {"flow": 1, "name": "w", "steps": [{"id": "a", "run": ran}]}
    return Chosen(
        at=number,
        task=task,
        folder="/srv",
        run=f"run{number}",
        title=task,
        workflow=workflow,
        offered=[offered],
    )


UV = [chosen(1, "pip list", "uv pip list"), chosen(2, "pip show x", "uv pip show x")]


def test_a_habit_needs_to_be_seen_twice():
    assert [habit.stands for habit in habits_of(UV[:1])] == [False]
    (habit,) = habits_of(UV)
    assert (habit.stands, habit.seen, habit.text) == (True, 2, "uv pip instead of pip")
    script = "pip install -r x && echo pip | pip list"
    assert rewritten(script, habit, reads=False) == (
        "uv pip install -r x && echo pip | uv pip list"
    )
    assert rewritten("uv pip list", habit, reads=True) == "uv pip list"


def test_a_habit_falls_with_what_is_done_later():
    back = [chosen(n, f"uv pip show {n}", f"pip show {n}") for n in (3, 4)]
    (habit,) = [each for each in habits_of([*UV, *back]) if each.change.new[0] == "uv"]
    assert not habit.stands
    ran_the_old_one = [chosen(n, "pip check", "pip check") for n in (3, 4)]
    (habit,) = habits_of([*UV, *ran_the_old_one])
    assert not habit.stands
    assert habits_of([*UV, Forgotten(at=3, habit=habit.key)]) == []


def test_an_option_goes_to_other_subcommands_that_read_and_to_no_exception():
    pairs = [("git log", "git --no-pager log"), ("git diff x", "git --no-pager diff x")]
    facts = [chosen(number, *pair) for number, pair in enumerate(pairs)]
    (habit,) = habits_of(facts)
    assert rewritten("git tag -l", habit, reads=True) == "git --no-pager tag -l"
    assert rewritten("git push", habit, reads=False) == "git push"
    assert (
        rewritten("git log -1; git push", habit, reads=False) == "git --no-pager log -1; git push"
    )
    facts.append(chosen(3, "git --no-pager tag -l", "git tag -l"))
    (habit,) = habits_of(facts)
    assert habit.stands
    assert rewritten("git tag -l", habit, reads=True) == "git tag -l"


# ------------------------------------------------------------------------------- the whole way


class World:
    """A suggester that learns, on a clock of the test's own."""

    def __init__(self, learner: Learner, suggester: PipelineSuggester, store: MemoryExperiences):
        self.learner = learner
        self.suggester = suggester
        self.store = store
        self.now = DAY_MS
        self.runs = 0
        learner.now_ms = lambda: self.now

    async def ask(self, task: str, cwd: str = "/tmp", limit: int = 10) -> list[Suggestion]:
        answer: SuggestAnswer = await self.suggester.suggest(SuggestRequest(task, cwd, limit=limit))
        return answer.suggestions

    async def run(self, made: Suggestion, script: str = "", cwd: str = "/tmp") -> str:
        """Run a suggestion, with its script edited if there is another one."""
        workflow = made.workflow
        if script:
            step = replace(workflow.steps[0], run=script)
            workflow = replace(workflow, steps=[step])
        return await self.run_file(workflow, made.id, cwd)

    async def run_file(self, workflow: Workflow, suggestion: str = "", cwd: str = "/tmp") -> str:
        self.runs += 1
        self.learner.ran(f"run{self.runs}", workflow, cwd, suggestion)
        await self.learner.settle()
        return f"run{self.runs}"

    async def learned(self) -> Learned:
        learned = await self.learner.learned(self.suggester.know())
        assert learned is not None
        return learned

    async def know(self, *facts: Fact) -> None:
        """Facts of an earlier daemon."""
        await self.store.keep(facts)
        self.learner._facts = None

    async def end(
        self, run: str, ending: Ending, code: int | None = None, script: str = ""
    ) -> None:
        end = Ended(at=self.now, run=run, ending=ending, exit_code=code, script=script)
        await self.know(end)


@asynccontextmanager
async def world_with(mask=lambda _folder: str, enabled: bool = True) -> AsyncIterator[World]:
    store = MemoryExperiences()
    learner = Learner(store, mask, enabled=enabled)
    suggester = make_suggester(Config(), JUDGE, learner=learner)
    assert isinstance(suggester, PipelineSuggester)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(learner.serve)
        yield World(learner, suggester, store)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def world():
    async with world_with() as made:
        yield made


def script_of(made: Suggestion) -> str:
    return made.workflow.steps[0].run


async def test_next_time_starts_from_the_edited_version_with_the_new_value(world):
    first = (await world.ask("show the last 5 commits"))[0]
    await world.run(first, 'git log --graph -n "$count"')
    found = (await world.ask("the last 8 commits"))[0]
    assert script_of(found) == 'git log --graph -n "$count"'
    assert found.workflow.inputs["count"].default == 8
    assert "as you edited it for “show the last 5 commits”" in found.explanation
    assert any("you chose this once" in reason for reason in found.reasons)


async def test_a_value_that_was_written_into_the_script_is_not_kept(world):
    first = (await world.ask("restart the service nginx"))[0]
    await world.run(first, "sudo rc-service nginx restart")
    again = (await world.ask("restart the service apache"))[0]
    assert script_of(again) == 'sudo rc-service "$service" restart'
    assert again.workflow.inputs["service"].default == "apache"
    unnamed = next(
        made for made in await world.ask("restart the service") if "rc-service" in script_of(made)
    )
    assert unnamed.missing_inputs == ["service"]


async def test_what_was_picked_rises_and_what_was_above_it_falls(world):
    task = "show disk usage"
    before = await world.ask(task)
    for _ in range(2):
        now = await world.ask(task)
        await world.run(next(made for made in now if script_of(made) == script_of(before[3])))
    after = await world.ask(task)
    assert script_of(after[0]) == script_of(before[3])
    assert "you chose this twice: x1." in " ".join(after[0].reasons)
    passed = next(made for made in after if script_of(made) == script_of(before[0]))
    assert any("passed this over" in reason for reason in passed.reasons)
    elsewhere = await world.ask("create a virtual environment")
    assert not any("you " in reason for made in elsewhere for reason in made.reasons)


async def test_what_was_dismissed_falls(world):
    before = await world.ask("show disk usage")
    for _ in range(2):
        made = (await world.ask("show disk usage"))[0]
        if script_of(made) == script_of(before[0]):
            world.learner.dismissed(made.id)
            await world.learner.settle()
    assert script_of((await world.ask("show disk usage"))[0]) != script_of(before[0])
    with pytest.raises(NotFound):
        world.learner.dismissed("none")


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [("failed", 127, "this failed once"), ("undone", None, "you undid this once")],
)
async def test_what_went_wrong_is_ranked_lower_until_it_goes_well(world, ending, code, said):
    task = "show disk usage"
    before = (await world.ask(task))[0]
    run = await world.run(before)
    await world.end(run, ending, code, script_of(before))
    after = await world.ask(task)
    (failed,) = [made for made in after if script_of(made) == script_of(before)]
    assert any(said in reason for reason in failed.reasons)
    assert script_of(after[0]) != script_of(before)
    await world.end(run, "succeeded")
    again = [made for made in await world.ask(task) if script_of(made) == script_of(before)]
    assert not any(said in reason for reason in again[0].reasons)


async def test_factors_are_bounded_and_fade(world):
    liked, failing = (await world.ask("show disk usage"))[:2]
    for _ in range(30):
        await world.run(liked)
        await world.end(await world.run(failing), "failed", 2, script_of(failing))
    assert f"x{MOST_FAVOUR:.2f}" in " ".join((await _named(world, liked)).reasons)
    assert f"x{MOST_FAILURE:.2f}" in " ".join((await _named(world, failing)).reasons)
    world.now += 2000 * DAY_MS
    for made in (liked, failing):
        assert not any("you " in reason for reason in (await _named(world, made)).reasons)


async def _named(world: World, wanted: Suggestion) -> Suggestion:
    made = await world.ask("show disk usage")
    return next(each for each in made if script_of(each) == script_of(wanted))


async def test_a_habit_is_followed_said_and_told_to_models(world, tmp_path, monkeypatch):
    for task in ("list installed python packages", "show details of the python package httpx"):
        made = next(made for made in await world.ask(task) if script_of(made).startswith("pip "))
        await world.run(made, f"uv {script_of(made)}")
    monkeypatch.setenv("PATH", str(tmp_path))
    task = "which python packages are outdated"
    assert script_of((await world.ask(task))[0]) == "pip list --outdated", "there is no uv here"
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    found = (await world.ask(task))[0]
    assert script_of(found) == "uv pip list --outdated"
    assert "written as you do: uv pip instead of pip" in found.reasons
    habits = (await world.learned()).sentences
    question = Question(task=task, context=Context("/"), deadline=1, habits=habits)
    told = question_text(question)
    assert "What the user prefers:\n<<<\nuv pip instead of pip\n>>>" in told


async def test_a_habit_makes_nothing_less_safe(world):
    await world.know(*(chosen(9 + n, f"ls {n}", f"rm -rf {n}") for n in range(3)))
    assert [habit.text for habit in (await world.learned()).standing] == ["rm instead of ls"]
    made = await world.ask("list files")
    assert any(script_of(each).startswith("ls") for each in made)
    assert not any(reason.startswith("written as you do: rm") for m in made for reason in m.reasons)


async def test_own_workflows_are_answers_too(world):
    deploy = workflow_of({"id": "a", "run": "./ship.sh staging"}, name="deploy-to-staging")
    await world.run_file(deploy)
    found = (await world.ask("deploy to staging"))[0]
    assert script_of(found) == "./ship.sh staging"
    await world.run_file(deploy)
    assert len(world.store.kept) == 1, "run again and again it is noted once"


async def test_secrets_are_not_kept(tmp_path):
    def mask_for(_folder: str):
        return lambda text: text.replace("hunter2", "***")

    async with world_with(mask_for) as world:
        made = (await world.ask("show disk usage"))[0]
        await world.run(made, "curl -u me:hunter2 https://example.org")
        assert world.store.kept == []
        made = (await world.ask("show disk usage for hunter2"))[0]
        await world.run(made, "df -h")
        assert len(world.store.kept) == 1
        assert "hunter2" not in repr(world.store.kept)


async def test_switched_off_nothing_is_kept_and_nothing_goes_by_it():
    async with world_with(enabled=False) as world:
        made = (await world.ask("show disk usage"))[3]
        await world.run(made)
        world.learner.dismissed(made.id)
        await world.learner.settle()
        assert world.store.kept == []
        await world.know(chosen(1, "df", "df -h", "show disk usage"))
        assert not any("you " in r for m in await world.ask("show disk usage") for r in m.reasons)
        assert [thing.kind for thing in await world.learner.things()] == ["habit", "answer"]


async def test_things_are_listed_and_forgotten_one_by_one(world):
    await world.know(
        *UV, Ended(at=5, run="run2", ending="failed", exit_code=2, script="uv pip show x")
    )
    await world.ask("anything")  # the knowledge is read
    things = await world.learner.things()
    assert [thing.kind for thing in things] == ["habit", "failure", "answer", "answer"]
    assert things[0].text == "uv pip instead of pip"
    assert (things[0].seen, things[0].active) == (2, True)
    for left in range(len(things) - 1, -1, -1):
        now = await world.learner.things()
        forgotten = await world.learner.forget(now[0].id[:5])
        assert forgotten == now[0]
        rest = [thing.id for thing in await world.learner.things()]
        assert forgotten.id not in rest
        assert len(rest) <= left
    with pytest.raises(NotFound):
        await world.learner.forget("")
    with pytest.raises(NotFound):
        await world.learner.forget("zzzz")
    assert await world.learner.forget_all() > 0
    assert world.store.kept == []


async def test_a_store_that_refuses_costs_nobody_an_answer(world, caplog):
    async def refuse(*_: object) -> int:
        raise StoreUnavailable("the disk is full")

    world.store.keep = refuse
    made = (await world.ask("show disk usage"))[0]
    await world.run(made)
    assert "not learned: the disk is full" in caplog.text
    world.store.facts = refuse
    world.learner._facts = None
    assert await world.ask("show disk usage")
