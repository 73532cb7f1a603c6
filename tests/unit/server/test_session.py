"""One connection: its life cycle, its answers, and everything a client can do wrong."""

import json
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.errors import Bug
from flowd.server.errors import ProtocolError
from flowd.server.limits import Limits
from flowd.server.peer import Peer as Client
from flowd.server.session import serve_session
from flowproto import codes
from flowproto.framing import encode_frame
from support.daemon import ScriptedRuns, nobody_left, services_in, serving, talking
from support.peers import Peer, connected


@pytest.fixture
def runs() -> ScriptedRuns:
    scripted = ScriptedRuns()
    scripted.begin("abcdef", "a")
    return scripted


@pytest.fixture
def services(tmp_path, runs):
    return services_in(tmp_path, runs)


def error_of(response: dict[str, Any] | None) -> tuple[object, int]:
    assert response is not None, "the daemon closed the connection"
    return response["id"], response["error"]["code"]


# ------------------------------------------------------------------------------------- life cycle


async def test_the_handshake_lists_our_abilities(services):
    async with talking(services, hello=False) as peer:
        result = await peer.initialize()
    ours = result["capabilities"]["experimental"]["flow"]
    assert "flow/attach" in ours["methods"]
    assert "step_output" in ours["events"]
    assert ours["notifications"] == ["flow/event", "flow/detached", "$/progress"]
    assert ours["limits"] == {
        "message_bytes": 16 * 1024 * 1024,
        "requests_in_flight": 64,
        "keys_bytes": 4000,
    }
    assert result["serverInfo"] == {"name": "flowd", "version": "0.1.0"}


async def test_nothing_comes_before_initialize(services):
    async with talking(services, hello=False) as peer:
        for method in ("flow/list", "shutdown", "textDocument/hover"):
            assert (await peer.error(method))["code"] == codes.SERVER_NOT_INITIALIZED
        assert (await peer.error("initialize", {"capabilities": 3}))["code"] == codes.INVALID_PARAMS
        await peer.initialize()
        assert await peer.result("flow/list")


async def test_initialize_comes_once(services):
    async with talking(services) as peer:
        assert (await peer.error("initialize", {}))["code"] == codes.INVALID_REQUEST


async def test_a_client_need_not_wait_for_the_handshake(services):
    async with talking(services, hello=False) as peer:
        await peer.send(
            {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}},
            {"jsonrpc": "2.0", "method": "initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": "flow/list"},
        )
        assert "capabilities" in (await peer.response(1))["result"]
        assert "runs" in (await peer.response(2))["result"]


async def test_shutdown_then_exit_end_the_session(services):
    async with talking(services) as peer:
        assert await peer.result("shutdown") is None
        assert (await peer.error("flow/list"))["code"] == codes.INVALID_REQUEST
        await peer.send({"jsonrpc": "2.0", "method": "exit"})
        assert await peer.receive() is None
    assert services.peers == 0


async def test_exit_cancels_what_is_under_way(services, runs):
    runs.hold()
    async with talking(services) as peer:
        await peer.start("flow/show", {"run": "a"})
        await trio.testing.wait_all_tasks_blocked()
        await peer.send({"jsonrpc": "2.0", "method": "exit"}, {"jsonrpc": "2.0", "id": 9})
        assert await peer.receive() is None
    assert runs.cancelled == ["abcdef"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("flowctl", "flowctl"),
        ("", "unnamed client"),
        ("a\n\x1b[1mb" + "c" * 99, "a[1mb" + "c" * 75),
    ],
)
async def test_a_client_is_recorded_by_its_name_made_harmless(services, runs, given, name):
    async with talking(services, hello=False) as peer:
        await peer.initialize(given)
        await peer.result("flow/cancel", {"run": "a"})
    assert runs.asked == [("cancel", "abcdef", name)]


# ---------------------------------------------------------------------------------- bad messages


