"""kill -9 of the real daemon under load: nothing acknowledged is lost, nothing runs twice."""

import random
import sqlite3
import time

import pytest

from flowproto import methods, runs
from flowproto.client import ClientError
from support.real_daemon import PATIENCE_SECONDS, RealDaemon, real_daemon

ROUNDS = 12
RUNS_A_ROUND = 8
FINISHED = runs.FINISHED_STATES


def workflow(number: int, witness: str) -> dict:
    """Sequential and parallel steps, output, a failure with compensations in every third run."""
    write = f"echo {number}.$FLOW_STEP.$FLOW_ATTEMPT >> {witness}; echo out $FLOW_STEP"
    steps = [
        {"id": "a", "run": write, "undo": f"echo {number}.undo-a >> {witness}"},
        {"id": "b", "run": f"{write}; sleep 0.0{number % 9}", "needs": ["a"]},
        {"id": "c", "run": write, "needs": ["a"], "undo": f"echo {number}.undo-c >> {witness}"},
        {"id": "d", "run": f"{write}; exit {int(number % 3 == 0)}", "needs": ["b", "c"]},
    ]
    return {"flow": 1, "name": f"load-{number}", "steps": steps}


def test_kill_9_at_random_moments_of_a_mixed_load(tmp_path):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    witness = tmp_path / "witness"
    # The witness tells of what was rolled back, too: nobody may put it back as it was.
    (tmp_path / "config.toml").write_text("[engine]\nsaved_bytes_per_step = 0\n")
    acknowledged: dict[str, int] = {}
    daemon = RealDaemon(tmp_path)
    number = 0
    for _ in range(ROUNDS):
        daemon.start()
        kill_at = time.monotonic() + chance.uniform(0.0, 0.35)
        try:
            with daemon.client() as client:
                for _ in range(RUNS_A_ROUND):
                    number += 1
                    started = client.call(
                        methods.RUN,
                        runs.RunParams(
                            workflow=workflow(number, str(witness)),
                            cwd=str(tmp_path),
                            client_token=f"token-{number}",
                        ),
                    )
                    acknowledged[started.run] = number
                    if time.monotonic() > kill_at:
                        break
        except ClientError:
            pass
        time.sleep(max(0.0, kill_at - time.monotonic()))
        daemon.kill()

    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            listed = client.call(methods.LIST, runs.ListParams(limit=1000)).runs
            open_runs = [row for row in listed if row.state not in FINISHED]
            if not open_runs:
                break
            assert time.monotonic() < deadline, (open_runs, daemon.log())
            time.sleep(0.05)
        states = {row.id: row.state for row in listed}
        assert set(acknowledged) <= set(states), "an acknowledged run is gone"
        for run, of in acknowledged.items():
            expected = "compensated" if of % 3 == 0 else "succeeded"
            assert states[run] == expected, client.call(methods.SHOW, runs.RunRef(run))
        assert daemon.end() == 0

    lines = witness.read_text().split()
    twice = {line for line in lines if lines.count(line) > 1}
    assert not twice, "a step ran twice"
    by_step = [line.rsplit(".", 1)[0] for line in lines if "undo" not in line]
    assert len(by_step) == len(set(by_step)), "a step ran again under another attempt number"
    for of in acknowledged.values():
        wanted = {f"{of}.{step}" for step in "abcd"}
        assert wanted <= set(by_step), f"a step of run {of} never ran"
        assert (f"{of}.undo-a" in lines) == (of % 3 == 0)
    database = sqlite3.connect(tmp_path / "flow.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_a_daemon_killed_while_a_client_watches(tmp_path):
    """`follow` reconnects by position: the story has no gap and no repetition."""
    text = (
        "flow: 1\nname: slow\nsteps:\n"
        "  - id: a\n    run: for n in 1 2 3 4 5 6 7 8; do echo line $n; sleep 0.15; done\n"
    )
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = client.call(methods.RUN, runs.RunParams(text=text, cwd=str(tmp_path))).run
        seen = []
        position = 0
        with pytest.raises(ClientError):
            for event in client.follow(run):
                seen.append(event)
                position = event.position
                if len(seen) == 5:
                    daemon.kill()
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        for event in client.follow(run, position):
            seen.append(event)
            if type(event).__name__ == "RunFinished":
                break
    positions = [event.position for event in seen]
    assert positions == sorted(set(positions))
    text = "".join(event.text for event in seen if type(event).__name__ == "StepOutput")
    assert text == "".join(f"line {n}\n" for n in range(1, 9))


def test_two_daemons_at_once_on_one_home(tmp_path):
    """One serves; the other leaves quietly and with success, since somebody serves."""
    with real_daemon(tmp_path) as first:
        second = RealDaemon(tmp_path)
        second.start()  # answers: the first one does
        assert second.process is not None
        assert second.process.wait(PATIENCE_SECONDS) == 0
        with first.client() as client:
            status = client.call(methods.STATUS, methods.STATUS.params())
        assert first.process is not None
        assert status.pid == first.process.pid


def test_sigterm_ends_the_daemon_and_not_the_step(tmp_path):
    text = (
        "flow: 1\nname: slow\nsteps:\n"
        "  - id: a\n"
        "    run: touch begun; while [ ! -e go ]; do sleep 0.02; done; echo x >> witness\n"
    )
    with real_daemon(tmp_path) as daemon:
        with daemon.client() as client:
            run = client.call(methods.RUN, runs.RunParams(text=text, cwd=str(tmp_path))).run
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        assert daemon.end() == 0
        (tmp_path / "go").touch()
        daemon.start()
        with daemon.client() as client:
            *_, last = client.follow(run)
        assert last.state == "succeeded"
    assert (tmp_path / "witness").read_text() == "x\n"
