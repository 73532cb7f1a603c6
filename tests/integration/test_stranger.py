"""A client that knows PROTOCOL.md and nothing else, over the socket and over `flowd --stdio`."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.raw_client import (
    PLAIN,
    RawClient,
    eventually,
    over_socket,
    over_stdio,
    workflow,
)
from support.real_daemon import BIN, RealDaemon, real_daemon
from support.written_protocol import conforms, errors, events, is_event, methods

TRUE = {"id": "a", "run": "true"}
GATED = "echo before; while [ ! -e go ]; do sleep 0.02; done; echo after"
FLOWD_STDIO = [str(BIN / "flowd"), "--stdio"]
Connect = Callable[..., AbstractContextManager[RawClient]]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[RealDaemon]:
    with real_daemon(tmp_path_factory.mktemp("home")) as running:
        yield running


def connecting(daemon: RealDaemon, way: str) -> Connect:
    if way == "socket":
        return partial(over_socket, daemon.socket)
    return partial(over_stdio, FLOWD_STDIO, daemon.environment)


@pytest.fixture(params=["socket", "stdio"])
def connect(request, daemon) -> Connect:
    return connecting(daemon, request.param)


@pytest.fixture
def client(connect, tmp_path) -> Iterator[RawClient]:
    with connect(**PLAIN) as connected:
        connected.folder = str(tmp_path)
        yield connected


@pytest.fixture(scope="module", params=["socket", "stdio"])
def session(request, daemon) -> Iterator[RawClient]:
    """One connection for many questions: an error must not spoil it."""
    with connecting(daemon, request.param)(**PLAIN) as connected:
        yield connected


@pytest.fixture
def ask(client) -> Callable[..., Any]:
    """Ask, and insist that the result is of the type the table of methods promises."""

    def asked(method: str, **params: Any) -> Any:
        result = client.call(method, params)
        conforms(result, methods()[method])
        return result

    return asked


# -------------------------------------------------------------------------------------- handshake


def test_an_editor_is_given_the_editors_half_and_ours(connect):
    capabilities = {
        "workspace": {"applyEdit": True},
        "textDocument": {"codeAction": {}, "publishDiagnostics": {}},
        "general": {"positionEncodings": ["utf-16"]},
    }
    with connect(hello=False) as editor:
        result = editor.initialize(**capabilities)
        assert result["serverInfo"]["name"] == "flowd"
        assert result["capabilities"]["codeActionProvider"]
        assert result["capabilities"]["textDocumentSync"]
        ours = result["capabilities"]["experimental"]["flow"]
        assert set(ours["methods"]) == set(methods())
        assert set(ours["events"]) == set(events())
        assert set(ours["notifications"]) == {"flow/event", "flow/detached", "$/progress"}
        assert ours["limits"] == {
            "message_bytes": 16 * 1024 * 1024,
            "requests_in_flight": 64,
            "keys_bytes": 4000,
        }
        text = "flow: 1\nname: x\nsteps:\n- {id: a, rum: x}\n"
        document = {"uri": "file:///nowhere/x.flow.yaml", "languageId": "yaml", "version": 1}
        editor.notify("textDocument/didOpen", {"textDocument": {**document, "text": text}})
        told = editor.notification("textDocument/publishDiagnostics")
        assert any("rum" in diagnostic["message"] for diagnostic in told["diagnostics"])
        conforms(editor.call("flow/list"), "ListResult")


def test_a_plain_client_gets_ours_alone(connect):
    with connect(hello=False) as client:
        result = client.initialize(**PLAIN)
        assert set(result["capabilities"]) == {"experimental"}
        refused = client.refusal("textDocument/hover", {})
        assert (refused.number, refused.code) == (-32601, "method_not_found")


def test_nothing_comes_before_the_handshake_or_after_the_end(connect):
    with connect(hello=False) as client:
        refused = client.refusal("flow/list")
        assert (refused.number, refused.code) == (-32002, "server_not_initialized")
        client.initialize()
        again = client.refusal("initialize", {"capabilities": {}})
        assert (again.code, bool(again.cure)) == ("invalid_request", True)
        assert client.call("shutdown") is None
        assert client.refusal("flow/list").code == "invalid_request"
        client.notify("exit")
        with pytest.raises(EOFError):
            client.receive()


def test_the_name_of_a_client_is_recorded(connect, daemon, tmp_path):
    with connect(hello=False) as client:
        client.folder = str(tmp_path)
        client.call("initialize", {"clientInfo": {"name": "a stranger"}, "capabilities": PLAIN})
        run = client.start({"id": "a", "run": "sleep 1000"})
        client.call("flow/cancel", {"run": run})
        [asked] = [e for e in client.until(run, "run_finished") if e["type"] == "cancel_requested"]
        assert asked["by"] == "a stranger"


# ------------------------------------------------------------------------------------ flow/run


TEXT = "flow: 1\nname: found\nsteps:\n- {id: a, run: pwd}\n"


@pytest.mark.parametrize("source", ["workflow", "text", "path", "template", "suggestion"])
def test_a_workflow_comes_from_five_places(client, ask, tmp_path, source):
    (tmp_path / "found.flow.yaml").write_text(TEXT)
    (tmp_path / ".flow").mkdir()
    (tmp_path / ".flow" / "mine.flow.yaml").write_text(TEXT)
    given = {
        "workflow": workflow({"id": "a", "run": "pwd"}, name="found"),
        "text": TEXT,
        "path": "found.flow.yaml",
        "template": "mine",
    }
    if source == "suggestion":
        found = ask("flow/suggest", task="show disk usage", cwd=str(tmp_path))
        able = [s for s in found["suggestions"] if not s["missing_inputs"]]
        given["suggestion"], name = able[0]["id"], able[0]["workflow"]["name"]
    else:
        name = "found"
    run = ask("flow/run", cwd=str(tmp_path), **{source: given[source]})["run"]
    shown = ask("flow/show", run=run)
    assert (shown["id"], shown["name"], shown["cwd"]) == (run, name, str(tmp_path))
    if source == "suggestion":  # whatever it does, it is looked at and not waited for
        with_question = shown["state"] == "waiting" or client.finished(run)
        assert with_question
    else:
        assert client.finished(run)["state"] == "succeeded"
        assert client.output(run) == f"{tmp_path}\n"


def test_inputs_reach_scripts_as_they_are(client, tmp_path):
    hostile = "$(touch owned) `touch owned`; touch owned #'\"\\\n--\u202e ü"
    run = client.run(
        workflow=workflow(
            {"id": "a", "run": 'printf "%s|" "$word" "$n" "$yes"'},
            inputs={"word": {}, "n": {"type": "integer"}, "yes": {"type": "boolean"}},
        ),
        inputs={"word": hostile, "n": "3", "yes": True},
    )
    assert client.finished(run)["inputs"] == {"word": hostile, "n": 3, "yes": True}
    assert client.output(run) == f"{hostile}|3|true|"
    assert not (tmp_path / "owned").exists()


def test_steps_see_the_environment_that_was_sent_and_only_that(client):
    run = client.run(
        workflow=workflow({"id": "a", "run": 'echo "$WORD, ${FLOW_HOME-none}"'}),
        environment={"WORD": "sent", "PATH": os.environ["PATH"]},
    )
    client.finished(run)
    assert client.output(run) == "sent, none\n"


def test_a_token_is_one_run_for_every_client(client, connect, tmp_path):
    params = {"workflow": workflow(TRUE), "client_token": f"token-{tmp_path}"[-100:]}
    with connect(**PLAIN) as other:
        asked = [(one, one.ask("flow/run", params)) for one in (client, other, client)]
        runs = {one.answer(number)["run"] for one, number in asked}
    assert len(runs) == 1
    assert client.run(workflow=workflow(TRUE), client_token="another") not in runs


# ---------------------------------------------------------------------------------- flow/attach


def test_replay_then_live_for_two_clients_without_a_gap(client, ask, connect, tmp_path):
    run = client.start({"id": "a", "run": GATED})
    [*_, first] = client.until(run, "step_output")
    with ExitStack() as stack:
        stories: list[list[dict[str, Any]]] = []
        others = [stack.enter_context(connect(**PLAIN)) for _ in range(2)]
        for other, after in zip(others, (0, first["position"]), strict=True):
            answer = other.call("flow/attach", {"run": run[:6], "from": after})
            conforms(answer, "AttachResult")
            assert (answer["run"], answer["position"]) == (run, first["position"])
        (tmp_path / "go").touch()
        for other in others:
            story = [other.notification("flow/event")]
            while story[-1]["type"] != "run_finished":
                story.append(other.notification("flow/event"))
            stories.append(story)
    for event in stories[0]:
        is_event(event)
    positions = [event["position"] for event in stories[0]]
    assert positions == sorted(set(positions))
    assert stories[1] == [e for e in stories[0] if e["position"] > first["position"]]
    assert [e["text"] for e in stories[0] if e["type"] == "step_output"] == ["before\n", "after\n"]
    assert ask("flow/show", run=run)["position"] == positions[-1]
    assert client.until(run, "run_finished") == stories[0]  # and long after, the same


def test_a_client_follows_several_runs_at_once(client):
    runs = [client.start({"id": "a", "run": f"echo {word}"}) for word in ("one", "two", "three")]
    for run in runs:
        client.call("flow/attach", {"run": run})
    for run, word in zip(runs, ("one", "two", "three"), strict=True):
        client.notification("flow/event", run=run, type="step_output", text=f"{word}\n")
        client.notification("flow/event", run=run, type="run_finished")


def test_after_detach_nothing_comes(client, ask, tmp_path):
    run = client.start({"id": "a", "run": GATED})
    client.call("flow/attach", {"run": run})
    client.notification("flow/event", type="step_output")
    assert ask("flow/detach", run=run) == {"run": run, "state": "running"}
    client.inbox.clear()
    (tmp_path / "go").touch()
    eventually(lambda: ask("flow/show", run=run)["state"] == "succeeded", "it does not end")
    assert client.inbox == []
    assert ask("flow/detach", run=run)["state"] == "succeeded"  # twice is no error


# ------------------------------------------------------------------------------------- steering


def test_cancel_ends_what_runs_and_keeps_what_was_done(client, ask, tmp_path):
    run = client.start(
        {"id": "a", "run": "touch done", "undo": "rm done"},
        {"id": "b", "run": "echo begun; sleep 1000"},
        {"id": "c", "run": "touch never"},
    )
    client.until(run, "step_output")
    ask("flow/cancel", run=run)
    shown = client.finished(run)
    assert [shown["state"], *(step["state"] for step in shown["steps"])] == [
        *("cancelled", "succeeded", "cancelled", "pending"),
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done"]
    assert client.refusal("flow/cancel", {"run": run}).code == "conflict"


def test_undo_takes_a_finished_run_back_last_step_first(client, ask, tmp_path):
    run = client.start(
        {"id": "a", "run": "true", "undo": "echo a >> undone"},
        {"id": "b", "run": "true", "undo": "echo b >> undone"},
    )
    end = client.finished(run)["position"]
    ask("flow/undo", run=run)
    assert client.finished(run, end)["state"] == "compensated"
    assert (tmp_path / "undone").read_text() == "b\na\n"
    assert client.refusal("flow/undo", {"run": run}).code == "conflict"


def test_retry_goes_on_from_the_failed_step(client, ask, tmp_path):
    run = client.start(
        {"id": "a", "run": "echo a >> witness"},
        {"id": "b", "run": "echo b >> witness; [ -e fixed ]", "on_error": "stop"},
        {"id": "c", "run": "echo c >> witness"},
    )
    failed = client.finished(run)
    assert (failed["state"], failed["steps"][1]["exit_code"]) == ("failed", 1)
    (tmp_path / "fixed").touch()
    ask("flow/retry", run=run)
    assert client.finished(run, failed["position"])["state"] == "succeeded"
    assert (tmp_path / "witness").read_text().split() == ["a", "b", "b", "c"]
    assert client.refusal("flow/retry", {"run": run}).code == "conflict"


def test_resume_is_for_parked_runs(client):
    run = client.start(TRUE)
    client.finished(run)
    refused = client.refusal("flow/resume", {"run": run})
    assert (refused.number, refused.code, bool(refused.cure)) == (-32054, "conflict", True)


@pytest.mark.parametrize(
    ("answer", "state", "ran"), [("yes", "succeeded", True), ("no", "compensated", False)]
)
def test_a_question_is_answered(client, ask, tmp_path, answer, state, ran):
    run = client.start(
        {"id": "a", "run": "true", "undo": "true"},
        {"id": "b", "run": "touch ran", "confirm": "Ship ${word}?"},
        inputs={"word": {"default": "it"}},
    )
    client.until(run, "question_asked", step="b")
    shown = ask("flow/show", run=run)
    assert shown["state"] == "waiting"
    [question] = shown["questions"]
    assert (question["step"], question["question"]) == ("b", "Ship it?")
    assert answer in question["answers"]
    assert client.refusal("flow/answer", {"run": run, "answer": "undo"}).code == "conflict"
    wrong = client.refusal("flow/answer", {"run": run, "step": "z", "answer": "yes"})
    assert wrong.code == "not_found"
    ask("flow/answer", run=run, answer=answer)  # without `step`: its only open question
    assert client.finished(run)["state"] == state
    assert (tmp_path / "ran").exists() is ran


def test_approve_answers_beforehand(client):
    asking = workflow({"id": "a", "run": "true", "confirm": "Sure?"})
    assert client.finished(client.run(workflow=asking, approve=True))["state"] == "succeeded"


# -------------------------------------------------------------------------------------- looking


def test_list_is_newest_first_and_can_be_narrowed(client, ask, tmp_path):
    name = f"listed-{tmp_path.name}"[:100]
    runs = [client.start(TRUE, name=name) for _ in range(3)]
    for run in runs:
        client.finished(run)
    waiting = client.start({"id": "a", "run": "true", "confirm": "?"}, name=name)
    listed = partial(ask, "flow/list", query=name)
    assert [row["id"] for row in listed()["runs"]] == [waiting, *reversed(runs)]
    assert [row["id"] for row in listed(limit=2)["runs"]] == [waiting, runs[-1]]
    assert [row["id"] for row in listed(state="waiting")["runs"]] == [waiting]
    assert len(listed(state=["waiting", "succeeded"])["runs"]) == 4
    ask("flow/cancel", run=waiting)


def test_logs_come_in_pages_and_by_step(client, ask):
    line = "x" * 999
    run = client.start(
        {"id": "a", "run": f"for i in $(seq 1200); do echo {line}; done"},
        {"id": "b", "run": "echo wrong >&2"},
    )
    client.finished(run)
    first = ask("flow/logs", run=run)
    assert first["more"]
    rest = ask("flow/logs", run=run, **{"from": first["position"]})
    assert not rest["more"]
    text = "".join(chunk["text"] for chunk in first["chunks"] + rest["chunks"])
    assert text == f"{line}\n" * 1200 + "wrong\n"
    [chunk] = ask("flow/logs", run=run, step="b")["chunks"]
    assert (chunk["stream"], chunk["text"]) == ("stderr", "wrong\n")


def test_show_names_every_attempt(client, ask):
    run = client.start({"id": "a", "run": "exit 3", "retry": {"attempts": 2, "delay": "1ms"}})
    shown = client.finished(run)
    conforms(shown, "ShowResult")
    attempts = shown["steps"][0]["attempts"]
    assert [(row["attempt"], row["exit_code"]) for row in attempts] == [(1, 3), (2, 3)]


def test_check_judges_without_running(client, ask, tmp_path):
    (tmp_path / "f.flow.yaml").write_text(TEXT)
    here = {"cwd": str(tmp_path)}
    for source in ({"workflow": workflow(TRUE)}, {"text": TEXT}, {"path": "f.flow.yaml"}):
        answer = ask("flow/check", **source, **here)
        assert (answer["valid"], [step["id"] for step in answer["steps"]]) == (True, ["a"])
    blocked = ask("flow/check", command="rm -rf /", **here)
    assert blocked["verdict"] == "block"
    assert blocked["findings"][0]["span"][1] <= len("rm -rf /")
    assert ask("flow/check", command="ls -l", **here)["verdict"] == "allow"
    broken = ask("flow/check", text="flow: 1\nname: x\nsteps:\n- {id: a, rum: x}\n", **here)
    assert (broken["valid"], broken["verdict"]) == (False, "block")
    assert {(p["line"], p["column"]) for p in broken["problems"]} >= {(4, 11)}
    assert all(problem["fix"] for problem in broken["problems"])


def test_suggestions_are_ranked_workflows_that_can_be_checked(ask, tmp_path):
    task = "find the largest files in this folder"
    found = ask("flow/suggest", task=task, cwd=str(tmp_path), limit=3, providers=["offline"])
    assert found["task"] == task
    assert 1 <= len(found["suggestions"]) <= 3
    scores = [suggestion["score"] for suggestion in found["suggestions"]]
    assert scores == sorted(scores, reverse=True)
    assert [row["provider"] for row in found["providers"]] == ["offline"]
    best = found["suggestions"][0]
    assert ask("flow/check", workflow=best["workflow"])["valid"]
    assert ask("flow/check", suggestion=best["id"])["verdict"] == best["verdict"]


def test_figures_and_who_answers(ask, daemon):
    before = ask("flow/stats")
    assert before["runs"] == sum(before["runs_by_state"].values())
    status = ask("flow/daemon/status")
    assert daemon.process is not None
    assert (status["pid"], status["socket"]) == (daemon.process.pid, str(daemon.socket))
    assert status["peers"] >= 1
    assert (status["store_error"], status["policy_error"]) == ("", "")


# --------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("method", "params", "number"),
    [
        ("flow/nothing", {}, -32601),
        ("flow/show", {}, -32602),
        ("flow/show", {"run": 3}, -32602),
        ("flow/show", {"run": "a", "rum": "b"}, -32602),
        ("flow/answer", {"run": "a", "answer": "perhaps"}, -32602),
        ("flow/list", {"limit": "many"}, -32602),
        ("flow/run", {}, -32052),
        ("flow/run", {"text": TEXT, "path": "x"}, -32052),
        ("flow/run", {"text": "flow: 1\n"}, -32051),
        ("flow/run", {"workflow": workflow(TRUE, inputs={"n": {}})}, -32052),
        ("flow/run", {"workflow": workflow(TRUE), "inputs": {"n": "3"}}, -32052),
        ("flow/run", {"workflow": workflow(TRUE), "cwd": "/nowhere"}, -32052),
        ("flow/run", {"workflow": workflow(TRUE), "cwd": "relative"}, -32052),
        ("flow/run", {"workflow": workflow({**TRUE, "run": "rm -rf /"})}, -32055),
        ("flow/run", {"workflow": workflow({**TRUE, "sandbox": "strict"}), "cwd": "/"}, -32056),
        ("flow/run", {"path": "no-such-file"}, -32053),
        ("flow/run", {"template": "no-such-template"}, -32053),
        ("flow/run", {"template": "../x"}, -32052),
        ("flow/run", {"suggestion": "no-such-suggestion"}, -32053),
        ("flow/logs", {"run": "no-such-run"}, -32053),
        ("flow/list", {"state": "runing"}, -32052),
        ("flow/suggest", {"task": ""}, -32052),
    ],
)
def test_an_error_has_its_number_name_and_cure(session, method, params, number):
    refused = session.refusal(method, params)
    assert (refused.number, refused.code) == (number, errors()[number])
    assert refused.message
    assert refused.cure


# ----------------------------------------------------------------------------------- the daemon


@contextmanager
def own_daemon(home: Path) -> Iterator[RealDaemon]:
    """A daemon that is asked to end in the test; also one that a relay started is ended."""
    daemon = RealDaemon(home).start()
    try:
        yield daemon
    finally:
        assert daemon.process is not None
        if daemon.process.poll() is None:
            daemon.end()


@pytest.mark.parametrize("way", ["socket", "stdio"])
def test_stop_leaves_steps_running_and_the_next_daemon_takes_them_up(tmp_path, way):
    with own_daemon(tmp_path) as daemon:
        connect = connecting(daemon, way)
        with connect(**PLAIN) as client:
            client.folder = str(tmp_path)
            run = client.start({"id": "a", "run": f"echo x >> witness; {GATED}"})
            client.until(run, "step_output")
            stopped = client.call("flow/daemon/stop")
            conforms(stopped, "StopResult")
            assert stopped == {"running": 1}
            with pytest.raises(EOFError):
                client.receive()
        assert daemon.process is not None
        assert daemon.process.wait(30) == 0
        (tmp_path / "go").touch()  # it ends while no daemon runs, or under the next one
        daemon.start()
        with connect(**PLAIN) as client:
            assert client.finished(run)["state"] == "succeeded"
            assert client.output(run) == "before\nafter\n"
        assert (tmp_path / "witness").read_text() == "x\n"


def test_stdio_starts_a_daemon_where_none_runs(tmp_path):
    environment = RealDaemon(tmp_path).environment
    with over_stdio(FLOWD_STDIO, environment, **PLAIN) as client:
        pid = client.call("flow/daemon/status")["pid"]
        client.call("flow/daemon/stop")
    eventually(lambda: not Path(f"/proc/{pid}").exists(), f"flowd {pid} does not end")