@pytest.mark.parametrize(
    ("body", "request_id", "code"),
    [
        (b"", None, codes.PARSE_ERROR),
        (b"{nonsense", None, codes.PARSE_ERROR),
        (b"\xff\x00", None, codes.PARSE_ERROR),
        (b"[" * 200_000, None, codes.PARSE_ERROR),
        (b"[]", None, codes.INVALID_REQUEST),
        (b'[{"jsonrpc":"2.0","id":1,"method":"flow/list"}]', None, codes.INVALID_REQUEST),
        (b'"text"', None, codes.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":7,"method":3}', 7, codes.INVALID_REQUEST),
        (b'{"id":"x","method":"flow/list"}', "x", codes.INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":8,"method":"flow/nothing"}', 8, codes.METHOD_NOT_FOUND),
        (b'{"jsonrpc":"2.0","id":8,"method":"$/nothing"}', 8, codes.METHOD_NOT_FOUND),
        (b'{"jsonrpc":"2.0","id":8,"method":"textDocument/hover"}', 8, codes.METHOD_NOT_FOUND),
        (b'{"jsonrpc":"2.0","id":9,"method":"flow/show","params":"a"}', 9, codes.INVALID_PARAMS),
        (b'{"jsonrpc":"2.0","id":9,"method":"flow/show","params":{"run":"\\ud800"}}', None,
         codes.PARSE_ERROR),
    ],
)  # fmt: skip
async def test_a_bad_message_is_answered_and_the_session_goes_on(services, body, request_id, code):
    async with talking(services) as peer:
        await peer.send_bytes(encode_frame(body))
        assert error_of(await peer.receive()) == (request_id, code)
        assert await peer.result("flow/list")


@pytest.mark.parametrize(
    "message",
    [
        {"method": "flow/cancel", "params": {"run": "abcdef"}},
        {"method": "no/such/thing"},
        {"method": "$/cancelRequest", "params": {"id": 999}},
        {"method": "$/cancelRequest", "params": {"id": [1]}},
        {"method": "$/cancelRequest"},
        {"method": "$/setTrace", "params": {"value": "off"}},
        {"id": 4711, "result": None},
        {"id": "flowd-1", "error": {"code": 1, "message": "never asked"}},
        {"id": None, "error": {"code": 1, "message": "never asked"}},
    ],
)
async def test_what_needs_no_answer_gets_none(services, runs, message):
    async with talking(services) as peer:
        await peer.send({"jsonrpc": "2.0", **message})
        assert await peer.result("flow/list")
    assert runs.asked == []


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", codes.PARSE_ERROR),
        (b"Content-Length: x\r\n\r\n{}", codes.PARSE_ERROR),
        (b"\0" * 5000, codes.PARSE_ERROR),
        (b"Content-Length: 16777217\r\n\r\n{", codes.MESSAGE_TOO_LARGE),
    ],
)
async def test_what_is_no_frame_ends_the_session_with_a_word(services, stream, code):
    async with talking(services) as peer:
        number = await peer.start("flow/list")
        await peer.send_bytes(stream)
        answers = [await peer.receive(), await peer.receive()]
        assert sorted("result" in answer for answer in answers) == [False, True]
        for answer in answers:
            assert answer["id"] == number or error_of(answer) == (None, code)
        assert await peer.receive() is None


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.binary(max_size=400), framed=st.booleans())
def test_random_bytes_never_harm_the_daemon(services, garbage, framed):
    async def scenario() -> None:
        async with serving(services) as path, connected(path) as peer, connected(path) as other:
            await peer.send_bytes(encode_frame(garbage) if framed else garbage)
            await peer.stream.send_eof()
            while await peer.receive() is not None:
                pass
            assert await other.result("flow/list")

    trio.run(scenario)


async def test_half_a_message_and_then_silence_ends_the_session(services, autojump_clock):
    async with talking(services) as peer:
        await trio.sleep(10_000)  # a silent client is fine, as long as it owes nothing
        await peer.send_bytes(b"Content-Length: 5\r\n\r\n{")
        before = trio.current_time()
        assert error_of(await peer.receive()) == (None, codes.PARSE_ERROR)
        assert trio.current_time() - before == pytest.approx(services.limits.half_frame_seconds)
        assert await peer.receive() is None


async def test_a_slow_message_is_taken(services, autojump_clock):
    frame = encode_frame(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "flow/list"}).encode())
    async with talking(services) as peer:
        for byte in frame:
            await peer.send_bytes(bytes([byte]))
            await trio.sleep(20)
        assert (await peer.response(5))["result"]


