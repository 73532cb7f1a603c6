"""Runs that go forward: order, conditions, retries, confirmation, errors that are lived with."""

import pytest

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.evolve import evolve
from flowd.errors import Conflict
from support.stories import Story, workflow_of


def test_steps_follow_one_another_by_default():
    story = Story(workflow_of("a", "b"))
    assert story.opening == ["step_started a 1"]
    assert story.ends("a") == ["step_finished a 1 succeeded", "step_started b 1"]
    assert story.ends("b") == ["step_finished b 1 succeeded", "run_finished succeeded"]
    assert story.state.status == "succeeded"


def test_the_end_of_a_step_and_the_start_of_the_next_are_one_batch_of_events():
    """One durable write per sequential step: the figure the store's speed rests on."""
    story = Story(workflow_of("a", "b"))
    before = len(story.history)
    story.ends("a")
    assert len(story.history) == before + 2


def test_needs_open_up_parallel_steps():
    story = Story(
        workflow_of(
            "a",
            {"id": "b", "needs": ["a"]},
            {"id": "c", "needs": ["a"]},
            {"id": "d", "needs": ["b", "c"]},
        )
    )
    assert story.ends("a")[1:] == ["step_started b 1", "step_started c 1"]
    assert story.ends("c") == ["step_finished c 1 succeeded"]
    assert story.ends("b")[1:] == ["step_started d 1"]
    assert story.ends("d")[-1] == "run_finished succeeded"


def test_steps_that_need_nothing_start_at_once():
    story = Story(workflow_of({"id": "a", "needs": []}, {"id": "b", "needs": []}))
    assert story.opening == ["step_started a 1", "step_started b 1"]


@pytest.mark.parametrize(
    ("condition", "runs"),
    [
        ("steps.a.exit_code == 0", True),
        ("steps.a.exit_code != 0", False),
        ("steps.a.status == 'succeeded' && inputs.deep", True),
        ("steps.a.outputs.color == 'red'", True),
        ("steps.a.stdout.contains('fast')", True),
        ("env.STAGE == 'prod'", True),
        ("env.OWN == 'yes'", True),
        ("steps['a'].stdout.contains('fast')", True),
    ],
)
def test_a_condition_decides_whether_a_step_runs(condition, runs):
    workflow = workflow_of(
        "a",
        {"id": "b", "if": condition, "env": {"OWN": "yes"}},
        env={"STAGE": "prod"},
        inputs={"deep": {"type": "boolean"}},
    )
    story = Story(workflow, inputs={"deep": True})
    then = story.ends(
        "a", outputs={"color": "red"}, chunks=[c.OutputChunk(stream="stdout", data=b"very fast\n")]
    )
    assert ("step_started b 1" in then) is runs
    assert ("step_skipped b: its condition is false" in then) is not runs


def test_a_skipped_step_does_not_hold_up_the_next():
    story = Story(workflow_of({"id": "a", "if": "1 == 2"}, "b"))
    assert story.opening == ["step_skipped a: its condition is false", "step_started b 1"]


def test_a_condition_that_cannot_be_told_fails_the_step():
    story = Story(workflow_of("a", {"id": "b", "if": "steps.a.outputs.missing == 'x'"}))
    assert story.ends("a")[1:] == [
        "step_started b 1",
        "step_finished b 1 failed",
        "run_finished failed",
    ]
    assert "missing" in story.state.steps["b"].reason


def test_a_failed_attempt_is_made_again_after_its_pause():
    retry = {"attempts": 3, "delay": "2s", "backoff": 2}
    story = Story(workflow_of({"id": "a", "retry": retry}))
    assert story.ends("a", "failed")[1:] == ["retry_scheduled a run 2 2000ms"]
    assert story.when(c.ReportRetryDue("a", "run")) == ["step_started a 2"]
    assert story.ends("a", "timed_out")[1:] == ["retry_scheduled a run 3 4000ms"]
    story.when(c.ReportRetryDue("a", "run"))
    assert story.ends("a")[1:] == ["run_finished succeeded"]
    assert [row.outcome for row in story.state.steps["a"].attempts] == [
        "failed",
        "timed_out",
        "succeeded",
    ]


