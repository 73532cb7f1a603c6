"""Attacks on the real daemon by clients and workflow files that mean no good.

Whatever comes, the daemon lives, everyone else's runs go on, and where somebody can still be told,
the error says what to do.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support import raw_client
from support.raw_client import PLAIN, RawClient, eventually, frame, over_socket, workflow
from support.real_daemon import BIN, RealDaemon, real_daemon

TRUE = {"id": "a", "run": "true"}
DEEP = b"[" * 100_000 + b"]" * 100_000
LISTED = {"jsonrpc": "2.0", "method": "flow/list", "params": {"limit": 1}}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[RealDaemon]:
    with real_daemon(tmp_path_factory.mktemp("home")) as running:
        yield running
        assert "Traceback" not in running.log()


@pytest.fixture
def client(daemon, tmp_path) -> Iterator[RawClient]:
    with over_socket(daemon.socket, **PLAIN) as connected:
        connected.folder = str(tmp_path)
        yield connected


@pytest.fixture(autouse=True)
def everyone_else(request, tmp_path) -> Iterator[None]:
    """A run that is going on during the attack; it must end well after it."""
    if "daemon" not in request.fixturenames:
        yield
        return
    daemon = request.getfixturevalue("daemon")
    go = tmp_path / "others-go"
    with over_socket(daemon.socket, **PLAIN) as other:
        other.folder = str(tmp_path)
        run = other.start({"id": "a", "run": f"while [ ! -e {go} ]; do sleep 0.05; done; echo ok"})
        yield
        go.touch()
        assert other.finished(run)["state"] == "succeeded"
        assert other.output(run) == "ok\n"


# ---------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize(
    ("header", "number"),
    [
        ("Content-Length: -5", -32700),
        ("Content-Length: +2", -32700),
        ("Content-Length: 0x2", -32700),
        ("Content-Length: 1_0", -32700),
        ("Content-Length: \u0663", -32700),  # a digit three, and none of ours
        ("Content-Length:", -32700),
        ("Content-Type: application/json", -32700),
        ("Content-Length: 2\r\nContent-Length: 2", -32700),
        ("Content-Length: 2\r\ncontent-length: 9", -32700),
        ("Content-Length: 2\r\nno colon", -32700),
        ("\r\n", -32700),
        ("x" * 5000, -32700),
        ("Content-Length: 16777217", -32057),
        ("Content-Length: " + "9" * 3000, -32057),
    ],
)
def test_a_header_that_is_none_ends_the_session_with_a_word(client, header, number):
    client.send_bytes(f"{header}\r\n\r\n{{}}".encode())
    refused = client.receive()
    assert (refused["id"], refused["error"]["code"]) == (None, number)
    assert refused["error"]["data"]["cure"]
    with pytest.raises(EOFError):
        client.receive()


@pytest.mark.parametrize(
    ("body", "request_id", "number"),
    [
        (b"\xef\xbb\xbf{}", None, -32700),
        ('{"jsonrpc":"2.0"}'.encode("utf-16"), None, -32700),
        (b'{"jsonrpc":"2.0","id":7,"method":"flow/show","params":{"run":"\xff\xfe"}}', 7, -32602),
        (b'{"jsonrpc":"2.0","id":7,"method":"flow/show","params":%b}' % DEEP, None, -32700),
        (b'{"jsonrpc":"2.0","id":7,"method":"flow/run","params":{"workflow":%b}}' % DEEP, None,
         -32700),
        (b'{"jsonrpc":"2.0","unknown":%b,"id":7,"method":"flow/list"}' % DEEP, None, -32700),
        (b'{"jsonrpc":"2.0","id":7,"method":"flow/list","params":' + b"[" * 100_000, None, -32700),
        (b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":%b}}' % DEEP, None, -32700),
        (b'[{"jsonrpc":"2.0","id":7,"method":"flow/list"}]', None, -32600),
        (b'{"jsonrpc":"2.0","id":7.5,"method":"flow/list"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"flow/list"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"flow/list"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":[7],"method":"flow/list"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":{"a":7},"method":"flow/list"}', None, -32600),
        (b'{"jsonrpc":"2.0","id":%b,"method":"flow/list"}' % (b"7" * 5000), None, -32700),
        (b'{"jsonrpc":"2.0","id":1e400,"method":"flow/list"}', None, -32700),
        (b'{"jsonrpc":"2.0","id":7,"method":"flow/list\\u0000"}', 7, -32601),
        (b'{"jsonrpc":"1.0","id":7,"method":"flow/list"}', 7, -32600),
    ],
)  # fmt: skip
def test_a_message_that_is_none_is_answered_and_the_session_goes_on(
    client, body, request_id, number
):
    client.send_bytes(frame(body))
    refused = client.receive()
    assert (refused["id"], refused["error"]["code"]) == (request_id, number)
    assert refused["error"]["data"]["cure"]
    assert client.call("flow/list", {"limit": 1})


@pytest.mark.parametrize("request_id", [0, -1, 2**63, 10**30, "", "\0", "\u202e", "x" * 100_000])
def test_an_id_comes_back_as_it_was(client, request_id):
    client.send({**LISTED, "id": request_id})
    assert client.answer(request_id)["runs"]


def test_what_an_error_quotes_is_shortened(client):
    """Else an answer could be longer than any client takes, or fill a terminal."""
    long = "\u202e" * 1_000_000
    for method, params in (
        (long, {}),
        ("flow/show", {"run": long}),
        ("flow/run", {"path": long}),
        ("flow/run", {"workflow": workflow(TRUE), "cwd": f"/{long}"}),
        ("flow/run", {"workflow": workflow({**TRUE, long: 1})}),
    ):
        refused = client.refusal(method, params)
        assert refused.code != "bug"
        assert len(refused.message) < 3000
        assert refused.cure


def test_odd_values_are_refused_and_are_no_bug(client):
    for method, params, code in (
        ("flow/list", {"state": ["running"] * 50_000}, None),
        ("flow/list", {"query": "%_\\'\"\0"}, None),
        ("flow/run", {"workflow": workflow(TRUE), "client_token": "x" * 201}, "invalid_input"),
        ("flow/run", {"template": "none", "cwd": "/" + "x" * 300}, "not_found"),
        ("flow/run", {"template": "none", "cwd": "/x" * 3000}, "not_found"),
        ("flow/run", {"workflow": workflow(TRUE), "inputs": {"a": 10**4000}}, "invalid_input"),
        ("flow/run", {"workflow": {"flow": 10**4000}}, "invalid_workflow"),
    ):
        try:
            client.call(method, params)
            refused = None
        except raw_client.Refused as error:
            refused = error.code
        assert refused == code, (method, list(params))


# ------------------------------------------------------------------------------------------ peers


def peers_of(client: RawClient) -> int:
    peers: int = client.call("flow/daemon/status")["peers"]
    return peers


def test_peers_that_vanish_leave_nothing_behind(client, daemon):
    before = peers_of(client)
    for data in (
        b"",
        b"Content-Le",
        b"Content-Length: 1000\r\n\r\n{",
        frame({**LISTED, "id": 5})[:-1],
        frame({**LISTED, "id": 5}) * 200,
        os.urandom(3000),
    ):
        for reset in (False, True):
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(str(daemon.socket))
            peer.sendall(data)
            if reset:
                peer.shutdown(socket.SHUT_RD)
            peer.close()
    eventually(lambda: peers_of(client) == before, "the daemon still counts who is gone")


def test_a_run_of_a_peer_that_vanished_mid_request_is_there_once_or_not_at_all(client, daemon):
    params = {
        "workflow": workflow({"id": "a", "run": "echo x >> witness"}),
        "cwd": client.folder,
        "client_token": f"vanished-{client.folder}"[-100:],
    }
    for _ in range(20):
        with over_socket(daemon.socket, **PLAIN) as vanishing:
            vanishing.ask("flow/run", params)
    run = client.run(**params)
    assert client.finished(run)["state"] == "succeeded"
    assert Path(str(client.folder), "witness").read_text() == "x\n"


def test_who_never_reads_costs_nothing_while_a_run_writes_megabytes(client, daemon):
    with ExitStack() as stack:
        deaf = [stack.enter_context(over_socket(daemon.socket, **PLAIN)) for _ in range(20)]
        run = client.start(
            {"id": "a", "run": "read < go; head -c 3000000 /dev/zero | tr '\\0' x; echo"},
            {"id": "b", "run": "echo done"},
        )
        os.mkfifo(f"{client.folder}/go")
        for peer in deaf:
            peer.ask("flow/attach", {"run": run})
        before = client.call("flow/stats")["memory_bytes"]
        Path(str(client.folder), "go").write_text("\n")
        assert client.finished(run)["state"] == "succeeded"
        assert client.call("flow/stats")["memory_bytes"] - before < 100 * 1024 * 1024
        text = client.output(run)
        assert text.endswith("done\n")
        assert len(text) > 1_000_000  # what was beyond the cap of a step is left out
        # Who was only slow misses nothing.
        told = [deaf[0].notification("flow/event")]
        while told[-1]["type"] != "run_finished":
            told.append(deaf[0].notification("flow/event"))
        assert "".join(e["text"] for e in told if e["type"] == "step_output") == text


FOLLOWER = """
import sys
from pathlib import Path
from support.raw_client import PLAIN, over_socket
with over_socket(Path(sys.argv[1]), **PLAIN) as client:
    for event in client.follow(sys.argv[2]):
        print(event["position"], event["type"], flush=True)
        if event["type"] == "run_finished":
            break
