"""Steps that run once for each item of a list: what follows from what."""

import time

import pytest

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.items import MAX_ITEMS_PER_RUN, read_items
from flowd.domain.workflow import MAX_ITEMS
from flowd.errors import Conflict, InvalidInput
from support.stories import Story, workflow_of

ABC = {"id": "a", "for_each": ["x", "y", "z"]}


def assert_replays(story: Story) -> None:
    replayed = story.replayed()
    replayed.position = story.state.position
    assert replayed == story.state


def statuses(story: Story) -> dict[str, str]:
    return {step_id: step.status for step_id, step in story.state.steps.items()}


def finished(story: Story, step: str) -> e.StepFinished:
    return next(
        event
        for event in reversed(story.history)
        if isinstance(event, e.StepFinished) and event.step == step
    )


def test_items_run_one_after_the_other_and_then_the_next_step():
    story = Story(workflow_of(ABC, "b"))
    assert story.opening == ["step_expanded", "step_started a.0 1"]
    assert story.ends("a.0") == ["step_finished a.0 1 succeeded", "step_started a.1 1"]
    story.ends("a.1")
    assert story.ends("a.2")[1:] == ["step_finished a 0 succeeded", "step_started b 1"]
    assert story.ends("b")[-1] == "run_finished succeeded"
    assert story.state.steps["a"].exit_code == 0
    assert_replays(story)


def test_so_many_side_by_side_as_parallel_says():
    story = Story(workflow_of({**ABC, "for_each": list("uvwxyz"), "parallel": 3}))
    assert story.opening[1:] == [f"step_started a.{n} 1" for n in range(3)]
    assert story.ends("a.1")[1:] == ["step_started a.3 1"]
    assert story.ends("a.0")[1:] == ["step_started a.4 1"]
    assert story.ends("a.3")[1:] == ["step_started a.5 1"]
    assert story.ends("a.4")[1:] == []
    assert_replays(story)


def test_an_item_reaches_its_scripts_as_variables():
    story = Story(workflow_of({**ABC, "as": "target", "env": {"K": "v"}}))
    assert story.state.plan["a.1"].env == {
        "K": "v", "FLOW_ITEM": "y", "FLOW_ITEM_INDEX": "1", "target": "y"
    }  # fmt: skip
    assert story.state.plan["a.1"].run == story.state.plan["a"].run


def test_an_empty_list_succeeds_at_once_and_asks_nothing():
    story = Story(workflow_of({"id": "a", "for_each": "[]", "confirm": "Sure?"}, "b"))
    assert story.opening == ["step_expanded", "step_finished a 0 succeeded", "step_started b 1"]
    assert finished(story, "a").reason == "there are no items"
    assert_replays(story)


