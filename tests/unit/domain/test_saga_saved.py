"""Steps whose files were kept are taken back without an undo of their own."""

import pytest

from flowd.domain import commands as c
from flowd.errors import Conflict
from support.stories import Story, workflow_of


def told(story: Story) -> dict[str, str]:
    return {step_id: step.status for step_id, step in story.state.steps.items()}


def assert_replays(story: Story) -> None:
    replayed = story.replayed()
    replayed.position = story.state.position  # the log's business, not the story's
    assert replayed == story.state


def test_a_step_whose_files_were_kept_is_compensated():
    story = Story(workflow_of("a", "b"))
    assert story.saved("a", 3) == ["files_saved a 3"]
    story.ends("a")
    assert story.ends("b", "failed")[1:] == ["run_finished failed"]
    assert story.when(c.UndoRun()) == ["rollback_started undo a", "compensation_started a 1"]
    assert story.undone("a")[1:] == ["run_finished compensated"]
    assert told(story) == {"a": "compensated", "b": "failed"}
    assert_replays(story)


def test_a_failure_takes_back_what_has_an_undo_and_a_person_the_rest():
    story = Story(workflow_of("a", {"id": "b", "undo": "x"}, "c"))
    story.saved("a", 3)
    story.ends("a")
    story.ends("b")
    assert story.ends("c", "failed")[1] == "rollback_started failure b"
    assert story.undone("b")[1:] == ["run_finished compensated"]
    assert story.when(c.UndoRun())[0] == "rollback_started undo a"
    assert story.undone("a")[1:] == ["run_finished compensated"]
    assert_replays(story)
    with pytest.raises(Conflict, match="nothing left"):
        story.when(c.UndoRun())


def test_what_was_not_kept_is_not_taken_back():
    story = Story(workflow_of("a", "b"))
    story.saved("a", 0, "there is no room")
    story.ends("a")
    assert story.ends("b", "failed")[1:] == ["run_finished failed"]
    with pytest.raises(Conflict, match="no undo: a"):
        story.when(c.UndoRun())


def test_a_failed_step_is_taken_back_first_since_it_may_be_half_done():
    story = Story(workflow_of("a", "b"))
    story.saved("a")
    story.ends("a")
    story.saved("b")
    story.ends("b", "failed")
    assert story.when(c.UndoRun())[0] == "rollback_started undo b a"
    story.undone("b")
    assert story.undone("a")[1:] == ["run_finished compensated"]


def test_a_failed_step_keeps_its_place_when_the_run_goes_on():
    story = Story(workflow_of({"id": "a", "on_error": "continue"}, "b"))
    story.saved("a")
    story.ends("a", "failed")
    story.saved("b")
    story.ends("b")
    assert story.when(c.UndoRun())[0] == "rollback_started undo b a"


def test_a_step_that_is_tried_again_is_taken_back_once():
    story = Story(workflow_of({"id": "a", "on_error": "stop"}))
    story.saved("a")
    story.ends("a", "failed")
    story.when(c.RetryRun())
    story.ends("a")
    assert story.when(c.UndoRun())[0] == "rollback_started undo a"
    story.undone("a")
    assert story.state.completed == []
    assert_replays(story)


@pytest.mark.parametrize("outcome", ["cancelled", "lost"])
def test_what_was_under_way_when_the_run_was_cancelled_is_taken_back(outcome):
    story = Story(workflow_of("a"))
    story.saved("a")
    story.when(c.Cancel())
    story.ends("a", outcome)
    assert story.state.status == "cancelled"
    assert story.when(c.UndoRun())[0] == "rollback_started undo a"


def test_a_lost_step_can_be_answered_with_undo():
    story = Story(workflow_of("a"))
    story.saved("a")
    story.ends("a", "lost")
    assert "rollback_started answer a" in story.when(c.AnswerQuestion("a", "undo"))
    assert story.undone("a")[1:] == ["run_finished compensated"]


def test_on_interrupt_undo_needs_no_undo_when_files_were_kept():
    story = Story(workflow_of({"id": "a", "on_interrupt": "undo"}))
    story.saved("a")
    assert "rollback_started answer a" in story.ends("a", "lost")


def test_an_attempt_that_never_began_leaves_what_was_kept():
    story = Story(workflow_of("a"))
    story.saved("a")
    story.when(c.ReportNeverStarted("a", "run", 1))
    story.ends("a")
    assert story.state.steps["a"].saved_attempt == 1
    assert story.when(c.UndoRun())[0] == "rollback_started undo a"


def test_a_failed_restore_can_be_asked_for_again():
    story = Story(workflow_of("a"))
    story.saved("a")
    story.ends("a")
    story.when(c.UndoRun())
    assert story.undone("a", "failed")[1:] == ["run_finished compensation_failed"]
    assert story.when(c.UndoRun()) == ["rollback_started undo a", "compensation_started a 2"]


def test_old_news_of_files_changes_nothing():
    story = Story(workflow_of("a", "b"))
    story.ends("a")
    assert story.when(c.ReportSaved("a", 1, 3, 30)) == []


def test_putting_back_goes_on_when_nobody_saw_its_end():
    """It may be repeated at any moment; a script that somebody wrote may not."""
    story = Story(workflow_of({"id": "a", "undo": "x"}, "b", "c"))
    story.ends("a")
    story.saved("b")
    story.ends("b")
    story.ends("c")
    story.when(c.UndoRun())
    assert story.undone("b", "lost") == [
        "compensation_finished b 1 lost",
        "retry_scheduled b undo 2 0ms",
    ]
    assert_replays(story)
    assert story.when(c.ReportRetryDue("b", "undo")) == ["compensation_started b 2"]
    assert story.undone("b")[1:] == ["compensation_started a 1"]
    assert story.undone("a", "lost")[1:] == ["run_finished compensation_failed"]
    assert told(story) == {"a": "compensation_failed", "b": "compensated", "c": "succeeded"}
    assert_replays(story)


def test_putting_back_is_given_up_when_it_is_lost_again_and_again():
    story = Story(workflow_of("a"))
    story.saved("a")
    story.ends("a")
    story.when(c.UndoRun())
    for _ in range(4):
        story.undone("a", "lost")
        story.when(c.ReportRetryDue("a", "undo"))
    assert story.undone("a", "lost")[1:] == ["run_finished compensation_failed"]


def test_putting_back_of_an_item_goes_on_too():
    story = Story(workflow_of({"id": "a", "for_each": ["x", "y"]}))
    for item in ("a.0", "a.1"):
        story.saved(item)
        story.ends(item)
    story.when(c.UndoRun())
    story.undone("a.1", "lost")
    story.when(c.ReportRetryDue("a.1", "undo"))
    story.undone("a.1")
    assert story.undone("a.0", "lost")[1:] == ["retry_scheduled a.0 undo 2 0ms"]
    assert_replays(story)
    story.when(c.ReportRetryDue("a.0", "undo"))
    assert told(story)["a"] == "compensating"
    assert story.undone("a.0")[1:] == ["run_finished compensated"]
    assert told(story)["a"] == "compensated"
    assert_replays(story)