# --------------------------------------------------------------------------------------- requests


async def test_requests_are_answered_as_they_are_done(services, runs):
    held = runs.hold()
    async with talking(services) as peer:
        slow = await peer.start("flow/show", {"run": "a"})
        assert await peer.result("flow/list")
        held.set()
        assert (await peer.response(slow))["result"]


async def test_a_cancelled_request_is_cancelled_for_real(services, runs):
    held = runs.hold()
    async with talking(services) as peer:
        first = await peer.start("flow/show", {"run": "a"})
        second = await peer.start("flow/show", {"run": "ab"})
        await trio.testing.wait_all_tasks_blocked()
        await peer.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": first}})
        assert error_of(await peer.receive()) == (first, codes.REQUEST_CANCELLED)
        assert runs.cancelled == ["abcdef"]
        held.set()
        assert (await peer.response(second))["result"]


async def test_a_request_can_be_cancelled_in_the_same_breath(services, runs):
    runs.hold()
    async with talking(services) as peer:
        await peer.send(
            {"jsonrpc": "2.0", "id": "x", "method": "flow/show", "params": {"run": "a"}},
            {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "x"}},
        )
        assert error_of(await peer.receive()) == ("x", codes.REQUEST_CANCELLED)


async def test_cancelling_what_was_answered_changes_nothing(services):
    async with talking(services) as peer:
        number = await peer.start("flow/list")
        assert (await peer.response(number))["result"]
        await peer.send({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}})
        assert await peer.result("flow/list")


async def test_every_request_gets_one_response(services):
    async with talking(services) as peer:
        numbers = [await peer.start("flow/list") for _ in range(500)]
        answered = [(await peer.receive())["id"] for _ in numbers]
        assert sorted(answered) == numbers
        with trio.move_on_after(0.05):
            raise AssertionError(f"one answer too many: {await peer.receive()}")


async def test_an_id_in_use_is_refused(services, runs):
    held = runs.hold()
    show = {"jsonrpc": "2.0", "id": 7, "method": "flow/show", "params": {"run": "a"}}
    async with talking(services) as peer:
        await peer.send(show, show)
        assert error_of(await peer.receive()) == (7, codes.INVALID_REQUEST)
        held.set()
        assert "result" in (await peer.response(7))


async def test_a_bug_in_a_handler_is_answered_and_the_session_goes_on(services, runs, caplog):
    async with talking(services) as peer:
        for bug in (ZeroDivisionError("oops"), Bug("impossible")):
            runs.fault = bug
            error = await peer.error("flow/show", {"run": "a"})
            assert (error["code"], error["data"]["code"]) == (codes.BUG, "bug")
        runs.fault = None
        assert await peer.result("flow/show", {"run": "a"})
    assert len([r for r in caplog.records if r.exc_info]) == 2


