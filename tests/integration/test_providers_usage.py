"""What providers took, told by the real flowctl and flowd against llmock."""

import json
from pathlib import Path

import pytest

from support.real_daemon import BIN, RealDaemon, real_daemon
from support.terminal import Terminal

pytest.importorskip("llmock.scenarios", reason="llmock is not installed")

KEY = "key-of-a-test-3f9a1c7be2"
ANSWER = json.dumps(
    {"suggestions": [{"title": "Say hello", "steps": [{"id": "say", "run": "echo hello"}]}]}
)


@pytest.fixture
def server(llmock):
    llmock.reply(ANSWER, times=None)
    return llmock


@pytest.fixture
def start(tmp_path, server):
    """Starts a daemon with these settings; `{openai}` in them is where llmock is."""
    daemons = []

    def start(settings: str) -> RealDaemon:
        made = real_daemon(tmp_path)
        (tmp_path / "config.toml").write_text(settings.replace("{openai}", server.base_url()))
        daemon = made.__enter__()
        daemons.append(made)
        return daemon

    yield start
    for made in daemons:
        made.__exit__(None, None, None)


PRICED = f"""
[suggest]
providers = ["model"]
deadline_seconds = 20
[providers.model]
kind = "openai"
model = "m"
base_url = "{{openai}}"
api_key_command = ["echo", "{KEY}"]
price = {{input = 1.0, output = 10.0}}
"""


def suggest(daemon, task="say hello", *more, code=0):
    ran = daemon.flowctl("suggest", task, "--json", *more)
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout)


def usage(daemon, *more):
    return json.loads(daemon.flowctl("usage", "--json", *more).stdout)


def test_calls_answers_from_memory_and_their_cost_are_told(start, server):
    daemon = start(PRICED)
    assert suggest(daemon)["suggestions"][0]["title"] == "Say hello"
    suggest(daemon, "say  HELLO")
    suggest(daemon, "say hello", "--fresh")
    told = usage(daemon, "--calls", "10")
    (row,) = told["usage"]
    assert (row["provider"], row["model"], row["calls"], row["answered"]) == ("model", "m", 2, 2)
    assert row["cached"] == 1
    tokens = row["input_tokens"] + 10 * row["output_tokens"]
    assert told["dollars"] == pytest.approx(tokens / 1e6)
    assert [call["outcome"] for call in told["calls"]] == ["answered", "cached", "answered"]
    assert not told["calls"][0]["estimated"]
    shown = daemon.flowctl("usage", "--calls", "5").stdout
    assert "from memory" in shown
    assert "answered" in shown
    daemon.kill()
    daemon.start()
    assert usage(daemon)["dollars"] == told["dollars"]


def test_the_key_is_looked_up_again_when_it_was_refused_and_is_on_no_disk(start, server, tmp_path):
    command = f'["sh", "-c", "echo >> {tmp_path}/asked; echo {KEY}"]'
    daemon = start(PRICED.replace(f'["echo", "{KEY}"]', command))
    server.fail(401, message=f"bad key {KEY}")
    (report,) = suggest(daemon, code=7)["providers"]
    assert "bad key …" in report["error"]
    for task in ("one", "two"):
        suggest(daemon, task)
    assert (tmp_path / "asked").read_text() == "\n\n"
    usage(daemon, "--calls", "9")
    daemon.end()
    for file in Path(daemon.home).rglob("*"):
        if file.is_file() and file.name != "config.toml":
            assert KEY.encode() not in file.read_bytes(), file


