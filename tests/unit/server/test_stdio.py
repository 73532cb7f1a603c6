"""The relay between an editor's standard streams and the daemon's socket."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from flowd.server.stdio import relay_stdio
from flowproto.framing import encode_frame
from support.daemon import ScriptedRuns, nobody_left, services_in, serving
from support.peers import Peer

HELLO = encode_frame(b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}')
LIST = encode_frame(b'{"jsonrpc":"2.0","id":2,"method":"flow/list"}')
RELAY = """
import sys, trio
from flowd.server.stdio import relay_stdio
trio.run(relay_stdio, sys.argv[1])
"""


@pytest.fixture
def services(tmp_path):
    return services_in(tmp_path, ScriptedRuns())


async def run_relay(path: Path, stdin: object, stdout: object) -> int:
    done = await trio.run_process(
        [sys.executable, "-c", RELAY, str(path)], stdin=stdin, stdout=stdout, check=False
    )
    return done.returncode


async def test_an_editor_on_pipes_speaks_to_the_daemon(services):
    async with serving(services) as path, trio.open_nursery() as nursery:
        start = partial(trio.run_process, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        process = await nursery.start(start, [sys.executable, "-c", RELAY, str(path)])
        peer = Peer(trio.StapledStream(process.stdin, process.stdout))
        await peer.initialize()
        assert await peer.result("flow/list") == {"runs": []}
        await peer.stream.send_eof()
        assert await peer.receive() is None
    assert process.returncode == 0


@pytest.mark.parametrize("plain", [True, False])
async def test_requests_in_a_file_or_a_pipe_are_answered_before_the_end(services, tmp_path, plain):
    (tmp_path / "in").write_bytes(HELLO + LIST)
    async with serving(services) as path:
        with (tmp_path / "out").open("wb") as out:
            if plain:
                with (tmp_path / "in").open("rb") as file:
                    assert await run_relay(path, file, out) == 0
            else:
                assert await run_relay(path, HELLO + LIST, out) == 0
    answered = (tmp_path / "out").read_bytes()
    assert answered.count(b"Content-Length") == 2
    assert b'"runs":[]' in answered


async def test_the_end_of_the_daemon_ends_the_relay(services):
    ours, theirs = os.pipe()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery, serving(services) as path:
            nursery.start_soon(run_relay, path, ours, subprocess.DEVNULL)
            while not services.peers:
                await trio.sleep(0.01)
    os.close(ours)
    os.close(theirs)


async def test_an_editor_that_is_gone_ends_the_relay_and_the_session(services):
    reading, writing = os.pipe()
    with trio.fail_after(5):
        async with serving(services) as path:
            os.close(reading)
            assert await run_relay(path, HELLO + LIST, writing) == 0
            await nobody_left(services)
    os.close(writing)


async def test_without_a_daemon_it_says_so(tmp_path):
    with pytest.raises(OSError):
        await relay_stdio(tmp_path / "nobody.sock")


async def test_the_descriptors_are_left_as_they_were(services):
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    os.write(in_write, HELLO)
    os.close(in_write)
    async with serving(services) as path:
        await relay_stdio(path, stdin=in_read, stdout=out_write)
    assert os.get_blocking(in_read)
    assert os.get_blocking(out_write)
    os.close(out_write)
    with os.fdopen(out_read, "rb") as answers:
        assert b"serverInfo" in answers.read()
    os.close(in_read)
