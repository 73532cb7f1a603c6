"""`secrets:` of steps through the real daemon: there when wanted, and nowhere else, ever."""

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from flowproto import methods, runs
from flowproto.client import Client, RemoteError
from support.real_daemon import PATIENCE_SECONDS, RealDaemon, real_daemon

VALUE = "correct horse battery"  # looks like no secret, and its name neither
SHOWS = 'test ${#deploy} = 21; echo "got $deploy."'


def start(client: Client, folder: Path, steps: list[dict[str, Any]], **more: Any) -> str:
    workflow = {"flow": 1, "name": "w", "steps": steps}
    params = {"workflow": workflow, "cwd": str(folder), "environment": {"PATH": os.environ["PATH"]}}
    return client.call(methods.RUN, runs.RunParams(**{**params, **more})).run


def told(client: Client, run: str) -> str:
    return "".join(repr(event) for event in client.follow(run))


def wait_for(file: Path) -> None:
    """Wait for a sign of another process: no clock of ours can be turned."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def assert_nowhere(home: Path, *texts: str) -> None:
    for text in texts:
        assert VALUE not in text
    for file in home.rglob("*"):
        if file.is_file() and file.name != "the-secret":
            assert VALUE.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("sandbox", ["off", "project"])
@pytest.mark.parametrize("tty", [False, True])
def test_given_by_the_client_for_one_run(tmp_path: Path, sandbox: str, tty: bool):
    """Only the step that names it sees it; what is written is masked; nothing of it is kept."""
    step = {"sandbox": sandbox, "tty": tty}
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        with pytest.raises(RemoteError) as refused:
            start(client, tmp_path, [{"id": "a", "run": SHOWS, "secrets": ["deploy"]}])
        assert refused.value.data["missing_secrets"] == ["deploy"]
        steps = [
            {"id": "a", "run": SHOWS, "secrets": ["deploy"], "undo": SHOWS, **step},
            {"id": "b", "run": 'test -z "$deploy"; echo "b: ${deploy:-none}"', **step},
        ]
        run = start(client, tmp_path, steps, secrets={"deploy": VALUE})
        text = told(client, run)
        client.call(methods.UNDO, runs.SteerParams(run=run))
        undone = told(client, run)
        assert "'succeeded'" in text or "succeeded" in text
        assert "got ***." in text
        assert "b: none" in text
        assert undone.count("got ***.") == 2
        assert client.call(methods.SHOW, runs.RunRef(run)).state == "compensated"
        assert daemon.end() == 0
    assert_nowhere(tmp_path, text, undone, daemon.log())


SOURCES = {
    "env": ('{env = "OTHER_NAME"}', ""),
    "file": ('{file = "the-secret"}', VALUE + "\n"),
    "command": ('{command = ["cat", "the-secret"]}', VALUE + "\n"),
    "dotenv": ('{dotenv = "the-secret"}', f'# x\nexport deploy="{VALUE}" # y\n'),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_looked_up_where_the_settings_say_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    source, content = SOURCES[kind]
    (tmp_path / "the-secret").write_text(content)
    (tmp_path / "config.toml").write_text(f"[secrets]\ndeploy = {source}\n")
    monkeypatch.setenv("OTHER_NAME", VALUE)
    steps = [
        {
            "id": "a",
            "run": f"touch begun; {SHOWS}; sleep 1.5; echo late $deploy",
            "secrets": ["deploy"],
        },
        {"id": "b", "run": SHOWS, "secrets": ["deploy"]},
    ]
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = start(client, tmp_path, steps)
    wait_for(tmp_path / "begun")
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        text = told(client, run)
        assert client.call(methods.SHOW, runs.RunRef(run)).state == "succeeded", text
    assert daemon.end() == 0
    assert text.count("got ***.") == 2
    assert "late ***" in text  # written after the daemon that had looked it up was gone
    assert_nowhere(tmp_path, text, daemon.log())


def test_a_source_that_gives_nothing_is_said_before_the_first_step(tmp_path: Path):
    sources = {
        "a": ('{env = "NOT_THERE"}', "no NOT_THERE"),
        "b": ('{file = "nowhere"}', "No such file"),
        "c": ('{command = ["false"]}', "false ended with exit code 1"),
        "d": ('{command = ["no-such-program"]}', "no-such-program: No such file"),
    }
    lines = [f"{name} = {source}" for name, (source, _) in sources.items()]
    (tmp_path / "config.toml").write_text("[secrets]\n" + "\n".join(lines))
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        step = {"id": "s", "run": "touch made", "secrets": [*sources, "e"]}
        with pytest.raises(RemoteError) as refused:
            start(client, tmp_path, [step])
        for _, reason in sources.values():
            assert reason in refused.value.message
        assert refused.value.data["missing_secrets"] == ["a", "b", "c", "d", "e"]
    assert not (tmp_path / "made").exists()


def test_a_given_secret_is_forgotten_with_the_daemon_and_can_be_given_again(tmp_path: Path):
    steps = [
        {"id": "a", "run": "touch begun; sleep 1"},
        {"id": "b", "run": SHOWS, "secrets": ["deploy"], "on_error": "stop"},
    ]
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = start(client, tmp_path, steps, secrets={"deploy": VALUE})
    wait_for(tmp_path / "begun")
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        text = told(client, run)
        assert "the secret deploy is not to be had" in text
        with pytest.raises(RemoteError) as refused:
            client.call(methods.RETRY, runs.SteerParams(run=run))
        assert refused.value.data["missing_secrets"] == ["deploy"]
        client.call(methods.RETRY, runs.SteerParams(run=run, secrets={"deploy": VALUE}))
        again = told(client, run)
        assert client.call(methods.SHOW, runs.RunRef(run)).state == "succeeded", again
    assert daemon.end() == 0
    assert_nowhere(tmp_path, text, again, daemon.log())


def test_flowctl_hands_over_what_is_asked_for_and_no_more(tmp_path: Path):
    """From its own environment, by name; traced, it sends no other secret."""
    file = tmp_path / "w.flow.yaml"
    file.write_text(
        f"flow: 1\nname: w\nsteps:\n  - id: a\n    run: '{SHOWS}'\n    secrets: [deploy]\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    with real_daemon(home) as daemon:
        environment = {**os.environ, "FLOW_HOME": str(home), "OTHER_TOKEN": "t0k3n-of-another"}
        command = [str(daemon.command[0]).replace("flowd", "flowctl"), "run", str(file)]
        ran = subprocess.run(
            command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 2
        assert "deploy" in ran.stderr
        assert "[secrets] of config.toml" in ran.stderr
        ran = subprocess.run(
            command,
            env={**environment, "deploy": VALUE},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        assert "got ***." in ran.stdout
        assert daemon.end() == 0
    assert_nowhere(home, ran.stdout, ran.stderr)


def test_what_the_env_file_of_the_project_sets_is_not_shown(tmp_path: Path):
    """By names and by looks; a plain setting is no secret."""
    drawn = "hB7kQ2mZ9xW4vT1nR8pL5cD3"
    (tmp_path / ".env").write_text(f"API_TOKEN='{VALUE}'\nodd={drawn}\nMODE=development\n")
    with real_daemon(_made(tmp_path / "home")) as daemon, daemon.client() as client:
        run = start(client, tmp_path, [{"id": "a", "run": "cat .env"}], approve=True)
        text = told(client, run)
        assert "API_TOKEN='***'" in text
        assert "odd=***" in text
        assert "MODE=development" in text
        assert daemon.end() == 0
    assert_nowhere(tmp_path / "home", text, daemon.log())


@pytest.mark.parametrize("kind", ["file", "dotenv", "command"])
def test_a_named_secret_that_a_step_comes_by_otherwise_is_not_shown(tmp_path: Path, kind: str):
    source, content = SOURCES[kind]
    (tmp_path / "the-secret").write_text(content)
    (home := tmp_path / "home").mkdir()
    (home / "config.toml").write_text(f"[secrets]\ndeploy = {source}\n")
    steps = [
        {"id": "a", "run": "true", "secrets": ["deploy"]},  # a program must be asked once
        {"id": "b", "run": "cat the-secret; echo done"},
    ]
    with real_daemon(home) as daemon, daemon.client() as client:
        text = told(client, start(client, tmp_path, steps, approve=True))
        assert "***" in text
        assert "done" in text
        assert daemon.end() == 0
    assert_nowhere(home, text)