class TestExpressions:
    def items(self, stdout=b"", outputs=None, for_each="steps.a.stdout", **keys):
        story = Story(workflow_of("a", {"id": "b", "for_each": for_each}, **keys))
        if stdout:
            chunk = c.OutputChunk("stdout", stdout)
            story.when(c.ReportOutput("a", "run", 1, [chunk]))
        story.ends("a", outputs=outputs or {})
        loop = story.state.loops.get("b")
        assert_replays(story)
        return loop.items if loop else finished(story, "b").reason

    def test_lines_of_output(self):
        assert self.items(b"one\ntwo words\r\n\n  three\n") == ["one", "two words", "  three"]

    def test_a_list_in_json(self):
        given = {"list": '["a b", 3.10, true, 7]'}
        assert self.items(outputs=given, for_each="steps.a.outputs.list") == [
            "a b", "3.10", "true", "7"
        ]  # fmt: skip

    def test_lines_that_only_look_like_json(self):
        assert self.items(b"[x]\n[y]\n") == ["[x]", "[y]"]

    def test_a_list_of_the_expression(self):
        assert self.items(for_each='["x", steps.a.status]') == ["x", "succeeded"]

    @pytest.mark.parametrize(
        ("value", "wrong"),
        [
            ("steps.a.outputs.none", "needs 'none', which is not there"),
            ("[[1]]", "item 0 is a list"),
            ('[{"a": 1}]', "item 0 is a map"),
            ('["\\u0000"]', "zero byte"),
            ("steps.a.exit_code", "a number, not a list"),
        ],
    )
    def test_what_is_no_list_fails_the_step_and_says_why(self, value, wrong):
        reason = self.items(for_each=value)
        assert reason.startswith("for_each: ")
        assert wrong in reason

    def test_output_that_is_not_kept_whole_is_no_list(self):
        reason = self.items(b"line of it\n" * 6000)
        assert "a wrote more than the 65,536 bytes" in reason
        assert "$FLOW_OUTPUT" in reason

    def test_so_many_items_and_no_more(self):
        assert len(self.items(b"x\n" * MAX_ITEMS)) == MAX_ITEMS
        assert "1,001 items: at most 1,000" in self.items(b"x\n" * (MAX_ITEMS + 1))

    def test_items_have_a_size(self):
        with pytest.raises(InvalidInput, match="item 1 is larger than 65,536 bytes"):
            read_items(["x", "y" * 65_537])
        with pytest.raises(InvalidInput, match="larger than 262,144 bytes together"):
            read_items(["y" * 65_536] * 5)

    def test_a_run_has_so_many_items_and_no_more(self):
        each = {"for_each": [str(n) for n in range(MAX_ITEMS)], "needs": []}
        count = MAX_ITEMS_PER_RUN // MAX_ITEMS
        story = Story(workflow_of(*({"id": f"s{n}", **each} for n in range(count + 1))))
        assert len(story.state.loops) == count
        assert "at most 5,000 are allowed in a run" in finished(story, f"s{count}").reason

    def test_a_later_attempt_of_the_step_replaces_its_output(self):
        steps = ({"id": "a", "retry": {"attempts": 2}}, {"id": "b", "for_each": "steps.a.stdout"})
        story = Story(workflow_of(*steps))
        story.when(c.ReportOutput("a", "run", 1, [c.OutputChunk("stdout", b"half\n")]))
        story.ends("a", "failed")
        story.when(c.ReportRetryDue("a", "run"))
        story.when(c.ReportOutput("a", "run", 2, [c.OutputChunk("stdout", b"whole\n")]))
        story.ends("a")
        assert story.state.loops["b"].items == ["whole"]

    def test_what_items_gave_can_be_read(self):
        story = Story(
            workflow_of(
                {**ABC, "on_error": "continue"},
                {
                    "id": "b",
                    "if": "steps.a.items.exists(i, i.exit_code == 1) && size(steps.a.items) == 3"
                    ' && steps.a.items[2].status == "succeeded" && steps.a.exit_code == 1',
                    "for_each": "steps.a.items.filter(i, i.exit_code == 0)"
                    '.map(i, i.item + "=" + i.outputs.k + i.stdout)',
                },
            )
        )
        for n in range(3):
            chunk = c.OutputChunk("stdout", b"out%d" % n)
            story.when(c.ReportOutput(f"a.{n}", "run", 1, [chunk]))
            story.ends(f"a.{n}", "failed" if n == 1 else "succeeded", outputs={"k": f"v{n}"})
        assert story.state.loops["b"].items == ["x=v0out0", "z=v2out2"]
        assert_replays(story)

    def test_they_are_worked_out_anew_by_a_retry_and_not_carried_out_as_one_step(self):
        steps = {"id": "b", "for_each": "steps.a.outputs.list", "retry": {"attempts": 2}}
        story = Story(workflow_of("a", steps))
        assert story.ends("a")[1:] == [
            "step_started b 1",
            "step_finished b 1 failed",
            "retry_scheduled b run 2 1000ms",
        ]
        assert story.when(c.ReportRetryDue("b", "run")) == [
            "step_started b 2",
            "step_finished b 2 failed",
            "run_finished failed",
        ]


def test_a_condition_that_cannot_be_told_is_never_passed_over_by_a_retry():
    steps = {"id": "b", "if": "steps.a.outputs.none == ''", "retry": {"attempts": 2}}
    story = Story(workflow_of("a", steps))
    story.ends("a")
    assert story.when(c.ReportRetryDue("b", "run"))[1:] == [
        "step_finished b 2 failed",
        "run_finished failed",
    ]


