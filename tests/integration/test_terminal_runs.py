"""Steps on a terminal in the real daemon: typed to over the protocol, across kill -9."""

from pathlib import Path

import pytest

from flowproto import methods, runs
from flowproto import terminals as t
from flowproto.client import Client, RemoteError
from flowproto.events import StepOutput, WireEvent
from support.real_daemon import RealDaemon, real_daemon

SECRET = "correct-horse-battery"
PROMPTS = """\
read -r -p 'name? ' name
read -r -s -p 'word? ' word
echo; echo "$name ${#word}"; echo "size=$(stty size)" >> "$FLOW_OUTPUT"
"""


def start(client: Client, folder: Path, *steps: dict) -> str:
    workflow = {"flow": 1, "name": "typed", "steps": list(steps)}
    return client.call(methods.RUN, runs.RunParams(workflow=workflow, cwd=str(folder))).run


def press(client: Client, run: str, data: str, **more: object) -> None:
    client.call(methods.TYPE, t.TypeParams(run=run, step="a", data=data, **more))  # type: ignore[arg-type]


def read_until(client: Client, run: str, text: str, after: int = 0) -> int:
    """Follow the run until it has written that; give the position where it had."""
    seen = ""
    for event in client.follow(run, after):
        seen += event.text if isinstance(event, StepOutput) else ""
        if text in seen:
            return event.position
    raise AssertionError(f"{text!r} did not come: {seen!r}")


def to_the_end(client: Client, run: str) -> list[WireEvent]:
    return list(client.follow(run))


def test_a_prompt_outlives_the_daemon_and_the_password_is_nowhere(tmp_path):
    daemon = RealDaemon(tmp_path).start()
    with daemon.client() as client:
        run = start(
            client, tmp_path, {"id": "a", "run": PROMPTS, "tty": True}, {"id": "b", "run": "true"}
        )
        read_until(client, run, "name? ")
        press(client, run, "bob\r", columns=99, rows=33)
        read_until(client, run, "word? ")
    daemon.kill()
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        press(client, run, f"{SECRET}\r")
        events = to_the_end(client, run)
        shown = client.call(methods.SHOW, runs.RunRef(run))
        text = "".join(event.text for event in events if isinstance(event, StepOutput))
        assert f"bob {len(SECRET)}\r\n" in text
        assert SECRET not in repr(events)
        assert shown.state == "succeeded"
        assert shown.steps[0].outputs == {"size": "33 99"}
        assert daemon.end() == 0
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "flow.db" in files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_only_the_script_is_on_the_terminal_and_not_its_undo(tmp_path):
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        step = {
            "id": "a", "tty": True, "run": "test -t 0 && test -t 1",
            "undo": "! test -t 0 && ! test -t 1 && echo without",
        }  # fmt: skip
        run = start(client, tmp_path, step)
        assert to_the_end(client, run)[-1].state == "succeeded"  # type: ignore[union-attr]
        client.call(methods.UNDO, runs.RunRef(run))
        events = to_the_end(client, run)
        assert events[-1].state == "compensated"  # type: ignore[union-attr]
        assert "without" in "".join(e.text for e in events if isinstance(e, StepOutput))


def test_a_timeout_ends_it_and_a_retry_gets_a_terminal_of_its_own(tmp_path):
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        script = (
            "test $FLOW_ATTEMPT = 2 || { echo -n 'one? '; read -r x; };"
            " echo -n 'two? '; read -r x; test \"$x\" = yes"
        )
        step = {
            "id": "a", "tty": True, "run": script, "timeout": "30s",
            "retry": {"attempts": 2, "delay": "0s"},
        }  # fmt: skip
        run = start(client, tmp_path, step)
        read_until(client, run, "one? ")
        press(client, run, "\x03")  # ends the first attempt
        at = read_until(client, run, "two? ")
        press(client, run, "yes\r")
        events = to_the_end(client, run)
        assert events[-1].state == "succeeded"  # type: ignore[union-attr]
        assert at < events[-1].position