def test_when_no_attempt_is_left_the_run_fails():
    story = Story(workflow_of({"id": "a", "retry": {"attempts": 2, "delay": 0}}, "b"))
    story.ends("a", "failed")
    story.when(c.ReportRetryDue("a", "run"))
    assert story.ends("a", "failed")[1:] == ["run_finished failed"]
    assert story.state.steps["b"].status == "pending"


def test_on_error_continue_goes_on_and_the_run_succeeds():
    story = Story(workflow_of({"id": "a", "on_error": "continue"}, "b"))
    assert story.ends("a", "failed")[1:] == ["step_started b 1"]
    assert story.ends("b")[-1] == "run_finished succeeded"
    assert story.state.steps["a"].status == "failed"


def test_on_error_goto_skips_what_lies_between():
    story = Story(workflow_of({"id": "a", "on_error": {"goto": "d"}}, "b", "c", "d"))
    assert story.ends("a", "failed")[1:] == [
        "step_skipped b: a failed and goes on at d",
        "step_skipped c: a failed and goes on at d",
        "step_started d 1",
    ]
    assert story.ends("d")[-1] == "run_finished succeeded"


def test_a_goto_can_be_taken_again_after_another_step_took_one():
    story = Story(
        workflow_of(
            {"id": "a", "on_error": {"goto": "c"}},
            "b",
            {"id": "c", "on_error": {"goto": "e"}},
            "d",
            "e",
        )
    )
    story.ends("a", "failed")
    assert story.ends("c", "failed")[1:] == [
        "step_skipped d: c failed and goes on at e",
        "step_started e 1",
    ]


def test_on_error_stop_keeps_what_was_done():
    story = Story(workflow_of({"id": "a", "undo": "x"}, {"id": "b", "on_error": "stop"}, "c"))
    story.ends("a")
    assert story.ends("b", "failed")[1:] == ["run_finished failed"]
    assert story.state.steps["a"].status == "succeeded"


class TestConfirmation:
    def test_the_run_waits_and_goes_on_after_yes(self):
        story = Story(
            workflow_of({"id": "a", "confirm": "Push ${version}?"}, inputs={"version": {}}),
            inputs={"version": "1.2"},
        )
        assert story.opening == ["question_asked a approval"]
        assert story.state.status == "waiting"
        assert story.state.questions["a"].question == "Push 1.2?"
        assert story.when(c.AnswerQuestion("a", "yes", "ann")) == [
            "question_answered a yes",
            "step_started a 1",
        ]
        assert story.state.status == "running"

    def test_the_question_may_name_what_earlier_steps_found(self):
        story = Story(
            workflow_of("a", {"id": "b", "confirm": "${steps.a.outputs.n} of ${steps.a.stdout}?"})
        )
        story.ends(
            "a",
            outputs={"n": "3"},
            chunks=[c.OutputChunk(stream="stdout", data=b"twelve\n")],
        )
        assert story.state.questions["b"].question == "3 of twelve?"

    def test_no_follows_on_error(self):
        story = Story(workflow_of({"id": "a", "undo": "x"}, {"id": "b", "confirm": "?"}))
        story.ends("a")
        assert story.when(c.AnswerQuestion("b", "no")) == [
            "question_answered b no",
            "rollback_started failure a",
            "compensation_started a 1",
        ]
        assert story.state.steps["b"].status == "cancelled"
        assert story.state.steps["b"].reason == "declined"

    def test_skip_goes_on_without_the_step(self):
        story = Story(workflow_of({"id": "a", "confirm": "?"}, "b"))
        assert story.when(c.AnswerQuestion("a", "skip", "ann")) == [
            "question_answered a skip",
            "step_skipped a: skipped by ann",
            "step_started b 1",
        ]

    def test_what_the_judge_wants_asked_is_asked(self):
        story = Story(workflow_of("a"), questions={"a": "It needs root. Run it?"})
        assert story.state.questions["a"].question == "It needs root. Run it?"

    def test_approval_up_front_asks_nothing(self):
        story = Story(workflow_of({"id": "a", "confirm": "?"}), approved=True)
        assert story.opening == ["step_started a 1"]

    def test_a_parallel_step_goes_on_while_one_waits(self):
        story = Story(
            workflow_of({"id": "a", "needs": [], "confirm": "?"}, {"id": "b", "needs": []})
        )
        assert story.opening == ["question_asked a approval", "step_started b 1"]
        assert story.ends("b") == ["step_finished b 1 succeeded"]
        assert story.state.status == "waiting"

    def test_a_failure_elsewhere_withdraws_the_question(self):
        story = Story(
            workflow_of(
                {"id": "a", "needs": [], "confirm": "?"},
                {"id": "b", "needs": []},
                {"id": "c", "needs": []},
            )
        )
        story.ends("b", "failed")
        assert story.state.questions == {}
        assert story.state.status == "running"
        assert story.ends("c")[1:] == ["run_finished failed"]

    def test_an_answer_that_does_not_fit_is_refused_and_changes_nothing(self):
        story = Story(workflow_of({"id": "a", "confirm": "?"}))
        with pytest.raises(Conflict, match="does not answer"):
            story.when(c.AnswerQuestion("a", "retry"))
        with pytest.raises(Conflict, match="asks nothing"):
            story.when(c.AnswerQuestion("b", "yes"))
        assert story.replayed() == story.replayed()
        assert story.state.questions["a"].answers == ("yes", "no", "skip")


