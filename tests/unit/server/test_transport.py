"""The socket: only its owner reaches it, a dead daemon's is replaced, a living one's is not."""

import os
import socket
import stat
from pathlib import Path

import pytest
import trio

from flowd.errors import Conflict, InvalidInput
from flowd.server.limits import Limits
from flowd.server.transport import (
    make_private,
    may_connect,
    open_socket,
    peer_uid,
    serve_socket,
    serve_streams,
)
from flowproto import codes
from support.daemon import ScriptedRuns, nobody_left, services_in, serving
from support.peers import Peer, connected


@pytest.fixture
def runs() -> ScriptedRuns:
    return ScriptedRuns()


@pytest.fixture
def services(tmp_path, runs):
    return services_in(tmp_path, runs)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


# ---------------------------------------------------------------------------------------- privacy


@pytest.mark.parametrize(
    ("uid", "own", "served"),
    [(1000, 1000, True), (0, 0, True), (0, 1000, False), (1001, 1000, False)],
)
def test_only_the_own_user_is_served_not_even_root(uid, own, served):
    assert may_connect(uid, own) is served


async def test_the_kernel_says_who_connects(services):
    async with serving(services) as path:
        stream = await trio.open_unix_socket(str(path))
        assert peer_uid(stream.socket) == os.geteuid()
        await stream.aclose()


async def test_a_stranger_gets_not_a_byte(services, monkeypatch):
    monkeypatch.setattr("flowd.server.transport.os.geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr("flowd.server.transport.make_private", lambda folder: None)
    async with serving(services) as path, await trio.open_unix_socket(str(path)) as stream:
        with trio.fail_after(5):
            assert await stream.receive_some() == b""
        assert services.peers == 0


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_socket_and_folder_are_private_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with open_socket(tmp_path / "new" / "folder" / "s.sock"):
            assert mode_of(tmp_path / "new" / "folder" / "s.sock") == 0o600
            assert mode_of(tmp_path / "new" / "folder") == 0o700
        assert os.umask(umask) == umask, "the umask of the process is as it was"
    finally:
        os.umask(before)


def test_a_folder_that_was_open_is_closed(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    make_private(tmp_path / "open")
    assert mode_of(tmp_path / "open") == 0o700


def test_a_folder_of_somebody_else_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("flowd.server.transport.os.geteuid", lambda: os.getuid() + 1)
    with pytest.raises(InvalidInput, match="belongs to user") as caught:
        make_private(tmp_path)
    assert "FLOW_HOME" in caught.value.cure


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot hold the socket"):
        make_private(tmp_path / "file" / "folder")


# ----------------------------------------------------------------------------- who was there before


def test_the_socket_is_removed_at_the_end(tmp_path):
    with open_socket(tmp_path / "s.sock"):
        assert (tmp_path / "s.sock").exists()
    assert not (tmp_path / "s.sock").exists()


def test_a_dead_daemons_socket_is_replaced(tmp_path):
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "s.sock"))
    dead.listen()
    dead.close()
    with open_socket(tmp_path / "s.sock"):
        probe = socket.socket(socket.AF_UNIX)
        probe.connect(str(tmp_path / "s.sock"))
        probe.close()


def test_a_living_daemons_socket_is_left_alone(tmp_path):
    with open_socket(tmp_path / "s.sock"):
        inode = (tmp_path / "s.sock").stat().st_ino
        with pytest.raises(Conflict, match="another daemon"), open_socket(tmp_path / "s.sock"):
            pass
        assert (tmp_path / "s.sock").stat().st_ino == inode


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(tmp_path, kind):
    path = tmp_path / "s.sock"
    {
        "file": lambda: path.write_text("precious"),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(tmp_path / "elsewhere"),
    }[kind]()
    with pytest.raises(InvalidInput, match="is not a socket"), open_socket(path):
        pass
    assert path.is_symlink() or path.exists()


def test_a_socket_that_another_daemon_put_there_meanwhile_stays(tmp_path):
    path = tmp_path / "s.sock"
    with open_socket(path):
        path.unlink()
        other = socket.socket(socket.AF_UNIX)
        other.bind(str(path))
    assert path.exists()
    other.close()


def test_a_path_the_kernel_cannot_hold_is_refused_with_a_cure(tmp_path):
    with pytest.raises(InvalidInput, match="too long"), open_socket(tmp_path / ("x" * 120)):
        pass


# ---------------------------------------------------------------------------------------- serving


async def test_a_socket_handed_over_is_served_and_left_in_place(services, tmp_path):
    path = tmp_path / "handed.sock"
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_socket, services, services.paths.socket, [listening])
        async with connected(path) as peer:
            assert await peer.result("flow/list")
        assert not services.paths.socket.exists()
        nursery.cancel_scope.cancel()
    assert path.exists()


async def test_two_hundred_connections_at_once(services, runs):
    runs.begin("abcdef", "a")
    done = 0

    async def one(path: Path) -> None:
        nonlocal done
        async with connected(path) as peer:
            await peer.result("flow/attach", {"run": "abcdef"})
            assert (await peer.next_event())["type"] == "run_started"
            done += 1
            await everybody.wait()
            assert await peer.result("flow/list")

    everybody = trio.Event()
    with trio.fail_after(20):
        async with serving(services) as path:
            async with trio.open_nursery() as nursery:
                for _ in range(200):
                    nursery.start_soon(one, path)
                while done < 200:
                    await trio.sleep(0.01)
                assert services.peers == 200
                everybody.set()
            await nobody_left(services)


async def test_too_many_connections_are_told_so(tmp_path, runs):
    services = services_in(tmp_path, runs, limits=Limits(peers=2))
    async with serving(services) as path:
        async with connected(path), connected(path) as second:
            async with connected(path, hello=False) as third:
                refused = await third.receive()
                assert (refused["id"], refused["error"]["code"]) == (None, codes.BUSY)
                assert await third.receive() is None
            assert await second.result("flow/list")
        await nobody_left(services)
        async with connected(path) as again:
            assert await again.result("flow/list")


async def test_a_bug_in_a_session_costs_only_that_session(services, monkeypatch, caplog):
    async with serving(services) as path, connected(path) as other:

        def broken(*_: object) -> None:
            raise ZeroDivisionError

        with monkeypatch.context() as patch:
            patch.setattr("flowd.server.session.FrameDecoder", broken)
            async with connected(path, hello=False) as victim:
                assert await victim.receive() is None
        assert await other.result("flow/list")
    assert "a session ended in a bug" in caplog.text


async def test_a_pair_of_streams_is_served_alike(services):
    to_daemon, from_client = trio.testing.memory_stream_one_way_pair()
    to_client, from_daemon = trio.testing.memory_stream_one_way_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_streams, services, from_client, to_client)
        peer = Peer(trio.StapledStream(to_daemon, from_daemon))
        await peer.initialize()
        assert await peer.result("flow/list")
        await peer.stream.send_eof()
        assert await peer.receive() is None
