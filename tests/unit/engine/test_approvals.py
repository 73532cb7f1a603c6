"""What exactly a lasting yes approves, and until when it answers."""

import pytest

from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.commands import Moment
from flowd.domain.consents import Approvable, Approval, Keep
from flowd.domain.decide import react, start
from flowd.domain.ports import Finding, Judgement, StepJudgement
from flowd.domain.workflow import Step, Workflow
from flowd.engine.approvals import approvable, with_approvals
from flowd.errors import Conflict
from support.memory_consents import MemoryConsents

ASKS = [Finding("files.delete", "confirm", "m", (0, 1))]


def asked(step=None, *, inputs=(), environment=(), env=(), findings=ASKS):
    """What an approval of a workflow's one step would be for; None for nothing."""
    step = step or Step(id="a", run='rm "$x"')
    workflow = Workflow(flow=1, name="w", env=dict(env), steps=[step])
    judged = [StepJudgement("a", Judgement("confirm", list(findings)), "irreversible")]
    return approvable(workflow, judged, dict(inputs), dict(environment)).get("a")


def test_the_same_scripts_with_the_same_values_are_the_same():
    one = asked(inputs={"x": "1", "other": "2"}, environment={"PATH": "/bin"})
    assert one.key == asked(inputs={"x": "1", "other": "3"}).key
    assert one.key == asked(Step(id="a", run=' rm "$x"\n'), env={"x": "1"}).key
    assert one.rules == ("files.delete",)


@pytest.mark.parametrize(
    "other",
    [
        {"inputs": {"x": "2"}},
        {"environment": {"x": "2"}},
        {"env": {"x": "2"}},
        {"step": Step(id="a", run='rm "$x"', env={"x": "2"})},
        {"step": Step(id="a", run='rm  "$x"')},
        {"step": Step(id="a", run='rm "$x"', shell="sh")},
        {"step": Step(id="a", run='rm "$x"', check="true")},
        {"step": Step(id="a", run='rm "$x"', undo="true")},
        {"step": Step(id="a", run='rm "$x"', cwd="/")},
        {"step": Step(id="a", run='rm "$x"', for_each=["1"])},
    ],
)
def test_anything_else_that_would_run_is_something_else(other):
    assert asked(**other).key != asked().key


def test_a_list_that_only_the_run_makes_cannot_be_approved():
    assert asked(Step(id="a", run="rm $item", for_each="steps.b.stdout")) is None


def test_a_users_rule_is_told_by_what_it_says():
    rules = [Finding("policy.confirm", "confirm", text, (0, 1), source="f:1") for text in "ab"]
    assert asked(findings=rules).rules == ("policy.confirm (a)", "policy.confirm (b)")


def approval(**more):
    values = {
        "id": 3, "key": "k", "rules": ("r", "s"), "script": "", "question": "", "project": "/p",
        "run": "", "step": "", "granted_at": 1,
    }  # fmt: skip
    return Approval(**(values | more))


@pytest.mark.parametrize(
    ("standing", "question", "folder", "at", "covered"),
    [
        (approval(), Approvable("k", ("r",)), "/p", 9, 3),
        (approval(), Approvable("k", ("r",)), "/p/q", 9, 3),
        (approval(), Approvable("k", ("r",)), "/pq", 9, 0),
        (approval(project=""), Approvable("k", ("r",)), "/pq", 9, 3),
        (approval(), Approvable("k", ("r", "t")), "/p", 9, 0),
        (approval(), Approvable("j", ("r",)), "/p", 9, 0),
        (approval(expires_at=10), Approvable("k", ("r",)), "/p", 9, 3),
        (approval(expires_at=10), Approvable("k", ("r",)), "/p", 10, 0),
    ],
)
async def test_an_approval_covers(standing, question, folder, at, covered):
    found = await with_approvals({"a": question}, MemoryConsents(standing), folder, at)
    assert found["a"].approval == covered


def begun(*steps, standing=0, end=None, at=1):
    workflow = Workflow(flow=1, name="w", steps=list(steps))
    question = Approvable("k", ("r",), standing, end)
    first = e.RunStarted(
        at=at,
        workflow=workflow,
        inputs={},
        cwd="/",
        environment={},
        questions={step.id: "Run it?" for step in steps},
        approvable={step.id: question for step in steps},
    )
    return start("r", first, Moment(at=at, chance=0.5))


A, B = Step(id="a", run="x"), Step(id="b", run="x", needs=[])


def test_a_standing_yes_answers_as_long_as_it_holds():
    state, events = begun(A, standing=3, end=5, at=4)
    assert [type(event) for event in events[1:]] == [
        e.QuestionAsked,
        e.QuestionAnswered,
        e.StepStarted,
    ]
    assert (events[2].by, events[2].approval) == ("approval 3", 3)
    state, events = begun(A, standing=3, end=5, at=5)
    assert isinstance(events[-1], e.QuestionAsked)
    assert state.status == "waiting"


def test_a_yes_for_the_run_answers_later_steps_until_it_ends():
    for at, waits in ((9, False), (10, True)):
        state, _ = begun(A, Step(id="c", run="x", needs=["a"]))
        keep = Keep("run", "", 10)
        react(state, c.AnswerQuestion("a", "yes", "me", keep), Moment(at=2, chance=0.5))
        ended = c.ReportEnd(
            step="a", attempt=1, kind="run", outcome="succeeded", exit_code=0, duration_ms=1
        )
        react(state, ended, Moment(at=at, chance=0.5))
        assert (state.status == "waiting") is waits


@pytest.mark.parametrize("answer", ["no", "skip"])
def test_only_a_yes_can_last_and_not_to_what_the_author_asks(answer):
    keep = Keep("always")
    state, _ = begun(A, Step(id="b", run="x", needs=[], confirm="Sure?"))
    for command in (
        c.AnswerQuestion("a", answer, "me", keep),
        c.AnswerQuestion("b", "yes", "me", keep),
    ):
        with pytest.raises(Conflict, match="once only"):
            react(state, command, Moment(at=2, chance=0.5))
    assert set(state.questions) == {"a", "b"}