"""


def test_a_client_that_is_stopped_slows_nobody_and_goes_on_without_a_gap(client, daemon):
    os.mkfifo(f"{client.folder}/go")
    script = "echo begun; read < go; for i in $(seq 100); do echo $i; head -c 20000 /dev/zero; done"
    run = client.start({"id": "a", "run": script})
    environment = {**daemon.environment, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", FOLLOWER, str(daemon.socket), run],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as follower:
        try:
            assert follower.stdout is not None
            seen = [follower.stdout.readline() for _ in range(3)]  # started, started, output
            follower.send_signal(signal.SIGSTOP)
            Path(str(client.folder), "go").write_text("\n")
            events = client.until(run, "run_finished")
        finally:
            follower.send_signal(signal.SIGCONT)
        seen += follower.stdout.readlines()
    assert [line.split() for line in seen] == [[str(e["position"]), e["type"]] for e in events]


def test_three_hundred_clients_of_one_run_hear_the_same(client, daemon):
    os.mkfifo(f"{client.folder}/go")
    run = client.start({"id": "a", "run": "echo one; read < go; echo two"})
    with ExitStack() as stack:
        crowd = [stack.enter_context(over_socket(daemon.socket, **PLAIN)) for _ in range(300)]
        asked = [(peer, peer.ask("flow/attach", {"run": run})) for peer in crowd]
        for peer, number in asked:
            peer.answer(number)
        Path(str(client.folder), "go").write_text("\n")
        events = client.until(run, "run_finished")
        for peer in crowd:
            assert [peer.notification("flow/event") for _ in events] == events


def test_a_thousand_runs_at_once_all_finish(client, daemon):
    connections, each = 8, 125
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(over_socket(daemon.socket, **PLAIN)) for _ in range(connections)
        ]
        asked = []
        for number in range(each):
            for at, peer in enumerate(crowd):
                word = f"{at}-{number}"
                params = {"workflow": workflow({"id": "a", "run": f"echo {word} >> witness"})}
                asked.append((peer, peer.ask("flow/run", {**params, "cwd": client.folder})))
        runs = {peer.answer(number)["run"] for peer, number in asked}
    assert len(runs) == connections * each
    assert all(client.finished(run)["state"] == "succeeded" for run in runs)
    lines = Path(str(client.folder), "witness").read_text().split()
    assert sorted(lines) == sorted(f"{a}-{n}" for a in range(connections) for n in range(each))


# ---------------------------------------------------------------------------------- workflow files


def many_steps(count: int, **more: Any) -> dict[str, Any]:
    return workflow(*({"id": f"s{n}", "run": "true", **more} for n in range(count)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flow: 1\nname: !!python/object/apply:os.system ['touch owned']\n", "tag"),
        ("!!python/object/new:os.system [touch owned]\n", "tag"),
        ("flow: 1\nname: !!binary aGk=\n", "tag"),
        ("a: &a [x,x,x,x,x,x,x,x,x,x]\n"
         + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n"
                   for a, b in zip("abcdefgh", "bcdefghi", strict=True)), "100,000 values"),
        ("flow: 1\nname: x\nsteps: &s [*s]\n", "inside"),
        ("[" * 100_000, "not valid YAML"),  # libyaml's own bound comes first
        ("- " * 100_000, "nested"),
        ("? " * 100_000, ""),
        ("flow: 1\nname: x\nsteps:\n- {id: ../../etc, run: 'true'}\n", "not a name"),
        ("flow: 1\nname: x\nsteps:\n- {id: \"a\\n\", run: 'true'}\n", "not a name"),
        ("flow: 1\nname: x\nsteps:\n- {id: \"a\\0b\", run: 'true'}\n", "zero byte"),
        ("flow: 1\nname: x\nsteps:\n- {id: \u0430dmin, run: 'true'}\n", "not a name"),  # Cyrillic
        ("flow: 1\nname: x\nsteps:\n- {id: a\u202e, run: 'true'}\n", "not a name"),
        ("flow: 1\nname: x\nenv: {\"A\\n\": x}\nsteps:\n- {id: a, run: 'true'}\n", "not a name"),
        ("flow: 1\nname: x\nenv: {\"A\\nB\": x}\nsteps:\n- {id: a, run: 'true'}\n", "not a name"),
        ("flow: 1\nname: x\nsteps:\n- {id: a, run: " + "x" * 1_100_000 + "}\n", "larger than"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused_with_its_place(client, tmp_path, text, said):
    (tmp_path / "evil.flow.yaml").write_text(text)
    refused = client.refusal("flow/run", {"path": "evil.flow.yaml", "cwd": client.folder})
    assert refused.code == "invalid_workflow"
    assert any(said in problem["message"] for problem in refused.data["problems"]), refused.data
    checked = client.call("flow/check", {"path": "evil.flow.yaml", "cwd": client.folder})
    assert (checked["valid"], checked["verdict"]) == (False, "block")
    assert all(problem["line"] >= 1 for problem in checked["problems"])
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("shaped", "said"),
    [
        (many_steps(501), "at most 500"),
        (workflow(*[TRUE] * 2), "two steps are called 'a'"),
        (workflow({**TRUE, "needs": ["b"]}, {"id": "b", "run": "x", "needs": ["a"]}), "a → b → a"),
        (workflow(TRUE, env={"A\nB": "x"}), "not a name"),
        (workflow({**TRUE, "cwd": "a\0b"}), "zero byte"),
        ({**workflow(TRUE), "steps": [1] * 1_000_000}, "100,000 values"),
        ({str(number): 1 for number in range(200_000)}, "100,000 values"),
        ({"name": [[[0] * 1000] * 100] * 10}, "100,000 values"),
    ],
)
def test_a_hostile_object_is_refused(client, shaped, said):
    refused = client.refusal("flow/run", {"workflow": shaped, "cwd": client.folder})
    assert refused.code == "invalid_workflow"
    assert any(said in problem["message"] for problem in refused.data["problems"]), refused.data


def test_five_hundred_steps_run(client):
    shown = client.finished(client.run(workflow=many_steps(500, needs=[])))
    assert shown["state"] == "succeeded"
    assert len(shown["steps"]) == 500


def test_a_script_of_a_megabyte_is_asked_about_and_runs(client):
    run = client.start({"id": "a", "run": "true\n" * 200_000 + "echo end"})
    client.until(run, "question_asked")  # nobody can judge it
    client.call("flow/answer", {"run": run, "answer": "yes"})
    assert client.finished(run)["state"] == "succeeded"
    assert client.output(run) == "end\n"


@pytest.mark.parametrize("folder", ["nowhere", "~nobody-of-that-name/x", "x" * 300, "x/" * 3000])
def test_a_folder_that_is_not_there(client, tmp_path, folder):
    """Of the workflow: refused. Of a step, which an earlier step may have made: that step fails."""
    refused = client.refusal(
        "flow/run", {"workflow": workflow(TRUE, cwd=folder), "cwd": client.folder}
    )
    assert (refused.code, "is not a folder" in refused.message) == ("invalid_input", True)
    shown = client.finished(
        client.start(
            {"id": "a", "run": "touch made", "undo": "rm made"},
            {"id": "b", "run": "true", "cwd": folder},
        )
    )
    assert shown["state"] == "compensated"
    assert "cannot be entered" in shown["steps"][1]["reason"]
    assert not (tmp_path / "made").exists()


def test_an_environment_too_large_for_a_process_fails_the_step(client):
    run = client.run(workflow=workflow(TRUE), environment={"A": "x" * 3_000_000})
    shown = client.finished(run)
    assert shown["state"] == "failed"
    assert "the environment is too large" in shown["steps"][0]["reason"]


LONG_SCRIPT = "echo hello world | grep x > out; cat $x/b\n" * 150


@pytest.mark.parametrize("method", ["flow/check", "flow/run"])
def test_others_are_answered_while_a_long_workflow_is_judged(client, daemon, method):
    """In one go, five hundred such steps would hold up every run, and systemd's watchdog."""
    long = workflow(*({"id": f"s{n}", "run": LONG_SCRIPT, "confirm": "?"} for n in range(400)))
    with over_socket(daemon.socket, **PLAIN) as greedy:
        greedy.send({"jsonrpc": "2.0", "id": "ping", "method": "flow/list"})
        greedy.ask(method, {"workflow": long, "cwd": client.folder})
        greedy.answer("ping")  # it is being judged from now on
        for _ in range(5):
            client.call("flow/daemon/status")
        assert not greedy.has_news()
    # It is gone, and with it what it asked for.
    assert client.finished(client.start(TRUE))["state"] == "succeeded"


