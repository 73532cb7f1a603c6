"""Secrets in an environment are nowhere afterwards: not in the database, log, or on the wire."""

import pytest

from flowproto import methods, runs
from support.real_daemon import RealDaemon

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