def test_a_condition_is_asked_once_for_all_items():
    story = Story(
        workflow_of({**ABC, "if": "inputs.wanted == false"}, "b"), inputs={"wanted": True}
    )
    assert story.opening == ["step_skipped a: its condition is false", "step_started b 1"]


class TestConfirmation:
    def test_one_question_for_all_items_that_names_them(self):
        story = Story(workflow_of({**ABC, "confirm": "Wipe?"}), questions={"a": "This deletes."})
        assert story.opening == ["step_expanded", "question_asked a approval"]
        assert story.state.questions["a"].question == "Wipe? This deletes. (3 items: x, y, z)"
        assert story.when(c.AnswerQuestion("a", "yes"))[1:] == ["step_started a.0 1"]
        assert story.ends("a.0")[1:] == ["step_started a.1 1"]
        assert_replays(story)

    def test_no_is_a_failure_of_the_whole(self):
        story = Story(workflow_of({**ABC, "confirm": "Wipe?"}))
        assert story.when(c.AnswerQuestion("a", "no"))[1:] == ["run_finished failed"]
        assert story.when(c.RetryRun()) == ["retry_requested", "question_asked a approval"]
        assert_replays(story)

    def test_skip_skips_the_whole(self):
        story = Story(workflow_of({**ABC, "confirm": "Wipe?"}, "b"))
        assert story.when(c.AnswerQuestion("a", "skip"))[-1] == "step_started b 1"


class TestFailure:
    def test_one_that_fails_keeps_the_rest_from_beginning(self):
        story = Story(workflow_of({**ABC, "on_error": "stop"}, "b"))
        story.ends("a.0")
        assert story.ends("a.1", "failed", exit_code=7)[1:] == [
            "step_finished a 0 failed",
            "run_finished failed",
        ]
        assert finished(story, "a").reason == "1 of 3 items failed"
        assert story.state.steps["a"].exit_code == 7
        assert statuses(story) == {
            "a": "failed", "b": "pending", "a.0": "succeeded", "a.1": "failed", "a.2": "pending"
        }  # fmt: skip
        assert_replays(story)

    def test_those_side_by_side_end_first_and_then_all_is_undone_backwards(self):
        each = {**ABC, "parallel": 3, "undo": "x"}
        story = Story(workflow_of({"id": "first", "undo": "x"}, each))
        story.ends("first")
        story.ends("a.2")
        assert story.ends("a.1", "failed") == ["step_finished a.1 1 failed"]
        assert story.ends("a.0")[1:] == [
            "step_finished a 0 failed",
            "rollback_started failure a.0 a.2 first",
            "compensation_started a.0 1",
        ]
        story.undone("a.0")
        story.undone("a.2")
        assert story.undone("first")[-1] == "run_finished compensated"
        assert statuses(story)["a"] == "failed"
        assert_replays(story)

    def test_it_keeps_other_branches_from_going_on_at_once(self):
        one, other = {**ABC, "needs": [], "parallel": 2}, {"id": "b", "needs": []}
        story = Story(workflow_of(one, other, {"id": "c", "needs": ["b"]}))
        story.ends("a.0", "failed")
        assert story.ends("b") == ["step_finished b 1 succeeded"]
        assert story.ends("a.1")[1:] == ["step_finished a 0 failed", "run_finished failed"]
        assert_replays(story)

    def test_with_continue_the_rest_goes_on(self):
        story = Story(workflow_of({**ABC, "on_error": "continue"}, "b"))
        assert story.ends("a.0", "failed")[1:] == ["step_started a.1 1"]
        story.ends("a.1", "timed_out")
        assert story.ends("a.2")[1:] == ["step_finished a 0 failed", "step_started b 1"]
        assert finished(story, "a").reason == "2 of 3 items failed"
        assert story.ends("b")[-1] == "run_finished succeeded"
        assert_replays(story)

    def test_with_goto_it_goes_on_there(self):
        story = Story(workflow_of({**ABC, "on_error": {"goto": "c"}}, "b", "c"))
        assert story.ends("a.0", "failed")[1:] == [
            "step_finished a 0 failed",
            "step_skipped b: a failed and goes on at c",
            "step_started c 1",
        ]
        assert_replays(story)

    def test_each_item_has_its_own_retry(self):
        story = Story(workflow_of({**ABC, "retry": {"attempts": 2, "delay": 0}, "parallel": 2}))
        assert story.ends("a.0", "failed")[1:] == ["retry_scheduled a.0 run 2 0ms"]
        assert story.when(c.ReportRetryDue("a.0", "run")) == ["step_started a.0 2"]
        assert story.ends("a.0")[1:] == ["step_started a.2 1"]
        assert_replays(story)

    def test_another_step_that_fails_cuts_it_short(self):
        other = {"id": "b", "needs": [], "on_error": "stop"}
        story = Story(workflow_of({**ABC, "needs": []}, other))
        story.ends("b", "failed")
        assert story.ends("a.0")[1:] == ["step_finished a 0 cancelled", "run_finished failed"]
        assert finished(story, "a").reason == "2 of 3 items were not carried out"
        assert_replays(story)


