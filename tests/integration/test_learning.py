"""Learning with the real daemon: over the socket, across restarts, in the database."""

import json
import time

import pytest

from flowproto.client import RemoteError
from support.real_daemon import real_daemon

TASK = "show disk usage"


@pytest.fixture
def daemon(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "work").mkdir()
    with real_daemon(home) as running:
        yield running


def ask(client, daemon, task=TASK):
    params = {"task": task, "cwd": str(daemon.home / "work"), "limit": 10}
    return client.request("flow/suggest", params)["suggestions"]


def script_of(made):
    return made["workflow"]["steps"][0]["run"]


def run(client, daemon, **source):
    params = {**source, "cwd": str(daemon.home / "work"), "approve": True, "preflight": False}
    started = client.request("flow/run", params)["run"]
    return wait_for(client, started, "finished")


def wait_for(client, started, what):
    deadline = time.monotonic() + 20
    while True:
        state = client.request("flow/show", {"run": started})["state"]
        if state in ("succeeded", "failed", "compensated"):
            return started
        assert time.monotonic() < deadline, f"{started} is not {what}"
        time.sleep(0.02)  # another process


def edited(made, script):
    steps = [{"id": "a", "run": script}]
    return json.dumps({"flow": 1, "name": "mine", "steps": steps})


def learned(client):
    return client.request("flow/learned", {})["learned"]


def test_an_edit_is_what_comes_first_next_time_also_after_a_crash(daemon):
    with daemon.client() as client:
        first = ask(client, daemon)[0]
        assert first["reasons"]
        text = edited(first, "df -h . | tail -n 1")
        run(client, daemon, text=text, from_suggestion=first["id"])
        learned(client)  # waits until it is written down
        assert script_of(ask(client, daemon)[0]) == "df -h . | tail -n 1"
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        best = ask(client, daemon, "show the disk usage here")[0]
        assert script_of(best) == "df -h . | tail -n 1"
        assert any("you chose this once" in reason for reason in best["reasons"])


def test_a_failed_run_is_learned_from_and_an_undone_one(daemon):
    with daemon.client() as client:
        first = ask(client, daemon)[0]
        text = edited(first, "du --no-such-option-of-du")
        run(client, daemon, text=text, from_suggestion=first["id"])
        (failure,) = [row for row in learned(client) if row["kind"] == "failure"]
        assert failure["text"] == "failed: du --no-such-option-of-du"
        steps = [{"id": "a", "run": "touch made", "undo": "rm made"}]
        text = json.dumps({"flow": 1, "name": "make-a-marker", "steps": steps})
        started = run(client, daemon, text=text)
        assert "touch made" in [script_of(made) for made in ask(client, daemon, "make a marker")]
    daemon.kill()
    daemon.start()
    with daemon.client() as client:  # the daemon that undoes it is another one
        client.request("flow/undo", {"run": started})
        wait_for(client, started, "undone")
        texts = [row["text"] for row in learned(client)]
        assert "undone: touch made" in texts
        assert "touch made" not in [script_of(m) for m in ask(client, daemon, "make a marker")]


def test_what_is_learned_is_shown_and_forgotten_by_flowctl(daemon):
    with daemon.client() as client:
        for task in ("list installed python packages", "which python packages are outdated"):
            made = next(m for m in ask(client, daemon, task) if script_of(m).startswith("pip "))
            text = edited(made, f"uv {script_of(made)}")
            run(client, daemon, text=text, from_suggestion=made["id"])
    shown = daemon.flowctl("learned", "list")
    assert "habit: uv pip instead of pip" in shown.stdout
    rows = json.loads(daemon.flowctl("learned", "list", "--json").stdout)["learned"]
    habit = rows[0]
    assert (habit["kind"], habit["seen"], habit["active"]) == ("habit", 2, True)
    assert "seen 2 times" in daemon.flowctl("learned", "show", habit["id"]).stdout
    assert "forgotten: uv pip" in daemon.flowctl("learned", "forget", habit["id"]).stdout
    assert "uv pip instead" not in daemon.flowctl("learned", "list").stdout
    assert daemon.flowctl("learned", "forget", habit["id"]).returncode == 6
    assert daemon.flowctl("learned", "show", "zzz").returncode == 6
    assert daemon.flowctl("learned", "forget").returncode == 2
    assert daemon.flowctl("learned", "forget", "a", "--all").returncode == 2
    assert "forgotten: all of it" in daemon.flowctl("learned", "forget", "--all").stdout
    assert json.loads(daemon.flowctl("learned", "list", "--json").stdout) == {"learned": []}


def test_dismissing_is_noted_and_a_rehearsal_is_not(daemon):
    with daemon.client() as client:
        made = ask(client, daemon)[0]
        client.request("flow/dismiss", {"suggestion": made["id"]})
        learned(client)
        again = next(m for m in ask(client, daemon) if script_of(m) == script_of(made))
        assert any("passed this over once" in reason for reason in again["reasons"])
        with pytest.raises(RemoteError) as refused:
            client.request("flow/dismiss", {"suggestion": "none"})
        assert refused.value.name == "not_found"


def test_secrets_are_in_no_file(daemon):
    with daemon.client() as client:
        made = ask(client, daemon)[0]
        token = "ghp_" + "a1B2" * 9
        ask(client, daemon, f"clone with {token}")
        text = edited(made, f"echo {token}")
        run(client, daemon, text=text, from_suggestion=made["id"])
        assert learned(client) == []


def test_learn_false_keeps_nothing(daemon):
    daemon.end()
    (daemon.home / "config.toml").write_text("[suggest]\nlearn = false\n")
    daemon.start()
    with daemon.client() as client:
        made = ask(client, daemon)[2]
        run(client, daemon, suggestion=made["id"])
        assert learned(client) == []
        assert script_of(ask(client, daemon)[2]) == script_of(made)
