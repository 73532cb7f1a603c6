"""The blocking client and a real server: one round trip, no loss, no repetition, clear errors."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from flowd.domain import events as e
from flowd.errors import StoreUnavailable
from flowproto import methods as m
from flowproto.client import (
    Client,
    ClientError,
    ConnectionLost,
    DaemonUnreachable,
    RemoteError,
    TimedOut,
    connect,
)
from flowproto.connection import Connection
from flowproto.events import StepOutput
from flowproto.framing import FrameDecoder, encode_frame
from flowproto.runs import ListParams, ListResult, RunRef
from support.daemon import ScriptedRuns, nobody_left, output, services_in, serving


@pytest.fixture
def runs() -> ScriptedRuns:
    scripted = ScriptedRuns()
    scripted.begin("abcdef", "a")
    return scripted


@pytest.fixture
def services(tmp_path, runs):
    return services_in(tmp_path, runs)


async def in_thread(work: Callable[..., Any], *args: Any, seconds: float = 10) -> Any:
    """Run blocking work beside the server."""
    with trio.fail_after(seconds):
        return await trio.to_thread.run_sync(partial(work, *args), abandon_on_cancel=True)


def with_client(path: Path, work: Callable[[Client], Any], **options: Any) -> Any:
    with connect(path, **options) as client:
        return work(client)


def seen_by(client: Client, run: str, **options: Any) -> list[int]:
    return [event["position"] for event in client.events(run, **options)]


async def test_what_is_beside_the_events_is_noticed_at_once_and_requests_go_between(services, runs):
    read, write = os.pipe()
    seen: list[bytes] = []

    def work(client: Client) -> list[int]:
        def pulse() -> None:
            if not seen:
                seen.append(os.read(read, 10))
                assert client.request("flow/show", {"run": "abc"})["id"] == "abcdef"
                trio.from_thread.run(runs.tell, "abcdef", e.RunFinished(at=9, state="succeeded"))

        os.write(write, b"key")
        return seen_by(client, "abcdef", pulse=pulse, beside={read})

    async with serving(services) as path:
        positions = await in_thread(with_client, path, work)
    os.close(read)
    os.close(write)
    assert seen == [b"key"]
    assert positions == sorted(set(positions))
    assert len(positions) == len(runs.events)


# -------------------------------------------------------------------------------------- requests


def test_a_call_is_one_round_trip(tmp_path):
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.listen()
    with connect(tmp_path / "s", timeout=0.2) as client:
        served, _ = listening.accept()
        served.settimeout(0.05)
        with pytest.raises(TimeoutError):
            served.recv(1)  # connecting alone says nothing
        with pytest.raises(TimedOut):
            client.request("flow/list")
        assert len(list(FrameDecoder().feed(served.recv(65536)))) >= 3  # all in one go
    served.close()
    listening.close()


async def test_calls_give_structs_and_requests_give_data(services):
    def work(client: Client) -> tuple[ListResult, Any]:
        typed = client.call(m.LIST, ListParams(limit=3))
        return typed, client.request("flow/list", {"limit": 3})

    async with serving(services) as path:
        typed, plain = await in_thread(with_client, path, work)
    assert isinstance(typed, ListResult)
    assert typed.runs[0].id == plain["runs"][0]["id"] == "abcdef"


async def test_the_daemon_learns_the_clients_name_and_the_client_its_version(services, runs):
    def work(client: Client) -> str:
        client.call(m.CANCEL, RunRef("abc"))
        return client.server_version

    async with serving(services) as path:
        assert await in_thread(partial(with_client, path, work, client_name="vi")) == "0.1.0"
    assert runs.asked == [("cancel", "abcdef", "vi")]


async def test_a_refusal_has_its_name_and_its_cure(services):
    def work(client: Client) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            client.call(m.SHOW, RunRef("zzz"))
        assert client.request("flow/list")
        return caught.value

    async with serving(services) as path:
        error = await in_thread(with_client, path, work)
    assert (error.name, error.code, error.cure) == ("not_found", -32053, "flowctl ps lists them")
    assert "zzz" in error.message


async def test_many_requests_come_back_in_their_order(services):
    def work(client: Client) -> list[Any]:
        asked = [{"run": "abc"}, {"run": "zzz"}, {"nonsense": 1}] * 50
        return list(client.requests("flow/show", iter(asked), ahead=7))

    async with serving(services) as path:
        answers = await in_thread(with_client, path, work)
    names = [one.name if isinstance(one, RemoteError) else one["id"] for one in answers]
    assert names == ["abcdef", "not_found", "invalid_params"] * 50


async def test_who_waits_too_long_gives_up_and_the_daemon_with_it(services, runs):
    runs.hold()

    def work(client: Client) -> None:
        with pytest.raises(TimedOut):
            client.request("flow/show", {"run": "abc"}, timeout=0.1)
        assert client.request("flow/list")["runs"]  # the late answer is not taken for this one's
        assert runs.cancelled == ["abcdef"]  # before the connection ends

    async with serving(services) as path:
        await in_thread(with_client, path, work)


async def test_ctrl_c_cancels_the_request_in_the_daemon(services, runs, monkeypatch):
    runs.hold()
    receive = Connection.receive

    def work(client: Client) -> None:
        def interrupted(*_: Any) -> None:
            time.sleep(0.1)  # until the request is under way
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Connection, "receive", interrupted)
            client.request("flow/show", {"run": "abc"})
        assert Connection.receive is receive
        assert client.request("flow/list")
        assert runs.cancelled == ["abcdef"]  # before the connection ends

    async with serving(services) as path:
        await in_thread(with_client, path, work)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"query": "\udcff"}, "not UTF-8"),
        ({"query": "x" * 17_000_000}, "the daemon takes 16777216"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_it_is_sent(services, params, message):
    def work(client: Client) -> None:
        with pytest.raises(ClientError, match=message):
            client.request("flow/list", params)
        assert client.request("flow/list")

    async with serving(services) as path:
        await in_thread(with_client, path, work)


# ------------------------------------------------------------------------------------ no daemon


@pytest.mark.parametrize("what", ["nothing", "file", "dead"])
def test_nobody_there_is_said_with_the_path(tmp_path, what):
    path = tmp_path / "s"
    if what == "file":
        path.write_text("")
    if what == "dead":
        dead = socket.socket(socket.AF_UNIX)
        dead.bind(str(path))
        dead.close()
    with pytest.raises(DaemonUnreachable, match=str(path)):
        connect(path)


def test_the_users_own_socket_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("FLOW_HOME", str(tmp_path))
    with pytest.raises(DaemonUnreachable, match=str(tmp_path / "flowd.sock")):
        connect()


async def test_a_strangers_daemon_is_told_nothing(services, monkeypatch):
    async with serving(services) as path:
        monkeypatch.setattr("flowproto.connection.os.geteuid", lambda: os.getuid() + 1)
        with pytest.raises(DaemonUnreachable, match="belongs to user"):
            await in_thread(connect, path)
        monkeypatch.undo()


@contextmanager
def impostor(path: Path, answer: bytes) -> Iterator[None]:
    """Something that accepts, says `answer` and hangs up."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def serve() -> None:
        served, _ = listening.accept()
        served.recv(65536)
        served.sendall(answer)
        served.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join()
    listening.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", ConnectionLost),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ConnectionLost),
        (b"Content-Length: 50\r\n\r\n{", ConnectionLost),
        (encode_frame(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32064,"message":"full"}}'),
         RemoteError),
        (encode_frame(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}'),
         RemoteError),
    ],
)  # fmt: skip
def test_whatever_else_answers_is_an_error_not_a_riddle(tmp_path, answer, kind):
    with (
        impostor(tmp_path / "s", answer),
        connect(tmp_path / "s") as client,
        pytest.raises(kind),
    ):
        client.request("flow/list")