# ------------------------------------------------------------------------------------ its settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[engine\n", "not TOML"),
        ("[engine]\nmax_procesess = 3\n", "max_procesess"),
        ("[engine]\nmax_processes = 0\n", "max_processes"),
        ("[engine]\ngrace_seconds = nan\n", "grace_seconds"),
        ("[engine]\nmax_processes = '3'\n", "max_processes"),
        ("engine = 3\n", "engine"),
        ("[suggest]\ndeadline_seconds = inf\n", "deadline_seconds"),
        ("[providers]\nx = 3\n", "providers"),
        ("x = " + "[" * 5_000 + "]" * 5_000, "nested too deeply"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_cure(tmp_path, settings, words):
    (tmp_path / "config.toml").write_text(settings)
    ended = subprocess.run(
        [str(BIN / "flowd")],
        env=RealDaemon(tmp_path).environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert "config.toml" in ended.stderr
    assert words in ended.stderr
    assert "to mend it: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "policy",
    [
        "!!python/object/apply:os.system ['touch owned']\n",
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n"
            for a, b in zip("abcdefgh", "bcdefghi", strict=True)
        ),
        "block: 3\n",
        "blokc: [ls]\n",
        "block: [ls]\nblock: [cat]\n",
        "\x00",
        "[" * 5_000 + "]" * 5_000,
    ],
)
def test_a_policy_that_cannot_be_read_makes_the_daemon_wary(tmp_path, policy):
    (tmp_path / "policy.yaml").write_text(policy)
    with real_daemon(tmp_path) as daemon, over_socket(daemon.socket, **PLAIN) as client:
        assert "policy.yaml" in client.call("flow/daemon/status")["policy_error"]
        assert client.call("flow/check", {"command": "touch x"})["verdict"] == "confirm"
        assert "Traceback" not in daemon.log()
    assert not (tmp_path / "owned").exists()


