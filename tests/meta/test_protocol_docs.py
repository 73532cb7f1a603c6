"""PROTOCOL.md and schema.json say what the code does."""

import json
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import trio
import trio.testing

from flowd.server.limits import Limits
from flowd.server.session import serve_session
from flowproto import events, schema
from flowproto.methods import METHODS
from support.daemon import ScriptedRuns, services_in
from support.peers import Peer

PROSE = schema.PROSE_FILE.read_text(encoding="utf-8")


def test_tables_and_schema_are_up_to_date():
    stale = [path.name for path in schema.outdated()]
    assert stale == [], "run python -m flowproto.schema"


def test_the_generator_can_check_from_the_command_line(tmp_path, monkeypatch, capsys):
    command = [sys.executable, "-m", "flowproto.schema", "--check"]
    assert subprocess.run(command, check=False).returncode == 0
    (tmp_path / "schema.json").write_text("{}")
    monkeypatch.setattr(schema, "SCHEMA_FILE", tmp_path / "schema.json")
    assert schema.main(["--check"]) == 1
    assert "schema.json is not up to date" in capsys.readouterr().out
    assert schema.main([]) == 0
    assert schema.main(["--check"]) == 0


def test_the_schema_is_one_that_validators_take():
    document = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))
    for definition in document["$defs"].values():
        jsonschema.Draft202012Validator.check_schema(definition)
    assert set(document["methods"]) == {method.name for method in METHODS}


def validate(document: dict[str, Any], reference: dict[str, Any], content: object) -> None:
    jsonschema.validate(content, {**reference, "$defs": document["$defs"]})


def test_the_schema_accepts_and_refuses_what_the_structs_do():
    document = json.loads(schema.SCHEMA_FILE.read_text(encoding="utf-8"))
    attach = document["methods"]["flow/attach"]["params"]
    validate(document, attach, {"run": "x", "from": 3})
    for wrong in ({}, {"run": 3}, {"run": "x", "form": 3}):
        with pytest.raises(jsonschema.ValidationError):
            validate(document, attach, wrong)
    event = document["notifications"]["flow/event"]["params"]
    parked = {"type": "run_parked", "position": 1, "run": "x", "at": 5, "reason": "r"}
    validate(document, event, parked)
    assert events.decode_event(parked) is not None


def test_the_limits_are_the_ones_the_server_has():
    limits = Limits()
    rows = dict(re.findall(r"^\| ([a-z ,]+) \| ([^|]+) \|", PROSE, re.MULTILINE))
    assert rows["a message"] == f"{limits.message_bytes // 1024**2} MiB"
    assert rows["requests in flight, for one client"] == str(limits.requests_in_flight)
    assert rows["half a message, and then silence"] == f"{limits.half_frame_seconds:g} s"
    assert rows["a client that does not read"] == f"{limits.write_seconds:g} s"
    assert rows["clients"] == str(limits.peers)


def example_bytes() -> bytes:
    """The bytes the example shows, as a client would send them."""
    example = PROSE.partition("### Example")[2].partition("and what comes back")[0]
    lines = re.findall(r"^    (.*)$", example, re.MULTILINE)
    return "".join(lines).replace("\\r\\n", "\r\n").encode()


async def test_the_example_works_byte_for_byte(tmp_path):
    ours, theirs = trio.testing.memory_stream_pair()
    runs = ScriptedRuns()
    runs.begin("8w3k0v5c2q", "a", name="release")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services_in(tmp_path, runs), theirs)
        peer = Peer(ours)
        await peer.send_bytes(example_bytes())
        with trio.fail_after(2):
            assert "capabilities" in (await peer.response(1))["result"]
            [row] = (await peer.response(2))["result"]["runs"]
        assert (row["id"], row["name"], row["state"]) == ("8w3k0v5c2q", "release", "running")
        nursery.cancel_scope.cancel()


def test_every_frame_shown_has_its_right_length():
    shown = re.findall(
        r"Content-Length: (\d+)\\r\\n\n    \\r\\n\n    (\{.*\})$", PROSE, re.MULTILINE
    )
    assert len(shown) == 4
    for length, body in shown:
        assert int(length) == len(body.encode())
        json.loads(body)