# ------------------------------------------------------------------------------------- following


async def test_follow_gives_the_past_then_the_present_until_the_end(services, runs):
    def work(client: Client) -> list[Any]:
        return list(client.follow("abc"))

    async with serving(services) as path, trio.open_nursery() as nursery:
        seen: list[Any] = []

        async def look() -> None:
            seen.extend(await in_thread(with_client, path, work))

        nursery.start_soon(look)
        for number in range(20):
            await trio.sleep(0.002)
            await runs.tell("abcdef", output(b"%d" % number))
        await runs.tell("abcdef", e.RunFinished(at=3, state="succeeded"))
    assert [event.position for event in seen] == list(range(1, 23))
    assert isinstance(seen[5], StepOutput)


@pytest.mark.parametrize(("after", "seen"), [(0, [1, 2, 3, 4, 5]), (3, [4, 5]), (5, []), (9, [])])
async def test_only_the_newest_end_is_the_end(services, runs, after, seen):
    runs.write(
        "abcdef",
        e.RunFinished(at=2, state="failed"),
        e.RetryRequested(at=3),
        output(b"x"),
        e.RunFinished(at=5, state="succeeded"),
    )
    async with serving(services) as path:
        work = partial(seen_by, run="abcdef", after=after)
        assert await in_thread(with_client, path, work) == seen