def test_no_call_is_made_that_a_budget_does_not_cover(start, server):
    daemon = start(PRICED + "budget = {tokens_per_day = 6000}\n")
    suggest(daemon)
    before = len(server.requests)
    asked = 1
    while asked < 20:
        ran = daemon.flowctl("suggest", f"say hello {asked}", "--json")
        if ran.returncode:
            break
        asked += 1
    (report,) = json.loads(ran.stdout)["providers"]
    assert "over the 6000 allowed a day" in report["error"]
    assert len(server.requests) - before == asked - 1
    listed = json.loads(daemon.flowctl("providers", "--json").stdout)["providers"]
    (row,) = [each for each in listed if each["name"] == "model"]
    assert row["tokens_today"] <= 6000
    assert row["budget"]["tokens_left_today"] == 6000 - row["tokens_today"]
    assert sum(each["refused"] for each in usage(daemon)["usage"]) == 1


def test_providers_are_listed_with_what_they_lack(start):
    daemon = start(PRICED)
    listed = json.loads(daemon.flowctl("providers", "--json").stdout)["providers"]
    rows = {row["name"]: row for row in listed}
    assert rows["offline"]["usable"]
    assert not rows["openai"]["usable"]
    assert "OPENAI_API_KEY" in rows["openai"]["cure"]
    assert "GEMINI_API_KEY" in rows["gemini"]["cure"]
    assert rows["ollama"]["price"] == {"input": 0.0, "output": 0.0, "cached": None}
    assert (rows["model"]["asked"], rows["ollama"]["asked"]) == (True, False)
    shown = daemon.flowctl("providers").stdout
    assert "OPENAI_API_KEY" in shown
    assert "GEMINI_API_KEY" not in shown
    assert "gemini" in shown


def test_a_client_is_told_what_there_is_before_the_answer(start, server):
    daemon = start(PRICED.replace('["model"]', '["offline", "model"]'))
    server.slow_first_token(0.7)
    told = []
    with daemon.client() as client:
        answer = client.request(
            "flow/suggest", {"task": "list the files", "limit": 50}, progress=told.append
        )
    first = [row["provider"] for row in told[0]["suggestions"]]
    assert first
    assert set(first) == {"offline"}
    assert any(row["provider"] == "model" for row in answer["suggestions"])
    titles = {row["id"]: row["title"] for row in answer["suggestions"]}
    assert any(row["id"] in titles for row in told[0]["suggestions"])
    with daemon.client() as client:
        assert client.request("flow/suggest", {"task": "list the files"})["suggestions"]


def test_on_a_terminal_steps_are_shown_while_the_rest_is_written(start, server):
    steps = [{"id": "a", "run": "echo hello"}, {"id": "b", "run": "echo again"}]
    server.reset()
    server.reply(json.dumps({"suggestions": [{"title": "Say hello twice", "steps": steps}]}))
    server.stall(after_chunks=17, seconds=2.5)  # four events come before the text
    daemon = start(PRICED)
    command = [str(BIN / "flowctl"), "suggest", "say hello"]
    with Terminal(command, cwd=daemon.home, environment=daemon.environment, columns=100) as shown:
        shown.wait_for("model writes: Say hello twice")
        shown.wait_for("  echo hello")
        shown.wait_for("[q]uit ›")
        assert "writes" not in "\n".join(shown.screen.text)
        shown.type("q\n")
        assert shown.wait() == 0


def test_a_provider_can_be_tried(start, server):
    daemon = start(PRICED)
    tried = json.loads(daemon.flowctl("providers", "test", "model", "--json").stdout)
    assert (tried["title"], tried["error"]) == ("Say hello", "")
    assert [call["why"] for call in tried["calls"]] == ["first"]
    assert "works" in daemon.flowctl("providers", "test", "model").stdout
    server.fail(401)
    failed = daemon.flowctl("providers", "test", "model")
    assert failed.returncode == 7
    assert "key" in failed.stdout
    assert daemon.flowctl("providers", "test", "openai").returncode == 2
    assert daemon.flowctl("providers", "test", "nobody").returncode == 2


def test_a_command_that_gives_no_key_is_told(start):
    daemon = start(PRICED.replace('["echo"', '["/no/such/program"'))
    (report,) = suggest(daemon, code=7)["providers"]
    assert "the key is not to be had" in report["error"]
    assert KEY not in report["error"]