class TestGoingOn:
    def test_a_retry_keeps_what_succeeded_and_the_items(self):
        story = Story(workflow_of({**ABC, "on_error": "stop", "parallel": 2}, "b"))
        story.ends("a.0", outputs={"k": "kept"})
        story.ends("a.1", "failed")
        story.ends("a.2")
        assert story.state.status == "failed"
        assert story.when(c.RetryRun()) == ["retry_requested", "step_started a.1 2"]
        assert story.state.steps["a.0"].outputs == {"k": "kept"}
        assert story.ends("a.1")[1:] == ["step_finished a 0 succeeded", "step_started b 1"]
        assert_replays(story)

    def test_a_cancelled_one_goes_on_where_it_was(self):
        story = Story(workflow_of(ABC))
        story.ends("a.0")
        assert story.when(c.Cancel()) == ["cancel_requested"]
        assert story.ends("a.1", "cancelled")[1:] == [
            "step_finished a 0 cancelled",
            "run_finished cancelled",
        ]
        assert statuses(story) == {
            "a": "cancelled", "a.0": "succeeded", "a.1": "cancelled", "a.2": "pending"
        }  # fmt: skip
        assert story.when(c.RetryRun()) == ["retry_requested", "step_started a.1 2"]
        story.ends("a.1")
        assert story.ends("a.2")[-1] == "run_finished succeeded"
        assert_replays(story)

    def test_a_cancelled_question_or_pause_ends_at_once(self):
        story = Story(workflow_of({**ABC, "retry": {"attempts": 2}, "parallel": 2}))
        story.ends("a.0", "failed")
        story.ends("a.1", "lost")
        assert story.when(c.Cancel()) == [
            "cancel_requested",
            "step_finished a 0 cancelled",
            "run_finished cancelled",
        ]
        assert_replays(story)
        assert story.when(c.RetryRun())[1:] == ["question_asked a.1 lost", "step_started a.0 2"]
        assert_replays(story)

    def test_a_finished_run_is_undone_item_by_item(self):
        story = Story(workflow_of({**ABC, "undo": "x"}))
        for n in range(3):
            story.ends(f"a.{n}")
        assert story.when(c.UndoRun())[0] == "rollback_started undo a.2 a.1 a.0"
        assert statuses(story)["a"] == "compensating"
        story.undone("a.2")
        story.undone("a.1", "failed")
        assert story.undone("a.0")[-1] == "run_finished compensation_failed"
        assert statuses(story)["a"] == "compensation_failed"
        assert_replays(story)

    def test_it_is_undone_once_a_second_undo_takes_back_what_the_first_could_not(self):
        story = Story(workflow_of({**ABC, "undo": "x"}))
        for n in range(3):
            story.ends(f"a.{n}")
        story.when(c.UndoRun())
        for item, outcome in (("a.2", "failed"), ("a.1", "succeeded"), ("a.0", "failed")):
            story.undone(item, outcome)
        assert story.when(c.UndoRun())[0] == "rollback_started undo a.2 a.0"
        assert statuses(story)["a"] == "compensating"
        story.undone("a.2")
        assert story.undone("a.0")[-1] == "run_finished compensated"
        assert statuses(story)["a"] == "compensated"
        assert_replays(story)

    def test_what_cannot_be_undone_is_named_by_its_step(self):
        story = Story(workflow_of(ABC))
        for n in range(3):
            story.ends(f"a.{n}")
        with pytest.raises(Conflict, match=r"\(no undo: a\)"):
            story.when(c.UndoRun())