class TestFinally:
    STEPS = ("a", {"id": "b", "undo": "x"}, {"id": "z", "finally": True})

    def test_it_runs_after_success(self):
        story = Story(workflow_of(*self.STEPS))
        story.ends("a")
        assert story.ends("b")[1:] == ["step_started z 1"]
        assert story.ends("z")[1:] == ["run_finished succeeded"]

    def test_it_runs_after_failure_and_rollback(self):
        story = Story(workflow_of({"id": "a", "undo": "x"}, "b", {"id": "z", "finally": True}))
        story.ends("a")
        story.ends("b", "failed")
        assert story.undone("a")[1:] == ["step_started z 1"]
        assert story.ends("z")[1:] == ["run_finished compensated"]

    def test_it_runs_after_cancel(self):
        story = Story(workflow_of(*self.STEPS))
        story.when(c.Cancel())
        assert story.ends("a", "cancelled", exit_code=143)[1:] == ["step_started z 1"]
        assert story.ends("z")[1:] == ["run_finished cancelled"]

    def test_its_failure_fails_the_run_but_undoes_nothing(self):
        story = Story(workflow_of({"id": "a", "undo": "x"}, {"id": "z", "finally": True}))
        story.ends("a")
        assert story.ends("z", "failed")[1:] == ["run_finished failed"]

    @pytest.mark.parametrize("before", ["succeeded", "failed"])
    def test_it_has_its_own_retry_whatever_happened(self, before):
        last = {"id": "z", "finally": True, "retry": {"attempts": 2, "delay": "3s"}}
        story = Story(workflow_of("a", last))
        story.ends("a", before)
        assert story.ends("z", "failed")[1:] == ["retry_scheduled z run 2 3000ms"]
        assert story.when(c.ReportRetryDue("z", "run")) == ["step_started z 2"]
        assert story.ends("z")[-1] == f"run_finished {before}"
        assert story.state.completed == (["a"] if before == "succeeded" else [])

    def rolled_back(self, **last):
        steps = ({"id": "a", "undo": "x"}, "b", {"id": "z", "finally": True, **last})
        story = Story(workflow_of(*steps))
        story.ends("a")
        story.ends("b", "failed")
        return story, story.undone("a")[1:]

    def test_its_confirmation_is_asked_after_a_rollback_too(self):
        story, then = self.rolled_back(confirm="?")
        assert then == ["question_asked z approval"]
        assert story.state.status == "waiting"
        story.when(c.Park("ouch"))
        story.when(c.ResumeRun())
        assert story.state.status == "waiting"
        assert story.when(c.AnswerQuestion("z", "yes"))[1:] == ["step_started z 1"]
        assert story.state.status == "compensating"
        assert story.ends("z")[-1] == "run_finished compensated"

    @pytest.mark.parametrize(
        ("answer", "then"),
        [
            ("yes", ["run_finished compensated"]),
            ("no", ["run_finished compensated"]),
            ("retry", ["step_started z 2"]),
            ("skip", ["step_skipped z: skipped by a person", "run_finished compensated"]),
        ],
    )
    def test_one_that_is_lost_is_asked_about(self, answer, then):
        story, _ = self.rolled_back()
        assert story.ends("z", "lost")[1:] == ["question_asked z lost"]
        assert story.when(c.AnswerQuestion("z", answer))[1:] == then
        assert story.replayed().status == story.state.status

    def test_one_that_is_lost_follows_its_rule(self):
        story, _ = self.rolled_back(on_interrupt="retry")
        assert story.ends("z", "lost")[1:] == ["retry_scheduled z run 2 0ms"]
        story, _ = self.rolled_back(on_interrupt="check", check="x")
        assert story.ends("z", "lost")[1:] == ["check_started z 1"]
        assert story.checked("z", "failed")[1:] == ["step_started z 2"]

    def test_one_that_was_not_done_fails_the_run(self):
        story = Story(workflow_of("a", {"id": "z", "finally": True}))
        story.ends("a")
        story.ends("z", "lost")
        assert story.when(c.AnswerQuestion("z", "no"))[1:] == ["run_finished failed"]

    def test_a_run_that_is_cancelled_asks_nothing_of_it(self):
        story = Story(workflow_of("a", {"id": "z", "finally": True}))
        story.when(c.Cancel())
        story.ends("a", "cancelled")
        assert story.ends("z", "lost")[1:] == ["run_finished cancelled"]

    def test_retrying_the_run_begins_its_tries_anew(self):
        last = {"id": "z", "finally": True, "retry": {"attempts": 2, "delay": 0}}
        story = Story(workflow_of("a", last))
        story.ends("a", "failed")
        story.ends("z", "failed")
        story.when(c.ReportRetryDue("z", "run"))
        story.ends("z", "failed")
        story.when(c.RetryRun())
        story.ends("a")
        assert story.ends("z", "failed")[1:] == ["retry_scheduled z run 4 0ms"]

    @pytest.mark.parametrize("outcome", ["lost", "failed"])
    def test_a_history_in_which_it_was_over_at_once_still_replays(self, outcome):
        """As the first versions recorded it; and the run can still be undone."""
        last = {"id": "z", "finally": True, "retry": {"attempts": 2, "delay": 0}}
        story = Story(workflow_of({"id": "a", "undo": "x"}, last))
        story.ends("a")
        old = [
            e.StepFinished(at=9, step="z", attempt=1, outcome=outcome),
            e.RunFinished(at=9, state="failed"),
        ]
        for event in old:
            evolve(story.state, event)
            story.history.append(event)
        assert story.state.steps["z"].status == outcome
        assert story.when(c.UndoRun())[1:] == ["compensation_started a 1"]
        assert story.undone("a")[-1] == "run_finished compensated"


def test_reports_about_another_attempt_are_old_news():
    story = Story(workflow_of({"id": "a", "retry": {"attempts": 2, "delay": 0}}))
    story.ends("a", "failed")
    story.when(c.ReportRetryDue("a", "run"))
    assert story.when(c.ReportEnd(step="a", kind="run", attempt=1, outcome="succeeded")) == []
    assert story.when(c.ReportRetryDue("a", "run")) == []


def test_five_hundred_steps():
    story = Story(workflow_of(*[f"s{n}" for n in range(500)]))
    for n in range(500):
        story.ends(f"s{n}")
    assert story.state.status == "succeeded"
