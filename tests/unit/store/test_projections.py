"""The summary of a run: after each kind of event, after all kinds of histories, and made anew."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.evolve import replay
from flowd.errors import Bug
from flowd.store import open_log
from flowd.store.projections import RunRow, summarise, summarise_all
from support.histories import (
    histories,
    run_finished,
    started,
    step_finished,
    step_output,
    step_started,
)
from support.stories import Story, workflow_of


def _recorded(history: list[e.Event]) -> list[e.Recorded]:
    return [e.Recorded(n, "run-a", n, event) for n, event in enumerate(history, start=1)]


def _after(*later: e.Event) -> RunRow:
    return summarise_all(None, _recorded([started(), *later]))


def _asked(step: str, about: e.About = "approval") -> e.QuestionAsked:
    return e.QuestionAsked(at=1, step=step, about=about, question=f"{step}?")


def _answered(step: str, answer: e.Answer = "yes") -> e.QuestionAnswered:
    return e.QuestionAnswered(at=1, step=step, answer=answer)


_PARKED = e.RunParked(at=1, reason="our mistake")
_RESUMED = e.RunResumed(at=1)
_ROLLBACK = e.RollbackStarted(at=1, cause="failure", steps=["build"])


@pytest.mark.parametrize(
    ("later", "state", "question"),
    [
        ([], "running", ""),
        ([step_started(), step_output(b"x"), step_finished()], "running", ""),
        ([_asked("build")], "waiting", "build?"),
        ([_asked("build"), _asked("test")], "waiting", "test?"),
        ([_asked("build"), _asked("test"), _asked("build")], "waiting", "build?"),
        ([_asked("build"), _asked("test"), _answered("test")], "waiting", "build?"),
        ([_asked("build"), _asked("test"), _answered("build")], "waiting", "test?"),
        ([_asked("build"), _answered("build")], "running", ""),
        ([_asked("build"), e.StepSkipped(at=1, step="build", reason="")], "running", ""),
        ([_asked("build"), e.CancelRequested(at=1)], "running", ""),
        ([_asked("build"), run_finished("failed")], "failed", ""),
        ([_ROLLBACK], "compensating", ""),
        ([_ROLLBACK, run_finished("compensated")], "compensated", ""),
        ([_ROLLBACK, _PARKED], "waiting", "parked: our mistake"),
        ([_ROLLBACK, _PARKED, _RESUMED], "compensating", ""),
        ([_PARKED], "waiting", "parked: our mistake"),
        ([_PARKED, step_finished()], "waiting", "parked: our mistake"),
        ([_PARKED, _RESUMED], "running", ""),
        ([_asked("build"), _PARKED, _RESUMED], "waiting", "build?"),
        ([_PARKED, _ROLLBACK], "compensating", ""),
        ([run_finished("failed"), e.RetryRequested(at=1)], "running", ""),
        ([run_finished("failed"), _ROLLBACK], "compensating", ""),
    ],
)
def test_state_and_question(later: list[e.Event], state: str, question: str) -> None:
    summary = _after(*later).summary()
    assert (summary.state, summary.question) == (state, question)


@pytest.mark.parametrize(
    ("later", "done"),
    [
        ([step_started()], 0),
        ([step_finished("build")], 1),
        ([step_finished("build", "failed")], 0),
        ([step_finished("build", "failed"), step_finished("build")], 1),
        ([e.StepSkipped(at=1, step="build", reason="")], 1),
        ([e.CheckFinished(at=1, step="build", attempt=1, outcome="succeeded")], 1),
        ([e.CheckFinished(at=1, step="build", attempt=1, outcome="failed")], 0),
        ([_asked("build"), _answered("build")], 0),
        ([_asked("build", "lost"), _answered("build")], 1),
        ([_asked("build", "lost"), _answered("build", "retry")], 0),
        ([step_finished("build")] * 9, 3),  # never more than there are
    ],
)
def test_steps_done(later: list[e.Event], done: int) -> None:
    assert _after(*later).summary().steps_done == done


def test_an_event_never_changes_the_row_before_it() -> None:
    before = _after(_asked("build"))
    summarise(before, e.Recorded(9, "run-a", 3, _answered("build")))
    assert before == _after(_asked("build"))


def test_a_history_begins_with_its_start_and_has_only_one() -> None:
    with pytest.raises(Bug):
        summarise(None, e.Recorded(1, "run-a", 1, step_started()))
    with pytest.raises(Bug):
        _after(started())


def _rolled_back() -> Story:
    story = Story(
        workflow_of({"id": "build", "undo": "rm"}, {"id": "ask", "confirm": "Sure?"}, "push")
    )
    story.ends("build")
    story.when(c.AnswerQuestion("ask", "yes"))
    story.ends("ask")
    story.when(c.Park("our mistake"))
    story.when(c.ResumeRun())
    story.ends("push", "failed")
    story.when(c.Park("our mistake"))
    story.when(c.ResumeRun())
    story.undone("build")
    return story


def _side_by_side() -> Story:
    story = Story(
        workflow_of(
            {"id": "a", "needs": [], "confirm": "A?"},
            {"id": "b", "needs": [], "confirm": "B?", "undo": "rm"},
            {"id": "c", "needs": [], "on_interrupt": "ask"},
        )
    )
    story.ends("c", "lost")
    story.when(c.AnswerQuestion("b", "yes"))
    story.ends("b")
    story.when(c.AnswerQuestion("c", "yes"))
    story.when(c.AnswerQuestion("a", "skip"))
    story.when(c.UndoRun())
    return story


def _cancelled_and_retried() -> Story:
    story = Story(workflow_of({"id": "a", "confirm": "A?"}, "b"))
    story.when(c.Cancel())
    story.when(c.RetryRun())
    story.when(c.AnswerQuestion("a", "yes"))
    story.ends("a")
    story.ends("b", "failed")
    return story


@pytest.mark.parametrize("tell", [_rolled_back, _side_by_side, _cancelled_and_retried])
def test_the_summary_agrees_with_the_domain_all_the_way(tell: Callable[[], Story]) -> None:
    recorded = _recorded(tell().history)
    assert len(recorded) > 8
    for length in range(1, len(recorded) + 1):
        state = replay(recorded[:length])
        row = summarise_all(None, recorded[:length])
        assert row.state == state.status
        assert row.pending.questions == state.questions
        done = [step for step in state.steps.values() if step.status in ("succeeded", "skipped")]
        if state.rollback is None and not state.finished:  # undoing takes nothing off
            assert row.steps_done == len(done)


@given(runs=st.lists(histories, min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_summaries_made_anew_equal_those_kept_live(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[e.Event]]
) -> None:
    async def compare(path: Path) -> None:
        async with open_log(path) as log:
            for number, history in enumerate(runs):
                for version, event in enumerate(history):
                    await log.append(f"run-{number}", version, [event])
            live = await log.summaries()
            await log.rebuild_projections()
            assert await log.summaries() == live
            assert len(live) == len(runs)

    trio.run(compare, tmp_path_factory.mktemp("log") / "flow.db")
