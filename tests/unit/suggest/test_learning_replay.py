"""What learning is worth: how often a user finds what is wanted at the top, after k uses.

    pytest -s tests/unit/suggest/test_learning_replay.py     prints the table

The tasks are asked in other words than those that were learned from, with other values.
"""

from pathlib import Path

import pytest
import trio
from msgspec import Struct

from flowd.config import Config
from flowd.domain.suggestions import SuggestRequest
from flowd.safety.judge import make_judge
from flowd.suggest.context import KNOWN_PROGRAMS
from flowd.suggest.learning.learner import Learner, open_learner
from flowd.suggest.pipeline import PipelineSuggester, make_suggester
from support.habitual_user import NEVER_DONE, WISHES, Asked, edited, place_of
from support.memory_experiences import MemoryExperiences

JUDGE = make_judge()
DAY_MS = 86_400_000


class Figures(Struct):
    """How many of `asked` tasks had what was wanted at the top, and among the first three."""

    asked: int
    first: int
    three: int

    @property
    def row(self) -> str:
        return f"{self.first / self.asked:6.2f} {self.three / self.asked:6.2f}"


class User:
    """Asks, picks or edits, and runs: through the same doors as `flowctl suggest`."""

    def __init__(self, suggester: PipelineSuggester, learner: Learner, folder: Path):
        self.suggester = suggester
        self.learner = learner
        self.folder = str(folder)
        self.runs = 0

    async def look(self, asked: Asked) -> int | None:
        """Say at which place what is wanted is."""
        answer = await self.suggester.suggest(SuggestRequest(asked.task, self.folder))
        return place_of(asked, answer.suggestions)

    async def use(self, asked: Asked) -> None:
        """Pick what is wanted, or edit what is nearest to it, and run that."""
        answer = await self.suggester.suggest(SuggestRequest(asked.task, self.folder))
        place = place_of(asked, answer.suggestions)
        if place is not None:
            chosen = answer.suggestions[place]
            workflow = chosen.workflow
        else:
            chosen, workflow = edited(asked, answer.suggestions)
        self.runs += 1
        self.learner.ran(f"run{self.runs}", workflow, self.folder, chosen.id)
        await self.learner.settle()


async def measured(folder: Path, uses: int) -> tuple[Figures, Figures, Figures]:
    """Use every wish so often, then ask for it in other words, and in those of the first time.

    And for what was never done.
    """
    async with open_learner(MemoryExperiences(), lambda _folder: str, enabled=True) as learner:
        suggester = make_suggester(Config(), JUDGE, learner=learner)
        assert isinstance(suggester, PipelineSuggester)
        user = User(suggester, learner, folder)
        for use in range(uses):
            for wish in WISHES:
                await user.use(wish.asked(use))
        done = [await user.look(wish.asked(3)) for wish in WISHES]
        again = [await user.look(wish.asked(0)) for wish in WISHES]
        never = [await user.look(wish.asked(0)) for wish in NEVER_DONE]
    return _figures(done), _figures(again), _figures(never)


def _figures(places: list[int | None]) -> Figures:
    first = sum(place == 0 for place in places)
    three = sum(place is not None and place < 3 for place in places)
    return Figures(len(places), first, three)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project in git, for Python and compose, on a machine that has every program."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in KNOWN_PROGRAMS:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    (project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("pyproject.toml", "compose.yaml"):
        (project / name).touch()
    return project


async def test_learning_lifts_what_is_wanted_to_the_top(folder, capsys):
    with trio.fail_after(300):
        table = {uses: await measured(folder, uses) for uses in (0, 1, 3)}
    with capsys.disabled():
        print(f"\n{len(WISHES)} tasks, {len(NEVER_DONE)} others that were never done")
        print("          other words    same words     never done")
        print("uses     top1   top3    top1   top3    top1   top3")
        for uses, figures in table.items():
            print(f"{uses:4}  " + "  ".join(each.row for each in figures))
    none, once, thrice = (table[uses][0] for uses in (0, 1, 3))
    assert len(WISHES) >= 40
    assert once.first >= none.first + 0.3 * none.asked
    assert thrice.first >= once.first + 0.05 * none.asked
    assert thrice.three >= 0.7 * thrice.asked
    assert table[1][1].first >= 0.75 * len(WISHES)  # the very same words
    assert table[3][2].first >= table[0][2].first + 0.3 * len(NEVER_DONE)  # habits alone
