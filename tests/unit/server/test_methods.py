"""Every method: what it gives when asked rightly, what it says when asked wrongly."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from flowd.domain import events as e
from flowd.domain import files
from flowd.errors import Conflict, StoreUnavailable
from flowd.server.routes import ROUTES
from flowproto import codes
from flowproto.methods import METHODS
from support.daemon import (
    ScriptedLearning,
    ScriptedRuns,
    output,
    run_started,
    services_in,
    serving,
    talking,
)
from support.peers import connected
from support.stories import workflow_of

GOOD_TEXT = "flow: 1\nname: demo\nsteps:\n- id: a\n  run: 'true'\n"
RUN = {"run": "abcdef"}
RIGHT: dict[str, dict[str, Any]] = {
    "flow/run": {"text": GOOD_TEXT},
    "flow/attach": {**RUN, "from": 1},
    "flow/detach": RUN,
    "flow/show": RUN,
    "flow/list": {"limit": 5},
    "flow/logs": RUN,
    "flow/artifacts": RUN,
    "flow/rehearsal": {"run": "rehearsed", "keep": True},
    "flow/cancel": RUN,
    "flow/undo": RUN,
    "flow/resume": RUN,
    "flow/retry": RUN,
    "flow/answer": {**RUN, "step": "a", "answer": "yes"},
    "flow/type": {**RUN, "step": "a", "data": "x", "columns": 80, "rows": 24},
    "flow/check": {"command": "true"},
    "flow/scan": {"path": "x.sh", "text": "true"},
    "flow/explain": {"command": "true"},
    "flow/suggest": {"task": "tag a release"},
    "flow/context": {"task": "tag a release"},
    "flow/knowledge": {},
    "flow/knowledge/import": {},
    "flow/knowledge/remove": {"name": "absent"},
    "flow/providers": {},
    "flow/providers/test": {"provider": "offline"},
    "flow/usage": {"days": 7, "calls": 3},
    "flow/learned": {},
    "flow/learned/forget": {"id": "ab"},
    "flow/learned/forget_all": {},
    "flow/dismiss": {"suggestion": "s1234"},
    "flow/policy/show": {"cwd": "/"},
    "flow/policy/test": {"text": "block: [{run: a, match: [a]}]"},
    "flow/policy/explain": {"command": "sudo rm -rf /"},
    "flow/approvals": {},
    "flow/approvals/revoke": {"approval": 3},
    "flow/trust": {"path": "/"},
    "flow/trusted": {},
    "flow/stats": {},
    "flow/db/check": {"mend": True},
    "flow/db/backup": {"path": "/srv/copy.db"},
    "flow/db/vacuum": {},
    "flow/daemon/status": {},
    "flow/daemon/stop": {},
}
BY_NAME = {method.name: method for method in METHODS}


class Rehearsed:
    """Rehearsals that all came to the same."""

    def __init__(self) -> None:
        self.dropped: list[str] = []

    async def look(self, run: str, project: str) -> files.Rehearsed:
        return files.Rehearsed("overlay", [files.Change("a", "created", "file", 3, "+a")], 2)

    async def drop(self, run: str) -> None:
        self.dropped.append(run)


@pytest.fixture
def runs() -> ScriptedRuns:
    scripted = ScriptedRuns()
    scripted.begin("abcdef", "a", "b")
    return scripted


@pytest.fixture
async def peer(tmp_path, runs):
    services = services_in(tmp_path, runs, rehearsals=Rehearsed())
    async with serving(services) as path, connected(path) as connected_peer:
        yield connected_peer


def test_every_method_has_a_route_and_a_case_here():
    assert set(ROUTES) == set(BY_NAME) == set(RIGHT)


@pytest.mark.parametrize("name", RIGHT)
async def test_asked_rightly_the_result_is_of_the_promised_type(peer, runs, name):
    rehearsed = e.Confined("/srv", "walls", "overlay")
    started = msgspec.structs.replace(run_started(workflow_of("a")), sandbox=rehearsed)
    runs.write("rehearsed", started, e.RunFinished(at=2, state="failed"))
    result = await peer.result(name, RIGHT[name])
    msgspec.convert(result, BY_NAME[name].result, strict=True)


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("params", [[], 3, "run", {"no_such_field": 1}])
async def test_params_of_another_shape_are_refused(peer, name, params):
    error = await peer.error(name, params)
    assert (error["code"], error["data"]["code"]) == (codes.INVALID_PARAMS, "invalid_params")
    assert error["message"].startswith("params: ")
    assert error["data"]["cure"]


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name in RIGHT for field in BY_NAME[name].params.__struct_encode_fields__],
)
async def test_a_field_of_the_wrong_type_is_named(peer, name, field):
    wrong = 3.5 if field != "cwd" else ["/"]
    error = await peer.error(name, {**RIGHT[name], field: wrong})
    assert error["code"] == codes.INVALID_PARAMS
    assert f"`$.{field}`" in error["message"]


async def test_required_fields_left_out_are_named(peer):
    error = await peer.error("flow/answer", {"run": "a"})
    assert "`answer`" in error["message"]


async def test_params_may_be_left_out_where_nothing_is_required(peer):
    assert (await peer.result("flow/list"))["runs"][0]["id"] == "abcdef"


# ------------------------------------------------------------------------------------------- runs


async def test_runs_are_found_by_abbreviation_everywhere(peer, runs):
    runs.begin("abcxyz", "a")
    for name in (
        "flow/show",
        "flow/cancel",
        "flow/undo",
        "flow/resume",
        "flow/retry",
        "flow/logs",
        "flow/artifacts",
    ):
        assert "result" in await peer.request(name, {"run": "abcd"})
        assert (await peer.error(name, {"run": "abc"}))["data"]["code"] == "conflict"
        assert (await peer.error(name, {"run": "zzz"}))["data"]["code"] == "not_found"


async def test_steering_names_the_full_run_and_who_asked(peer, runs):
    for verb in ("cancel", "undo", "resume", "retry"):
        assert await peer.result(f"flow/{verb}", {"run": "abcd"}) == {
            "run": "abcdef",
            "state": "running",
        }
        assert runs.asked.pop() == (verb, "abcdef", "tester")
    await peer.result("flow/answer", {"run": "ab", "step": "b", "answer": "undo"})
    assert runs.asked.pop() == ("answer", "abcdef", "b", "undo", "tester")


async def test_without_a_step_the_only_question_is_answered(peer, runs):
    asked = [
        e.QuestionAsked(at=3, step=step, about="approval", question="Go on?") for step in ("a", "b")
    ]
    for questions, waiting in (((), "no step of it"), (asked, "a, b")):
        await runs.tell("abcdef", *questions)
        error = await peer.error("flow/answer", {**RUN, "answer": "yes"})
        assert error["data"]["code"] == "conflict"
        assert f"{waiting} asks" in error["message"]
    await runs.tell("abcdef", e.QuestionAnswered(at=4, step="a", answer="skip", by="tester"))
    await peer.result("flow/answer", {**RUN, "answer": "yes"})
    assert runs.asked == [("answer", "abcdef", "b", "yes", "tester")]


async def test_a_known_token_gives_its_run_whatever_became_of_the_file(peer, runs, tmp_path):
    file = tmp_path / "w.flow.yaml"
    file.write_text(GOOD_TEXT)
    asked = {"path": str(file), "client_token": "once"}
    first = await peer.result("flow/run", asked)
    file.unlink()
    assert await peer.result("flow/run", asked) == first
    assert len(runs.started) == 1
    assert (await peer.error("flow/run", {**asked, "client_token": "twice"}))["data"]["code"]


async def test_an_empty_token_is_nobodys(peer, runs):
    error = await peer.error("flow/run", {"text": GOOD_TEXT, "client_token": ""})
    assert error["data"]["code"] == "invalid_input"
    assert "UUID" in error["data"]["cure"]
    assert runs.started == []


async def test_a_refusal_of_the_engine_reaches_the_client_whole(peer, runs):
    runs.fault = Conflict("the run is finished", cure="flowctl undo", data={"state": "failed"})
    error = await peer.error("flow/cancel", RUN)
    assert error == {
        "code": codes.CONFLICT,
        "message": "the run is finished",
        "data": {"state": "failed", "code": "conflict", "cure": "flowctl undo"},
    }


async def test_show_tells_the_run_and_not_its_environment(peer, runs):
    await runs.tell(
        "abcdef",
        e.StepStarted(at=5, step="a", attempt=1),
        e.StepFinished(at=9, step="a", attempt=1, outcome="failed", exit_code=3, duration_ms=4),
        e.QuestionAsked(at=10, step="b", about="approval", question="Go on?"),
    )
    shown = await peer.result("flow/show", RUN)
    first, second = shown["steps"]
    assert (first["id"], first["state"], first["exit_code"]) == ("a", "failed", 3)
    assert first["attempts"] == [
        {
            "attempt": 1,
            "kind": "run",
            "state": "failed",
            "exit_code": 3,
            "started_at": 5,
            "duration_ms": 4,
            "reason": "",
            "cpu_ms": None,
            "max_rss_bytes": None,
            "output_bytes": 0,
            "limits": "",
        }
    ]
    assert second["needs"] == ["a"]
    assert shown["questions"] == [
        {
            "step": "b",
            "about": "approval",
            "question": "Go on?",
            "answers": ["yes", "no", "skip"],
        }
    ]
    assert shown["workflow"]["steps"][0] == {"id": "a", "run": "true"}
    assert "environment" not in shown


async def test_list_takes_one_state_or_several(peer, runs):
    runs.begin("second", "a")
    await runs.tell("second", e.RunFinished(at=3, state="succeeded"))

    async def listed(**params: Any) -> list[str]:
        return [row["id"] for row in (await peer.result("flow/list", params))["runs"]]

    assert await listed() == ["second", "abcdef"]
    assert await listed(state="succeeded") == ["second"]
    assert await listed(state=["succeeded", "running"]) == ["second", "abcdef"]
    assert await listed(query="cond") == ["second"]
    assert await listed(limit=1) == ["second"]


@pytest.mark.parametrize("limit", [0, -1, 10_001])
async def test_list_refuses_a_limit_out_of_bounds(peer, limit):
    error = await peer.error("flow/list", {"limit": limit})
    assert error["data"]["code"] == "invalid_input"


async def test_logs_give_a_steps_output_in_pieces(peer, runs):
    half = "ü" * 300_000
    await runs.tell(
        "abcdef",
        output(b"one \xc3"),
        output(b"other", step="b"),
        output(b"\xbc two"),
        *[output(half.encode()) for _ in range(4)],
        output(b"end", skipped=7),
    )
    text, position, rounds = "", 0, 0
    while True:
        answer = await peer.result("flow/logs", {**RUN, "step": "a", "from": position})
        text += "".join(chunk["text"] for chunk in answer["chunks"])
        position, rounds = answer["position"], rounds + 1
        if not answer["more"]:
            break
    assert text == "one ü two" + half * 4 + "end"
    assert rounds == 2
    assert answer["chunks"][-1]["skipped"] == 7


async def test_pages_of_logs_do_not_part_a_character(peer, runs, monkeypatch):
    monkeypatch.setattr("flowd.server.handlers.runs.LOGS_CHARACTERS", 10)
    euro = "€".encode()
    await runs.tell(
        "abcdef",
        output(b"0123456789" + euro[:1]),
        output(euro[1:] + b"next page"),
        output(b"0123456789" + euro[:2]),  # and this one never ends
        *[output(b"x", stream="stderr")] * 12,
    )
    pages, position, more = [], 0, True
    while more:
        answer = await peer.result("flow/logs", {**RUN, "from": position})
        pages.append("".join(chunk["text"] for chunk in answer["chunks"]))
        position, more = answer["position"], answer["more"]
    assert pages == ["0123456789€next page", "0123456789" + "x" * 10, "xx"]


@pytest.mark.parametrize("position", [-(10**30), -1, 0, 10**18, 10**30])
async def test_positions_out_of_bounds_are_before_or_after_everything(peer, runs, position):
    await runs.tell("abcdef", output(b"x"))
    answer = await peer.result("flow/logs", {**RUN, "from": position})
    assert len(answer["chunks"]) == (1 if position <= 0 else 0)
    await peer.result("flow/attach", {**RUN, "from": position})
    await runs.tell("abcdef", output(b"y"))
    if position <= 0:
        assert (await peer.next_event())["position"] == 1


async def test_a_state_that_does_not_exist_is_refused(peer):
    for state in ("runing", ["running", "ended"]):
        error = await peer.error("flow/list", {"state": state})
        assert error["data"]["code"] == "invalid_input"
        assert "compensation_failed" in error["data"]["cure"]


@pytest.mark.parametrize("odd", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}, {"A\0": "x"}])
async def test_an_environment_no_process_can_have_is_refused(peer, runs, odd):
    error = await peer.error("flow/run", {"text": GOOD_TEXT, "environment": {"OK": "1", **odd}})
    assert error["data"]["code"] == "invalid_input"
    assert runs.started == []


# ------------------------------------------------------------------------------------------ check


async def test_check_judges_a_command(peer):
    answer = await peer.result("flow/check", {"command": "sudo block"})
    assert answer["verdict"] == "block"
    assert answer["findings"][0]["span"] == [5, 10]


async def test_check_judges_every_step_of_a_workflow(peer, tmp_path):
    workflow = {
        "flow": 1,
        "name": "w",
        "steps": [{"id": "a", "run": "true"}, {"id": "b", "run": "confirm", "undo": "true"}],
    }
    file = tmp_path / "w.flow.yaml"
    file.write_text(msgspec.json.encode(workflow).decode())
    for source in (
        {"workflow": workflow},
        {"text": file.read_text()},
        {"path": str(file)},
        {"path": "w.flow.yaml", "cwd": str(tmp_path)},
    ):
        answer = await peer.result("flow/check", source)
        assert (answer["verdict"], answer["valid"], answer["name"]) == ("confirm", True, "w")
        assert answer["findings"][0]["step"] == "b"
        assert answer["steps"] == [
            {"id": "a", "verdict": "allow", "reversibility": "reversible", "effects": []},
            {"id": "b", "verdict": "confirm", "reversibility": "compensable", "effects": []},
        ]


@pytest.mark.parametrize("source", ["text", "workflow"])
async def test_check_gives_problems_instead_of_an_error(peer, source):
    broken = {"flow": 1, "name": "w", "steps": [{"id": "a", "run": "true", "tmieout": 3}]}
    text = "flow: 1\nname: w\nsteps:\n- id: a\n  run: 'true'\n  tmieout: 3\n"
    answer = await peer.result("flow/check", {source: text if source == "text" else broken})
    assert (answer["valid"], answer["verdict"]) == (False, "block")
    problem = answer["problems"][0]
    assert "timeout" in problem["fix"]
    assert (problem["line"], problem["severity"]) == (6 if source == "text" else 1, "error")


# ---------------------------------------------------------------------------------------- suggest


async def test_suggest_passes_on_what_an_editor_knows(tmp_path, runs):
    services = services_in(tmp_path, runs)
    async with serving(services) as path, connected(path) as peer:
        params = {
            "task": "tag it",
            "cwd": "/srv",
            "limit": 3,
            "deadline_ms": 1500,
            "context": {"selection": "git tag", "language": "sh", "other": [1]},
        }
        answer = await peer.result("flow/suggest", params)
        [asked] = services.suggester.requests
    assert (asked.selection, asked.language, asked.cwd) == ("git tag", "sh", "/srv")
    assert (asked.limit, asked.deadline_seconds) == (3, 1.5)
    assert answer["task"] == "tag it"
    assert answer["suggestions"][0]["workflow"]["name"] == "story"


async def test_what_a_client_saw_failing_is_passed_on(tmp_path, runs):
    services = services_in(tmp_path, runs)
    async with serving(services) as path, connected(path) as peer:
        known = {"last_command": "make", "last_output": "no rule", "diagnostics": "1: unused"}
        await peer.result("flow/context", {"task": "mend it", "context": known})
        [asked] = services.suggester.requests
    assert (asked.failure.command, asked.failure.output) == ("make", "no rule")
    assert asked.diagnostics == "1: unused"


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": " "},
        {"limit": 0},
        {"limit": 51},
        {"deadline_ms": 0},
        {"cwd": "relative"},
        {"context": {"selection": 3}},
    ],
)
async def test_suggest_refuses_what_makes_no_sense(peer, wrong):
    error = await peer.error("flow/suggest", {"task": "x", **wrong})
    assert error["data"]["code"] == "invalid_input"
    assert error["data"]["cure"]


# ----------------------------------------------------------------------------------------- daemon


async def test_status_works_when_the_store_does_not(tmp_path, runs):
    services = services_in(tmp_path, runs, store_error=lambda: "the disk is full")
    runs.fault = StoreUnavailable("the disk is full", cure="free some space")
    async with serving(services) as path, connected(path) as peer:
        status = await peer.result("flow/daemon/status", {})
        assert (status["store_error"], status["peers"]) == ("the disk is full", 1)
        assert Path(status["socket"]) == path
        assert (await peer.error("flow/cancel", RUN))["code"] == codes.STORE_UNAVAILABLE


async def test_stop_is_asked_for_after_its_answer_is_out(peer, runs):
    runs.running_attempts = lambda: 7
    assert await peer.result("flow/daemon/stop", {}) == {"running": 7}
    await peer.result("flow/list")  # the daemon had its turn after the answer
    assert runs.asked == [("stop",)]


async def test_a_workflow_can_be_started_from_each_source(peer, runs, tmp_path):
    (tmp_path / "f.flow.yaml").write_text(GOOD_TEXT)
    shaped = msgspec.to_builtins(workflow_of("x"))
    for source, name, origin in (
        ({"text": GOOD_TEXT}, "demo", "text"),
        ({"workflow": shaped}, "story", "workflow"),
        ({"path": "f.flow.yaml"}, "demo", str(tmp_path / "f.flow.yaml")),
        ({"template": "recipe"}, "story", "template recipe"),
        ({"suggestion": "recipe"}, "story", "suggestion recipe"),
    ):
        await peer.result("flow/run", {**source, "cwd": str(tmp_path), "inputs": {"n": 3}})
        started = runs.started[-1]
        assert (started.workflow.name, started.origin) == (name, origin)
        assert (started.cwd, started.inputs) == (str(tmp_path), {"n": 3})


async def test_learning_is_told_of_every_run_but_rehearsals(tmp_path, runs):
    learning = ScriptedLearning()
    services = services_in(tmp_path, runs, learning=learning)
    async with serving(services) as path, connected(path) as peer:
        folder = str(tmp_path)
        for source in (
            {"text": GOOD_TEXT},
            {"suggestion": "recipe"},
            {"text": GOOD_TEXT, "from_suggestion": "s1234"},
            {"text": GOOD_TEXT, "rehearse": True},
        ):
            await peer.result("flow/run", {**source, "cwd": folder})
        await peer.result("flow/dismiss", {"suggestion": "s1234"})
    assert learning.noted == [
        ("ran", "run1", "demo", folder, ""),
        ("ran", "run2", "story", folder, "recipe"),
        ("ran", "run3", "demo", folder, "s1234"),
        ("dismissed", "s1234"),
    ]


@pytest.mark.parametrize("inputs", [{"n": None}, {"n": [1]}, {"n": {}}])
async def test_an_input_must_be_one_plain_value(peer, inputs):
    error = await peer.error("flow/run", {"text": GOOD_TEXT, "inputs": inputs})
    assert (error["data"]["code"], error["data"]["input"]) == ("invalid_input", "n")


async def test_an_invalid_workflow_lists_its_problems(peer):
    error = await peer.error("flow/run", {"text": "flow: 1\nname: w\nsteps: []\n"})
    assert error["code"] == codes.INVALID_WORKFLOW
    assert error["data"]["problems"][0]["line"] == 3


# ------------------------------------------------------------------------------------- everything

ODD = st.sampled_from(
    [
        *("", "a", "abcdef", "recipe", "\0", "x" * 5000, "\N{PILE OF POO}"),
        *("/", "/\0", "../..", "~", "~nobody-here/x", "/dev/null", "/proc/self/mem"),
        *("flow: 1", "- [", "{", 0, -1, 1, 2**31, 2**63, 10**40, 0.5, 1e308, True, None),
        *([], ["running"], [None], {}, {"a": 1}, {"": ""}),
    ]
)


def odd_params(name: str) -> st.SearchStrategy[dict[str, Any]]:
    fields = BY_NAME[name].params.__struct_encode_fields__
    return st.dictionaries(st.sampled_from(fields), ODD) if fields else st.just({})


@settings(max_examples=300, deadline=None)
@given(asked=st.sampled_from(sorted(RIGHT)).flatmap(lambda n: st.tuples(st.just(n), odd_params(n))))
def test_no_params_whatever_are_a_bug(asked):
    name, params = asked
    scripted = ScriptedRuns()
    scripted.begin("abcdef", "a", "b")

    async def ask() -> None:
        async with talking(services_in(Path("/nonexistent"), scripted)) as peer:
            response = await peer.request(name, {**params})
            assert response.get("error", {}).get("code") != codes.BUG, response

    trio.run(ask)