def test_what_is_not_on_a_terminal_now_says_so(tmp_path):
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        run = start(
            client, tmp_path,
            {"id": "a", "tty": True, "run": "echo -n 'x? '; read -r x"},
            {"id": "plain", "needs": [], "run": "sleep 60"},
            {"id": "later", "tty": True, "needs": ["a", "plain"], "run": "true"},
        )  # fmt: skip
        read_until(client, run, "x? ")
        for step, code, says in (
            ("plain", "conflict", "not on a terminal"),
            ("later", "conflict", "not running: it is pending"),
            ("nowhere", "not_found", "no step 'nowhere'"),
        ):
            with pytest.raises(RemoteError) as caught:
                client.call(methods.TYPE, t.TypeParams(run=run, step=step, data="x"))
            assert caught.value.name == code
            assert says in caught.value.message
            assert caught.value.cure
        client.call(methods.CANCEL, runs.RunRef(run))
        to_the_end(client, run)
        with pytest.raises(RemoteError, match="is finished"):
            press(client, run, "x")


def test_lists_name_the_steps_that_are_on_a_terminal_now(tmp_path):
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        run = start(client, tmp_path, {"id": "a", "tty": True, "run": "echo -n 'x? '; read -r x"})
        read_until(client, run, "x? ")
        [row] = client.call(methods.LIST, runs.ListParams()).runs
        assert row.terminals == ["a"]
        press(client, run, "\r")
        to_the_end(client, run)
        [row] = client.call(methods.LIST, runs.ListParams()).runs
        assert row.terminals == []


def test_who_types_sees_what_comes_beyond_the_cap_on_output(tmp_path):
    (tmp_path / "config.toml").write_text("[engine]\noutput_bytes_per_attempt = 65536\n")
    script = 'seq 100000; touch flooded; read -r x; echo "last $x"; read -r x; seq 50000; echo end'
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        run = start(client, tmp_path, {"id": "a", "tty": True, "run": script})
        read_until(client, run, "1000\r\n")
        press(client, run, "word\r")
        at = read_until(client, run, "last word\r\n")
        press(client, run, "\r")
        events = to_the_end(client, run)
    outputs = [event for event in events if isinstance(event, StepOutput)]
    kept = sum(len(event.text) for event in outputs)
    size = len("".join(f"{n}\r\n" for n in [*range(1, 100001), *range(1, 50001)]))
    assert "100000\r\n" in "".join(event.text for event in outputs if event.position <= at)
    assert outputs[-1].text.endswith("end\r\n")
    assert kept < 400_000
    assert kept + sum(event.skipped for event in outputs) >= size


def test_the_prompt_after_a_flood_is_seen_without_a_further_key(tmp_path):
    (tmp_path / "config.toml").write_text("[engine]\noutput_bytes_per_attempt = 65536\n")
    script = "echo -n 'x? '; read -r x; seq 100000; echo -n 'ok? '; read -r x"
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        run = start(client, tmp_path, {"id": "a", "tty": True, "run": script})
        read_until(client, run, "x? ")
        press(client, run, "\r")
        read_until(client, run, "99999\r\n100000\r\nok? ")
        press(client, run, "\r")
        assert to_the_end(client, run)[-1].state == "succeeded"  # type: ignore[union-attr]


def test_a_flood_on_one_terminal_does_not_hold_other_steps_up(tmp_path):
    with real_daemon(tmp_path) as daemon, daemon.client() as client:
        flood = "head -c 10485760 /dev/zero | tr '\\0' x; touch flooded"
        run = start(
            client, tmp_path,
            {"id": "a", "tty": True, "run": flood},
            {"id": "b", "needs": [], "run": "touch b"},
            {"id": "c", "needs": ["b"], "run": "touch c"},
        )  # fmt: skip
        assert to_the_end(client, run)[-1].state == "succeeded"  # type: ignore[union-attr]
    assert all((tmp_path / name).exists() for name in ("flooded", "b", "c"))
