"""Going back: compensation, undo, cancel, retry of a run, lost outcomes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.saga import undoable
from flowd.errors import Conflict
from support.stories import Story, workflow_of

UNDOABLE = [{"id": s, "undo": f"undo {s}"} for s in "abc"]


def test_compensations_run_in_reverse_order_of_completion():
    steps = [{**s, "needs": []} for s in UNDOABLE] + [{"id": "d", "needs": ["a", "b", "c"]}]
    story = Story(workflow_of(*steps))
    for step in "bca":
        story.ends(step)
    assert story.ends("d", "failed")[1:] == [
        "rollback_started failure a c b",
        "compensation_started a 1",
    ]
    assert story.undone("a")[1:] == ["compensation_started c 1"]
    assert story.undone("c")[1:] == ["compensation_started b 1"]
    assert story.undone("b")[1:] == ["run_finished compensated"]
    assert {s.status for i, s in story.state.steps.items() if i != "d"} == {"compensated"}


def test_a_failure_with_nothing_to_undo_is_just_a_failure():
    story = Story(workflow_of("a", "b"))
    story.ends("a")
    assert story.ends("b", "failed")[1:] == ["run_finished failed"]


def test_running_siblings_end_before_anything_is_undone():
    story = Story(workflow_of({"id": "a", "needs": [], "undo": "x"}, {"id": "b", "needs": []}))
    assert story.ends("b", "failed") == ["step_finished b 1 failed"]
    assert story.ends("a")[1:] == ["rollback_started failure a", "compensation_started a 1"]


def test_a_failed_compensation_does_not_stop_the_others():
    story = Story(workflow_of(*UNDOABLE, "d"))
    for step in "abc":
        story.ends(step)
    story.ends("d", "failed")
    assert story.undone("c", "failed")[1:] == ["compensation_started b 1"]
    story.undone("b")
    assert story.undone("a")[1:] == ["run_finished compensation_failed"]
    assert story.state.steps["c"].status == "compensation_failed"
    assert story.state.completed == ["c"]


def test_what_could_not_be_undone_can_be_tried_again():
    story = Story(workflow_of(UNDOABLE[0]))
    story.ends("a")
    story.when(c.UndoRun())
    story.undone("a", "failed")
    assert story.state.status == "compensation_failed"
    with pytest.raises(Conflict) as refused:
        story.when(c.RetryRun())
    assert refused.value.cure.startswith("flowctl undo story")
    assert story.when(c.UndoRun()) == ["rollback_started undo a", "compensation_started a 2"]
    assert story.undone("a")[1:] == ["run_finished compensated"]


def test_a_compensation_has_its_own_retry():
    undo = {"run": "x", "retry": {"attempts": 2, "delay": "3s"}}
    story = Story(workflow_of({"id": "a", "undo": undo}, "b"))
    story.ends("a")
    story.ends("b", "failed")
    assert story.undone("a", "timed_out")[1:] == ["retry_scheduled a undo 2 3000ms"]
    assert story.when(c.ReportRetryDue("a", "undo")) == ["compensation_started a 2"]
    assert story.undone("a", "failed")[1:] == ["run_finished compensation_failed"]


def test_a_lost_compensation_is_not_repeated_by_itself():
    undo = {"run": "x", "retry": {"attempts": 5, "delay": 0}}
    story = Story(workflow_of({"id": "a", "undo": undo}, "b"))
    story.ends("a")
    story.ends("b", "failed")
    assert story.undone("a", "lost")[1:] == ["run_finished compensation_failed"]


def test_a_finished_run_can_be_undone_once():
    story = Story(workflow_of(UNDOABLE[0], "plain", UNDOABLE[1]))
    for step in ("a", "plain", "b"):
        story.ends(step)
    assert story.when(c.UndoRun()) == ["rollback_started undo b a", "compensation_started b 1"]
    story.undone("b")
    assert story.undone("a")[1:] == ["run_finished compensated"]
    with pytest.raises(Conflict, match=r"nothing left to undo \(no undo: plain\)"):
        story.when(c.UndoRun())


def test_a_live_run_cannot_be_undone():
    with pytest.raises(Conflict, match="only a finished run"):
        Story(workflow_of("a")).when(c.UndoRun())


class TestCancel:
    def test_running_steps_end_and_nothing_new_starts(self):
        story = Story(workflow_of("a", "b"))
        assert story.when(c.Cancel("ann")) == ["cancel_requested"]
        assert story.ends("a", "cancelled", exit_code=143)[1:] == ["run_finished cancelled"]
        assert story.state.steps["b"].status == "pending"

    def test_a_step_that_got_done_meanwhile_is_done(self):
        story = Story(workflow_of("a", "b"))
        story.when(c.Cancel())
        assert story.ends("a") == ["step_finished a 1 succeeded", "run_finished cancelled"]

    def test_what_was_done_is_kept_and_can_be_undone(self):
        story = Story(workflow_of(UNDOABLE[0], "b"))
        story.ends("a")
        story.when(c.Cancel())
        story.ends("b", "cancelled")
        assert story.when(c.UndoRun())[0] == "rollback_started undo a"

    def test_a_waiting_run_is_cancelled_at_once(self):
        story = Story(workflow_of({"id": "a", "confirm": "?"}))
        assert story.when(c.Cancel()) == ["cancel_requested", "run_finished cancelled"]

    def test_a_pause_before_a_retry_is_cut_short(self):
        story = Story(workflow_of({"id": "a", "retry": {"attempts": 9}}))
        story.ends("a", "failed")
        assert story.when(c.Cancel())[-1] == "run_finished cancelled"
        assert story.when(c.ReportRetryDue("a", "run")) == []

    def test_a_compensation_is_not_interrupted(self):
        story = Story(workflow_of(UNDOABLE[0]))
        story.ends("a")
        story.when(c.UndoRun())
        with pytest.raises(Conflict, match="not interrupted"):
            story.when(c.Cancel())

    def test_a_finished_run_cannot_be_cancelled(self):
        story = Story(workflow_of("a"))
        story.ends("a")
        with pytest.raises(Conflict, match="finished"):
            story.when(c.Cancel())

    def test_asking_twice_is_asking_once(self):
        story = Story(workflow_of("a"))
        story.when(c.Cancel())
        assert story.when(c.Cancel()) == []


class TestRetryOfARun:
    def test_it_goes_on_from_the_failed_step_and_keeps_the_rest(self):
        story = Story(workflow_of("a", {"id": "b", "on_error": "stop"}, "c"))
        story.ends("a", outputs={"k": "v"})
        story.ends("b", "failed")
        assert story.when(c.RetryRun()) == ["retry_requested", "step_started b 2"]
        assert story.state.steps["a"].outputs == {"k": "v"}
        assert story.ends("b")[1:] == ["step_started c 1"]
        assert story.ends("c")[-1] == "run_finished succeeded"

    def test_a_cancelled_run_goes_on(self):
        story = Story(workflow_of("a", "b"))
        story.when(c.Cancel())
        story.ends("a", "cancelled")
        assert story.when(c.RetryRun()) == ["retry_requested", "step_started a 2"]
        story.ends("a")
        assert story.ends("b")[-1] == "run_finished succeeded"

    def test_parallel_steps_wait_for_the_same_needs_again(self):
        story = Story(
            workflow_of(
                {"id": "a", "needs": [], "on_error": "stop"},
                {"id": "b", "needs": []},
                {"id": "c", "needs": ["a", "b"]},
            )
        )
        story.ends("b")
        story.ends("a", "failed")
        assert story.when(c.RetryRun())[1:] == ["step_started a 2"]
        assert story.ends("a")[1:] == ["step_started c 1"]

    def test_finally_steps_run_again(self):
        story = Story(workflow_of("a", {"id": "z", "finally": True}))
        story.ends("a", "failed")
        story.ends("z")
        story.when(c.RetryRun())
        assert story.ends("a")[1:] == ["step_started z 2"]

    def test_a_run_that_was_rolled_back_cannot_be_retried(self):
        story = Story(workflow_of(UNDOABLE[0], "b"))
        story.ends("a")
        story.ends("b", "failed")
        story.undone("a")
        with pytest.raises(Conflict, match="nothing to retry"):
            story.when(c.RetryRun())


class TestLostOutcomes:
    def lose(self, **step):
        story = Story(workflow_of({"id": "a", "undo": "x", **step}, "b"))
        return story, story.ends("a", "lost")[1:]

    def test_by_default_a_person_is_asked(self):
        story, then = self.lose()
        assert then == ["question_asked a lost"]
        assert story.state.status == "waiting"

    @pytest.mark.parametrize(
        ("answer", "then"),
        [
            ("yes", ["question_answered a yes", "step_started b 1"]),
            ("no", ["question_answered a no", "run_finished failed"]),
            ("retry", ["question_answered a retry", "step_started a 2"]),
            (
                "skip",
                [
                    "question_answered a skip",
                    "step_skipped a: skipped by a person",
                    "step_started b 1",
                ],
            ),
            (
                "undo",
                [
                    "question_answered a undo",
                    "rollback_started answer a",
                    "compensation_started a 1",
                ],
            ),
        ],
    )
    def test_every_answer_has_its_consequence(self, answer, then):
        story, _ = self.lose()
        assert story.when(c.AnswerQuestion("a", answer)) == then

    def test_undo_without_an_undo_is_refused(self):
        story, _ = self.lose(undo=None)
        assert "undo" not in story.state.questions["a"].answers
        with pytest.raises(Conflict, match="has no undo"):
            story.when(c.AnswerQuestion("a", "undo"))
        assert "undo" in self.lose()[0].state.questions["a"].answers

    def test_a_run_that_asks_nothing_says_so(self):
        story = Story(workflow_of("a"))
        with pytest.raises(Conflict, match=r"asks nothing$") as refused:
            story.when(c.AnswerQuestion("a", "yes"))
        assert refused.value.cure == "the run is running and waits for no answer"

    def test_retry_is_repeated_because_the_user_marked_it(self):
        story, then = self.lose(on_interrupt="retry")
        assert then == ["retry_scheduled a run 2 0ms"]
        assert story.when(c.ReportRetryDue("a", "run")) == ["step_started a 2"]

    def test_but_not_for_ever(self):
        story, then = self.lose(on_interrupt="retry")
        for _ in range(4):
            story.when(c.ReportRetryDue("a", "run"))
            then = story.ends("a", "lost")[1:]
        assert then == ["question_asked a lost"]

    def test_undo_rolls_back(self):
        _, then = self.lose(on_interrupt="undo")
        assert then == [
            "question_asked a lost",
            "question_answered a undo",
            "rollback_started answer a",
            "compensation_started a 1",
        ]

    def test_check_says_it_was_done(self):
        story, then = self.lose(on_interrupt="check", check="test -e x")
        assert then == ["check_started a 1"]
        assert story.checked("a")[1:] == ["step_started b 1"]
        assert story.state.completed == ["a"]

    def test_check_says_it_was_not_done(self):
        story, _ = self.lose(on_interrupt="check", check="test -e x")
        assert story.checked("a", "failed")[1:] == ["step_started a 2"]

    @pytest.mark.parametrize(
        "end",
        [{"outcome": "failed", "exit_code": 127}, {"outcome": "timed_out"}, {"outcome": "lost"}],
    )
    def test_check_cannot_tell(self, end):
        story, _ = self.lose(on_interrupt="check", check="test -e x")
        assert story.checked("a", **end)[1:] == ["question_asked a lost"]

    def test_why_a_check_could_not_tell_is_kept(self):
        story, _ = self.lose(on_interrupt="check", check="test -e x")
        story.checked("a", "failed", exit_code=None, reason="its folder is gone")
        assert story.state.steps["a"].attempts[-1].reason == "its folder is gone"

    def test_a_run_that_is_cancelled_asks_nothing(self):
        story = Story(workflow_of("a", "b"))
        story.when(c.Cancel())
        assert story.ends("a", "lost")[1:] == ["run_finished cancelled"]

    def test_a_lost_step_is_asked_about_again_when_the_run_is_retried(self):
        story = Story(workflow_of("a", "b"))
        story.when(c.Cancel())
        story.ends("a", "lost")
        assert story.when(c.RetryRun()) == ["retry_requested", "question_asked a lost"]

    def test_a_parallel_failure_waits_for_the_answer_before_it_rolls_back(self):
        story = Story(workflow_of({"id": "a", "needs": [], "undo": "x"}, {"id": "b", "needs": []}))
        story.ends("a", "lost")
        assert story.ends("b", "failed") == ["step_finished b 1 failed"]
        assert story.when(c.AnswerQuestion("a", "yes"))[1:] == [
            "rollback_started failure a",
            "compensation_started a 1",
        ]

    def test_an_attempt_that_never_started_is_simply_started(self):
        story = Story(workflow_of({"id": "a", "retry": {"attempts": 1}}))
        assert story.when(c.ReportNeverStarted("a", "run", 1)) == [
            "attempt_withdrawn a run 1",
            "step_started a 2",
        ]
        assert story.ends("a", "failed")[1:] == ["run_finished failed"]

    def test_a_compensation_that_never_started_is_simply_started(self):
        story = Story(workflow_of(UNDOABLE[0]))
        story.ends("a")
        story.when(c.UndoRun())
        assert story.when(c.ReportNeverStarted("a", "undo", 1)) == [
            "attempt_withdrawn a undo 1",
            "compensation_started a 2",
        ]

    def test_a_compensation_that_never_started_takes_no_retry_away(self):
        story = Story(workflow_of({"id": "a", "undo": {"run": "x", "retry": {"attempts": 2}}}))
        story.ends("a")
        story.when(c.UndoRun())
        story.when(c.ReportNeverStarted("a", "undo", 1))
        assert story.undone("a", "failed")[1] == "retry_scheduled a undo 3 1000ms"


@pytest.mark.parametrize("request_", [c.Cancel(), c.UndoRun(), c.RetryRun()])
def test_nobody_is_told_to_cancel_what_cannot_be_cancelled(request_):
    story = Story(workflow_of(UNDOABLE[0]))
    story.ends("a")
    story.when(c.UndoRun())
    with pytest.raises(Conflict) as refused:
        story.when(request_)
    assert refused.value.cure == "wait for it to end: flowctl attach story"


def assert_replays(story: Story) -> None:
    replayed = story.replayed()
    replayed.position = story.state.position  # the log's business, not the story's
    assert replayed == story.state


class TestFinallyAfterARollback:
    def failed(self, **rule: object) -> Story:
        """A run that is rolled back, and now carries out its `finally` step."""
        step = {"id": "last", "finally": True, **rule}
        story = Story(workflow_of(UNDOABLE[0], "b", step, {**step, "id": "very_last"}))
        story.ends("a")
        story.ends("b", "failed")
        assert story.undone("a")[1:] == ["step_started last 1"]
        return story

    def test_it_can_be_cancelled(self):
        story = self.failed(retry={"attempts": 3})
        assert story.when(c.Cancel()) == ["cancel_requested"]
        assert story.state.status == "compensating"
        assert story.ends("last", "cancelled")[1:] == ["step_started very_last 1"]
        assert story.ends("very_last")[1:] == ["run_finished compensated"]
        assert_replays(story)

    def test_a_question_about_it_is_dropped(self):
        story = self.failed()
        assert story.ends("last", "lost")[1:] == ["question_asked last lost"]
        assert story.when(c.Cancel()) == ["cancel_requested", "step_started very_last 1"]
        assert story.state.status == "compensating"
        assert_replays(story)

    def test_a_pause_before_it_ends(self):
        story = self.failed(retry={"attempts": 3})
        story.ends("last", "failed")
        assert story.when(c.Cancel())[1:] == ["step_started very_last 1"]
        assert story.ends("very_last")[1:] == ["run_finished compensated"]
        assert_replays(story)


class TestParked:
    def test_nothing_happens_until_it_is_resumed(self):
        story = Story(workflow_of("a", "b"))
        assert story.when(c.Park("ouch")) == ["run_parked"]
        assert story.state.status == "waiting"
        assert story.when(c.ResumeRun()) == ["run_resumed"]
        assert story.state.status == "running"
        assert story.ends("a")[1:] == ["step_started b 1"]

    @pytest.mark.parametrize("request_", [c.Cancel(), c.AnswerQuestion("a", "yes")])
    def test_it_cannot_be_steered_meanwhile(self, request_):
        story = Story(workflow_of({"id": "a", "confirm": "?"}))
        story.when(c.Park("ouch"))
        with pytest.raises(Conflict, match="parked"):
            story.when(request_)
        story.when(c.ResumeRun())
        assert story.state.status == "waiting"
        assert story.when(c.AnswerQuestion("a", "yes"))[-1] == "step_started a 1"

    def test_a_rollback_resumes_as_a_rollback(self):
        story = Story(workflow_of(UNDOABLE[0]))
        story.ends("a")
        story.when(c.UndoRun())
        story.when(c.Park("ouch"))
        story.when(c.ResumeRun())
        assert story.state.status == "compensating"
        assert story.undone("a")[-1] == "run_finished compensated"


def assert_taken_back_as_told(story: Story) -> None:
    """Each rollback begins its compensations in the order it told, and leaves none out."""
    told: list[str] = []
    begun: dict[str, None] = {}
    for event in story.history:
        if isinstance(event, e.RollbackStarted):
            assert list(begun) == told
            told, begun = event.steps, {}
        elif isinstance(event, e.CompensationStarted):
            begun[event.step] = None
    assert list(begun) == told


def assert_items_keep_their_word(story: Story) -> None:
    """No more items at once than allowed, each with a place of its own; done when all are."""
    for step, loop in story.state.loops.items():
        items = [story.state.steps[f"{step}.{n}"] for n in range(len(loop.items))]
        flying = [
            i for i in items if any(r.kind != "undo" and r.outcome is None for r in i.attempts)
        ]
        assert len(flying) <= loop.open <= story.state.plan[step].parallel
        if story.state.steps[step].status == "compensated":
            assert {item.status for item in items} <= {"compensated", "succeeded", "skipped"}
        if story.state.steps[step].status == "succeeded":
            assert {item.status for item in items} <= {"succeeded", "skipped"}


OUTCOMES = st.sampled_from(["succeeded", "succeeded", "succeeded", "failed", "timed_out", "lost"])


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_happens_the_saga_keeps_its_word(data):
    """Random graphs, outcomes and requests: replay agrees, order of undoing is right, it ends."""
    ids = [f"s{n}" for n in range(data.draw(st.integers(1, 7)))]
    steps = []
    for n, step_id in enumerate(ids):
        step = {
            "id": step_id,
            "undo": "x" if data.draw(st.booleans()) else None,
            "needs": data.draw(st.lists(st.sampled_from(ids[:n]), unique=True)) if n else [],
            "on_error": data.draw(st.sampled_from(["rollback", "stop", "continue"])),
            "retry": {"attempts": data.draw(st.integers(1, 2)), "delay": 0},
            "on_interrupt": data.draw(st.sampled_from(["ask", "ask", "check", "retry", "undo"])),
            "check": "x",
        }
        if data.draw(st.integers(0, 5)) == 0:
            step["confirm"] = "?"
        if data.draw(st.integers(0, 2)) == 0:
            step["for_each"] = list("wxyz"[: data.draw(st.integers(0, 4))])
            step["parallel"] = data.draw(st.integers(1, 3))
        if data.draw(st.integers(0, 7)) == 0 and n + 1 < len(ids):
            step["on_error"] = {"goto": ids[-1]}
        steps.append(step)
    last = {
        "id": "last",
        "finally": True,
        "retry": {"attempts": data.draw(st.integers(1, 2)), "delay": 0},
        "on_interrupt": data.draw(st.sampled_from(["ask", "check", "retry"])),
        "check": "x",
        "confirm": data.draw(st.sampled_from([None, "?"])),
    }
    story = Story(workflow_of(*steps, last))
    done: list[str] = []
    rollbacks: list[tuple[int, list[str]]] = []  # done by then, taken back
    seen = 0
    started: dict[tuple[str, str, int], int] = {}
    retries, undos = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 1))
    for _ in range(600):
        assert_items_keep_their_word(story)
        rollbacks += [
            (len(done), event.steps)
            for event in story.history[seen:]
            if isinstance(event, e.RollbackStarted)
        ]
        seen = len(story.history)
        if story.state.finished:
            if undos and undoable(story.state):
                undos -= 1
                story.when(c.UndoRun())
                continue
            if not retries or story.state.status not in ("failed", "cancelled"):
                break
            retries -= 1
            story.when(c.RetryRun())
            continue
        if (
            not story.state.cancelling
            and story.state.rollback is None
            and data.draw(st.integers(0, 30)) == 30
        ):
            story.when(c.Cancel())
            continue
        flying = sorted(
            (i, r.kind, r.attempt)
            for i, s in story.state.steps.items()
            for r in s.attempts
            if r.outcome is None
        )
        for key in flying:
            started[key] = started.get(key, 0)
        if flying:
            step, kind, attempt = data.draw(st.sampled_from(flying))
            plain = kind == "run" and step != "last" and not story.state.can_undo(step)
            if plain and data.draw(st.booleans()):
                story.when(c.ReportSaved(step, attempt, 1, 10))
            outcome = data.draw(OUTCOMES)
            story.when(
                c.ReportEnd(
                    step=step,
                    kind=kind,
                    attempt=attempt,
                    outcome=outcome,
                    exit_code=None if outcome == "lost" else int(outcome != "succeeded"),
                )
            )
            if outcome == "succeeded":
                done += [step] if kind != "undo" else []
        elif story.state.questions:
            question = next(iter(story.state.questions.values()))
            can = [
                a for a in question.answers if a != "undo" or story.state.can_undo(question.step)
            ]
            answer = data.draw(st.sampled_from(can))
            story.when(c.AnswerQuestion(question.step, answer))
            if question.about == "lost" and answer == "yes":
                done.append(question.step)
        else:
            waiting = [
                i
                for i, s in story.state.steps.items()
                if s.status in ("retrying", "compensating") and i in story.state.active
            ]
            assert waiting, f"stuck: {story.state}"
            step = waiting[0]
            kind = "run" if story.state.steps[step].status == "retrying" else "undo"
            story.when(c.ReportRetryDue(step, kind))
    assert story.state.finished
    assert not story.state.active
    assert not story.state.to_close
    assert all(not loop.open for loop in story.state.loops.values())
    assert not any(story.state.steps[step].status == "running" for step in story.state.steps)
    replayed = story.replayed()
    replayed.position = story.state.position
    assert replayed == story.state
    # Files that were saved are put back by a rollback of their own, once a person asks for it.
    for begun, rollback in rollbacks:
        places = [
            max(n for n, step in enumerate(done[:begun]) if step == taken)
            for taken in rollback
            if taken in done[:begun]
        ]  # others were left half done
        assert places == sorted(places, reverse=True), "compensations ran out of order"
    assert_taken_back_as_told(story)
    numbers = [(ev.step, ev.attempt) for ev in story.history if type(ev).__name__ == "StepStarted"]
    assert len(numbers) == len(set(numbers)), "an attempt number was used twice"