class TestLost:
    def lose(self, **more):
        story = Story(workflow_of({**ABC, "undo": "x", **more}, "b"))
        story.ends("a.0")
        return story, story.ends("a.1", "lost")[1:]

    def test_a_person_is_asked_about_the_item_and_the_rest_waits(self):
        story, then = self.lose()
        assert then == ["question_asked a.1 lost"]
        assert story.when(c.AnswerQuestion("a.1", "yes"))[1:] == ["step_started a.2 1"]
        assert_replays(story)

    @pytest.mark.parametrize(
        ("answer", "then"),
        [
            ("retry", ["step_started a.1 2"]),
            ("skip", ["step_skipped a.1: skipped by a person", "step_started a.2 1"]),
            (
                "no",
                [
                    "step_finished a 0 failed",
                    "rollback_started failure a.0",
                    "compensation_started a.0 1",
                ],
            ),
            (
                "undo",
                [
                    "step_finished a 0 failed",
                    "rollback_started answer a.1 a.0",
                    "compensation_started a.1 1",
                ],
            ),
        ],
    )
    def test_every_answer_has_its_consequence(self, answer, then):
        story, _ = self.lose()
        assert story.when(c.AnswerQuestion("a.1", answer))[1:] == then
        assert_replays(story)

    def test_its_check_is_asked(self):
        story, then = self.lose(on_interrupt="check", check="x")
        assert then == ["check_started a.1 1"]
        assert story.checked("a.1", "failed")[1:] == ["step_started a.1 2"]
        assert story.ends("a.1")[1:] == ["step_started a.2 1"]
        assert_replays(story)

    def test_to_carry_it_out_again_is_too_late_once_the_run_stops(self):
        story = Story(workflow_of({**ABC, "needs": []}, {"id": "b", "needs": []}))
        story.ends("a.0", "lost")
        assert story.ends("b", "failed") == ["step_finished b 1 failed"]
        assert story.when(c.AnswerQuestion("a.0", "retry"))[1:] == [
            "step_finished a 0 cancelled",
            "run_finished failed",
        ]
        assert_replays(story)

    def test_a_start_that_never_was_is_simply_made_again(self):
        story = Story(workflow_of(ABC))
        assert story.when(c.ReportNeverStarted("a.0", "run", 1)) == [
            "attempt_withdrawn a.0 run 1",
            "step_started a.0 2",
        ]
        assert_replays(story)


def test_what_attempts_made_replaces_what_earlier_ones_did():
    story = Story(workflow_of({**ABC, "retry": {"attempts": 2, "delay": 0}, "artifacts": ["x"]}))
    file = e.Artifact("x", 10, "0" * 64, 0o644)
    assert story.when(c.ReportArtifacts("a.0", 1, c.Kept([file, file]))) == ["artifacts_kept"]
    story.ends("a.0", "failed")
    assert (story.state.artifact_files, story.state.artifact_bytes) == (2, 20)
    assert story.when(c.ReportArtifacts("a.0", 1, c.Kept([file]))) == []  # too late
    story.when(c.ReportRetryDue("a.0", "run"))
    story.when(c.ReportArtifacts("a.0", 2, c.Kept([file])))
    story.ends("a.0")
    story.when(c.ReportArtifacts("a.1", 1, c.Kept(left_out=3, reason="why")))
    assert (story.state.artifact_files, story.state.artifact_bytes) == (1, 10)
    assert_replays(story)


def test_each_item_costs_the_same_however_many_there_are():
    def seconds(count: int) -> float:
        story = Story(workflow_of({"id": "a", "for_each": [str(n) for n in range(count)]}))
        began = time.process_time()
        for n in range(count):
            story.ends(f"a.{n}")
        assert story.state.status == "succeeded"
        return (time.process_time() - began) / count

    few = min(seconds(100) for _ in range(3))
    many = min(seconds(1000) for _ in range(3))
    assert many < 3 * few, f"{few * 1e6:.0f} µs an item of 100, {many * 1e6:.0f} µs of 1,000"
