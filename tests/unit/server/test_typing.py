"""`flow/type`: what reaches the terminal of a step, and who may type there."""

import base64

import pytest
import trio

from flowd.errors import Conflict
from support.daemon import ScriptedRuns, nobody_left, services_in, serving
from support.peers import connected

AT = {"run": "abcd", "step": "a"}


@pytest.fixture
def runs() -> ScriptedRuns:
    scripted = ScriptedRuns()
    scripted.begin("abcdef", {"id": "a", "tty": True}, "b")
    return scripted


@pytest.fixture
async def path(tmp_path, runs):
    async with serving(services_in(tmp_path, runs)) as socket:
        yield socket


@pytest.fixture
async def peer(path):
    async with connected(path) as one:
        yield one


async def test_keys_and_sizes_are_handed_on_as_they_are(peer, runs):
    raw = bytes(range(256))
    for more in (
        {"data": "pässword\r"},
        {"data": base64.b64encode(raw).decode(), "encoding": "base64"},
        {"columns": 120, "rows": 40},
        {},
    ):
        assert await peer.result("flow/type", {**AT, **more}) == {
            "run": "abcdef",
            "step": "a",
            "attempt": 1,
        }
    assert runs.typed == [
        ("abcdef", "a", "pässword\r".encode(), None),
        ("abcdef", "a", raw, None),
        ("abcdef", "a", b"", (120, 40)),
        ("abcdef", "a", b"", None),
    ]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"data": "no base64!", "encoding": "base64"}, "not base64"),
        ({"data": "ü", "encoding": "base64"}, "not base64"),
        ({"data": "x" * 4001}, "4000 can be typed at once"),
        ({"columns": 80}, "80 columns and None rows"),
        ({"columns": 0, "rows": 24}, "0 columns"),
        ({"columns": 80, "rows": 65536}, "65536 rows"),
    ],
)
async def test_what_cannot_be_typed_is_refused_with_a_cure(peer, runs, more, says):
    error = await peer.error("flow/type", {**AT, **more})
    assert error["data"]["code"] == "invalid_input"
    assert says in error["message"]
    assert error["data"]["cure"]
    assert runs.typed == []


async def test_one_client_types_at_a_time_and_another_may_take_over(peer, path, runs):
    await peer.result("flow/type", {**AT, "data": "1"})
    async with connected(path) as second:
        error = await second.error("flow/type", {**AT, "data": "2"})
        assert error["data"]["code"] == "conflict"
        assert error["message"] == "tester types at step a"
        assert error["data"]["typist"] == "tester"
        assert "take" in error["data"]["cure"]
        await second.result("flow/type", {**AT, "data": "3", "take": True})
        assert "tester" in (await peer.error("flow/type", {**AT, "data": "4"}))["message"]
    assert [keys for _, _, keys, _ in runs.typed] == [b"1", b"3"]


async def test_the_process_tells_clients_of_one_name_apart(path, runs):
    async with connected(path, hello=False) as first, connected(path) as second:
        hello = {"processId": 4711, "clientInfo": {"name": "flowctl"}, "capabilities": {}}
        await first.request("initialize", hello)
        await first.result("flow/type", AT)
        error = await second.error("flow/type", AT)
    assert error["data"]["typist"] == "flowctl (process 4711)"


async def test_who_leaves_gives_the_keyboard_back(path, runs):
    async with connected(path) as first, connected(path) as second:
        await first.result("flow/type", {**AT, "data": "1"})
        await first.result("flow/detach", {"run": "abcd"})
        await second.result("flow/type", {**AT, "data": "2"})


async def test_who_is_gone_gives_the_keyboard_back(tmp_path, runs):
    services = services_in(tmp_path, runs)
    async with serving(services) as path:
        async with connected(path) as first:
            await first.result("flow/type", {**AT, "data": "1"})
        await nobody_left(services)
        async with connected(path) as second:
            await second.result("flow/type", {**AT, "data": "2"})


async def test_who_was_refused_by_the_engine_does_not_have_the_keyboard(path, runs):
    async with connected(path) as first, connected(path) as second:
        runs.fault = Conflict("step a is not running", data={"again": True})
        error = await first.error("flow/type", {**AT, "data": "1"})
        assert error["data"]["again"] is True
        runs.fault = None
        await second.result("flow/type", {**AT, "data": "2"})


async def test_other_steps_and_runs_have_their_own_keyboards(path, runs):
    runs.begin("xyz", {"id": "a", "tty": True})
    async with connected(path) as first, connected(path) as second:
        await first.result("flow/type", AT)
        await second.result("flow/type", {"run": "xyz", "step": "a"})
        await second.result("flow/type", {**AT, "step": "b"})


async def test_lists_and_events_and_shows_tell_of_terminals(peer, runs):
    [row] = (await peer.result("flow/list"))["runs"]
    assert row["terminals"] == ["a"]
    shown = await peer.result("flow/show", {"run": "abcd"})
    assert [step["tty"] for step in shown["steps"]] == [True, False]
    await peer.result("flow/attach", {"run": "abcd"})
    with trio.fail_after(5):
        event = await peer.next_event()
    assert (event["type"], event["terminals"]) == ("run_started", ["a"])
