"""Secrets are nowhere afterwards: not in the database, log, or on the wire."""

from pathlib import Path

import pytest

from flowproto import methods, runs
from support.real_daemon import RealDaemon, real_daemon

PLANTED = "s3cr3t-ab12cd34ef56"


@pytest.mark.parametrize("sent_by_client", [True, False])
def test_a_secret_variable_is_not_recorded(tmp_path, monkeypatch, sent_by_client):
    if not sent_by_client:
        monkeypatch.setenv("DEPLOY_TOKEN", PLANTED)
    daemon = RealDaemon(tmp_path).start()
    environment = {"PATH": "/usr/bin:/bin", "DEPLOY_TOKEN": PLANTED, "PLAIN": "kept"}
    params = runs.RunParams(
        text="flow: 1\nname: t\nsteps:\n  - {id: a, run: 'echo token=$DEPLOY_TOKEN'}\n",
        cwd=str(tmp_path),
        environment=environment if sent_by_client else None,
    )
    with daemon.client() as client:
        run = client.call(methods.RUN, params).run
        told = "".join(repr(event) for event in client.follow(run))
    assert daemon.end() == 0
    assert "token=\\n" in told
    assert PLANTED not in told
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert PLANTED.encode() not in file.read_bytes(), file


TOKEN = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hJ5"
WRITES = """
import os, sys, time
secret = open(sys.argv[1]).read().strip()
outs = (sys.stdout,) if sys.stdout.isatty() else (sys.stdout, sys.stderr)
for cut in range(0, len(secret), 3):
    for out in outs:
        out.write(f"{cut} " + secret[:cut])
        out.flush()
    time.sleep(0.07)  # longer than the daemon takes to look
    for out in outs:
        out.write(secret[cut:] + " end\\n")
        out.flush()
with open(os.environ["FLOW_OUTPUT"], "a") as output:
    output.write(f"value={secret}\\n{secret}\\n")
sys.stdout.write(secret)
"""


@pytest.mark.parametrize("tty", [False, True], ids=["files", "terminal"])
@pytest.mark.parametrize("known", [True, False], ids=["value", "token"])
def test_what_a_step_writes_is_masked_before_it_is_kept(tmp_path, monkeypatch, tty, known):
    """A value that the daemon knows, and one that looks like a secret, cut wherever it may be."""
    secret = PLANTED if known else f"ghp_{TOKEN}"
    if known:
        monkeypatch.setenv("DEPLOY_TOKEN", secret)
    elsewhere, home = tmp_path / "elsewhere", tmp_path / "home"
    elsewhere.mkdir()
    home.mkdir()
    (elsewhere / "secret").write_text(secret)
    (elsewhere / "writes.py").write_text(WRITES.replace("\\\\", "\\"))
    step = {"id": "a", "run": f"python3 {elsewhere}/writes.py {elsewhere}/secret", "tty": tty}
    after = {"id": "b", "run": "echo given $steps_a_value"}
    with real_daemon(home) as daemon, daemon.client() as client:
        workflow = {"flow": 1, "name": "t", "steps": [step, after]}
        run = client.call(
            methods.RUN, runs.RunParams(workflow=workflow, cwd=str(elsewhere), approve=True)
        ).run
        events = list(client.follow(run))
        told = "".join(repr(event) for event in events)
        for command in (("show", run), ("logs", run), ("--json", "attach", run)):
            told += daemon.flowctl(*command).stdout
        text = "".join(getattr(event, "text", "") for event in events)
        assert "given <hidden>" in text
        times = len(range(0, len(secret), 3)) * (1 if tty else 2)
        assert text.count("***") >= times
        assert text.count(" end") == times
    _assert_nowhere(home, told, secret[4:] if known else TOKEN)


def test_a_secret_in_the_workflow_s_env_is_masked_in_output(tmp_path):
    """The workflow itself is recorded as it was given: for that part there is no help here."""
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        text = (
            "flow: 1\nname: t\nenv: {API_TOKEN: " + PLANTED + "}\nsteps:\n"
            "  - {id: a, run: 'echo token=$API_TOKEN; echo $API_TOKEN >&2'}\n"
        )
        run = client.call(
            methods.RUN, runs.RunParams(text=text, cwd=str(tmp_path), approve=True)
        ).run
        told = "".join(repr(event) for event in client.follow(run))
    assert "token=***" in told
    assert PLANTED not in told


def test_masking_does_not_lose_or_repeat_output_when_the_daemon_is_killed(tmp_path, monkeypatch):
    """What is kept is shorter than what was written; the next daemon goes on where this one was."""
    monkeypatch.setenv("DEPLOY_TOKEN", PLANTED)
    (tmp_path / "secret").write_text(PLANTED)
    script = f'for i in $(seq 40); do echo "$i $(cat {tmp_path}/secret) $i"; sleep 0.05; done'
    (home := tmp_path / "home").mkdir()
    daemon = RealDaemon(home).start()
    with daemon.client() as client:
        workflow = {"flow": 1, "name": "t", "steps": [{"id": "a", "run": script}]}
        run = client.call(
            methods.RUN, runs.RunParams(workflow=workflow, cwd=str(tmp_path), approve=True)
        ).run
        for event in client.follow(run):
            if "5 *** 5" in getattr(event, "text", ""):
                break
    daemon.kill()
    daemon.start()
    with daemon.client() as client:
        text = "".join(getattr(event, "text", "") for event in client.follow(run))
    daemon.end()
    assert text.splitlines() == [f"{i} *** {i}" for i in range(1, 41)]
    _assert_nowhere(home, text, PLANTED)


def _assert_nowhere(home: Path, told: str, secret: str) -> None:
    assert secret not in told
    for file in home.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file