async def test_an_end_of_long_ago_is_not_the_end_of_a_run_that_goes_on(services, runs):
    runs.write("abcdef", e.RunFinished(at=2, state="failed"), e.RetryRequested(at=3))
    async with serving(services) as path, trio.open_nursery() as nursery:

        async def go_on() -> None:
            await trio.sleep(0.1)
            await runs.tell("abcdef", e.RunFinished(at=4, state="succeeded"))

        nursery.start_soon(go_on)
        work = partial(seen_by, run="abcdef")
        assert await in_thread(with_client, path, work) == [1, 2, 3, 4]


async def test_events_of_the_future_are_left_out_of_follow_but_counted(services, runs, monkeypatch):
    runs.write("abcdef", output(b"x"), e.RunFinished(at=5, state="succeeded"))
    monkeypatch.setattr("flowproto.events.EVENT_TYPES", ("run_started", "run_finished"))
    async with serving(services) as path:
        seen = await in_thread(with_client, path, lambda c: [x.position for x in c.follow("abc")])
    assert seen == [1, 3]


async def test_one_client_can_follow_again_from_anywhere(services, runs):
    """Events of the attachment that was left must not be taken for those of the next one."""
    runs.write("abcdef", *[output(b"x" * 2000)] * 300, e.RunFinished(at=5, state="failed"))

    def work(client: Client) -> None:
        for after, count in ((0, 150), (20, 40), (250, 3), (0, 1), (5, 200)):
            events = client.events("abcdef", after)
            seen = [next(events)["position"] for _ in range(count)]
            events.close()
            assert seen == list(range(after + 1, after + count + 1))
            assert client.request("flow/list")["runs"]
        assert seen_by(client, "abcdef", after=290) == list(range(291, 303))

    async with serving(services) as path:
        await in_thread(with_client, path, work)


async def test_what_stops_an_attachment_is_raised(services, runs):
    def work(client: Client) -> RemoteError:
        with pytest.raises(RemoteError) as caught:
            for _ in client.events("abcdef", 1):
                pass
        return caught.value

    async with serving(services) as path, trio.open_nursery() as nursery:

        async def break_it() -> None:
            await trio.sleep(0.1)
            runs.fault = StoreUnavailable("the disk is gone", cure="find it")
            await runs.tell("abcdef", output(b"x"))

        nursery.start_soon(break_it)
        error = await in_thread(with_client, path, work)
    assert (error.name, error.cure) == ("store_unavailable", "find it")


# ------------------------------------------------------------------------ a daemon that restarts


async def test_a_restart_in_the_middle_loses_nothing_and_repeats_nothing(services, runs):
    tries: list[None] = []

    def work(client: Client) -> list[int]:
        return seen_by(client, "abc", patience=5, before_retry=lambda: tries.append(None))

    seen: list[int] = []

    async def look(path: Path) -> None:
        seen.extend(await in_thread(with_client, path, work))

    async with trio.open_nursery() as nursery:
        for life in range(3):
            async with serving(services) as path:
                if life == 0:
                    nursery.start_soon(look, path)
                with trio.fail_after(5):
                    while not services.peers:
                        await trio.sleep(0.01)
                for _ in range(30):
                    await runs.tell("abcdef", output(b"x"))
                    await trio.sleep(0.001)
                if life == 2:
                    await runs.tell("abcdef", e.RunFinished(at=9, state="succeeded"))
                    await nobody_left(services)
    assert seen == list(range(1, 93))
    assert len(tries) >= 2


async def test_without_patience_a_lost_daemon_is_an_error(services):
    async with trio.open_nursery() as nursery, serving(services) as path:

        async def look() -> None:
            with pytest.raises(ConnectionLost):
                await in_thread(with_client, path, partial(seen_by, run="abc"))

        nursery.start_soon(look)
        await trio.sleep(0.1)


async def test_patience_ends(services):
    async with trio.open_nursery() as nursery, serving(services) as path:

        async def look() -> None:
            with pytest.raises(DaemonUnreachable):
                await in_thread(with_client, path, partial(seen_by, run="abc", patience=0.3))

        nursery.start_soon(look)
        await trio.sleep(0.1)


async def test_the_pulse_beats_while_nothing_happens_and_can_end_the_wait(services):
    beats: list[int] = []

    def pulse() -> None:
        beats.append(1)
        if len(beats) == 3:
            raise InterruptedError

    def work(client: Client) -> None:
        with pytest.raises(InterruptedError):
            seen_by(client, "abcdef", after=1, pulse=pulse)
        assert client.request("flow/list")

    async with serving(services) as path:
        await in_thread(with_client, path, work)