# -------------------------------------------------------------------------------------- its death


def test_kill_9_in_the_middle_of_fifty_runs(tmp_path):
    """Every step runs once, whether it ends before, between or after the two daemons."""
    (tmp_path / "config.toml").write_text("[engine]\nmax_processes = 64\n")  # on any machine
    witness = tmp_path / "witness"
    witness.touch()
    script = "echo $WORD-begun >> witness; while [ ! -e go ]; do sleep 0.05; done; {}"
    steps = [
        {"id": "a", "run": script.format("echo $WORD-ended >> witness"), "env": {"WORD": "a"}},
        {"id": "b", "run": "echo b-$FLOW_RUN >> witness"},
    ]
    daemon = RealDaemon(tmp_path).start()
    with over_socket(daemon.socket, **PLAIN) as client:
        client.folder = str(tmp_path)
        asked = [
            client.ask("flow/run", {"workflow": workflow(*steps), "cwd": str(tmp_path)})
            for _ in range(50)
        ]
        runs = [client.answer(number)["run"] for number in asked]

        def begun() -> bool:
            return witness.read_text().count("a-begun") == len(runs)

        eventually(begun, "not every run begins")
        daemon.kill()
    (tmp_path / "go").touch()
    with real_daemon(tmp_path) as daemon, over_socket(daemon.socket, **PLAIN) as client:
        assert [client.finished(run)["state"] for run in runs] == ["succeeded"] * len(runs)
    lines = witness.read_text().split()
    assert lines.count("a-begun") == lines.count("a-ended") == len(runs)
    assert sorted(line for line in lines if line.startswith("b-")) == sorted(f"b-{r}" for r in runs)