async def test_with_too_much_in_flight_the_daemon_stops_reading(tmp_path, runs):
    held = runs.hold()
    services = services_in(tmp_path, runs, limits=Limits(requests_in_flight=3))
    async with talking(services) as peer:
        numbers = [await peer.start("flow/show", {"run": "a"}) for _ in range(4)]
        beyond = await peer.start("flow/list")
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.05):
            raise AssertionError(f"read too far: {await peer.receive()}")
        await peer.send(
            {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": numbers[0]}}
        )
        held.set()
        answered = {(await peer.receive())["id"] for _ in range(5)}
        assert answered == {*numbers, beyond}


# -------------------------------------------------------------------------------------- departure


async def test_who_only_stops_sending_still_gets_answers(services, runs):
    held = runs.hold()
    async with serving(services) as path, connected(path) as peer:
        number = await peer.start("flow/show", {"run": "a"})
        await peer.stream.send_eof()
        await trio.sleep(0.05)
        held.set()
        assert (await peer.response(number))["result"]
        assert await peer.receive() is None


@pytest.mark.parametrize("cut", [b"", b"Content-Length: 9", b"Content-Length: 9\r\n\r\n{"])
async def test_requests_of_who_is_gone_are_cancelled(services, runs, cut):
    runs.hold()
    async with serving(services) as path:
        async with connected(path) as peer:
            await peer.start("flow/show", {"run": "a"})
            await peer.send_bytes(cut)
            await trio.sleep(0.02)
        await nobody_left(services)
        assert runs.cancelled == ["abcdef"]
        async with connected(path) as other:
            assert await other.result("flow/list")


async def test_who_leaves_without_reading_the_answers_is_taken_calmly(services, runs, caplog):
    async with serving(services) as path:
        for _ in range(20):
            async with connected(path, hello=False) as peer:
                await peer.send({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
                for _ in range(30):
                    await peer.start("flow/list")
        await nobody_left(services)
    assert caplog.records == []


# ---------------------------------------------------------------------------- the editor's half


class Editor:
    """The editor's half, writing down what reaches it."""

    def __init__(self, client: Client):
        self.client = client
        self.seen: list[tuple[str, object]] = []

    def capabilities(self) -> dict[str, Any]:
        return {"hoverProvider": True, "experimental": {"other": 1}}

    async def request(self, method: str, params: Any) -> object:
        self.seen.append((method, params and json.loads(bytes(params))))
        if method == "textDocument/hover":
            return {"contents": "hello"}
        if method == "workspace/executeCommand":
            return await self.client.request("workspace/applyEdit", {"edit": {}})
        raise ProtocolError(codes.METHOD_NOT_FOUND, f"no {method}")

    async def notify(self, method: str, params: Any) -> None:
        if method == "textDocument/broken":
            raise ZeroDivisionError
        self.seen.append((method, params and json.loads(bytes(params))))


@pytest.fixture
def editors(services) -> list[Editor]:
    opened: list[Editor] = []

    async def open_editor(_, client, initialize) -> Editor:
        assert initialize is not None
        opened.append(Editor(client))
        return opened[-1]

    services.open_lsp = open_editor
    return opened


async def test_what_is_not_ours_goes_to_the_editors_half_in_order(services, editors):
    async with talking(services, hello=False) as peer:
        result = await peer.initialize()
        assert result["capabilities"]["hoverProvider"] is True
        assert set(result["capabilities"]["experimental"]) == {"other", "flow"}
        for version in range(5):
            await peer.send(
                {"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"v": version}}
            )
        hover = await peer.result("textDocument/hover", {"line": 1})
        assert hover == {"contents": "hello"}
        assert (await peer.error("textDocument/other"))["code"] == codes.METHOD_NOT_FOUND
        assert await peer.result("flow/list")
    assert editors[0].seen == [
        ("initialized", {}),
        *[("textDocument/didChange", {"v": version}) for version in range(5)],
        ("textDocument/hover", {"line": 1}),
        ("textDocument/other", None),
    ]


async def test_a_bug_in_a_notification_does_not_end_the_session(services, editors, caplog):
    async with talking(services) as peer:
        await peer.send({"jsonrpc": "2.0", "method": "textDocument/broken"})
        assert await peer.result("textDocument/hover")
    assert "ZeroDivisionError" in caplog.text


async def test_who_is_no_editor_does_not_load_that_half(services, editors):
    async with talking(services, hello=False) as peer:
        result = await peer.initialize(experimental={"flow": {"editor": False}})
        assert "hoverProvider" not in result["capabilities"]
        assert (await peer.error("textDocument/hover"))["code"] == codes.METHOD_NOT_FOUND
    assert editors == []


@pytest.mark.parametrize("refuses", [False, True])
async def test_the_daemon_can_ask_the_client(services, editors, refuses):
    async with talking(services) as peer:
        number = await peer.start("workspace/executeCommand", {})
        asked = await peer.receive()
        assert asked["method"] == "workspace/applyEdit"
        answer = {"error": {"code": 1, "message": "no"}} if refuses else {"result": {"done": True}}
        await peer.send({"jsonrpc": "2.0", "id": asked["id"], **answer})
        response = await peer.response(number)
        assert ("error" in response) is refuses
        if not refuses:
            assert response["result"] == {"done": True}


async def test_a_session_that_is_cancelled_closes_its_stream(services):
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        await Peer(ours).initialize()
        nursery.cancel_scope.cancel()
    assert await Peer(ours).receive() is None
    assert services.peers == 0
