"""Following runs: everything once, in order, whatever the client does and however slow it is."""

import random
import socket

import pytest
import trio
import trio.testing

from flowd.domain import events as e
from flowd.errors import StoreUnavailable
from flowd.server import subscriptions
from flowd.server.limits import Limits
from flowd.server.session import serve_session
from support.daemon import ScriptedRuns, nobody_left, output, services_in, serving, talking
from support.peers import Peer, connected


@pytest.fixture
def runs() -> ScriptedRuns:
    scripted = ScriptedRuns()
    scripted.begin("abcdef", "a")
    return scripted


@pytest.fixture
def services(tmp_path, runs):
    return services_in(tmp_path, runs)


def positions(runs: ScriptedRuns, run: str, after: int = 0) -> list[int]:
    return [known.position for known in runs.events if known.run == run and known.position > after]


async def take(peer: Peer, count: int) -> list[int]:
    return [(await peer.next_event())["position"] for _ in range(count)]


async def assert_silent(peer: Peer) -> None:
    """Nothing more comes, even after everybody had a turn."""
    assert peer.events == []
    with trio.move_on_after(0.03):
        raise AssertionError(f"unexpected: {await peer.receive()}")


# ------------------------------------------------------------------------------------ the basics


async def test_attach_replays_then_follows(services, runs):
    async with talking(services) as peer:
        answer = await peer.result("flow/attach", {"run": "ab"})
        assert answer == {"run": "abcdef", "position": 1, "state": "running"}
        first = await peer.next_event()
        assert (first["type"], first["position"], first["run"]) == ("run_started", 1, "abcdef")
        await assert_silent(peer)
        await runs.tell("abcdef", output(b"hello"))
        live = await peer.next_event()
        assert (live["type"], live["text"]) == ("step_output", "hello")


@pytest.mark.parametrize(("given", "seen"), [(0, 1), (-5, 1), (1, 2), (2, 3)])
async def test_from_is_the_last_position_seen(services, runs, given, seen):
    runs.write("abcdef", output(b"2"), output(b"3"))
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef", "from": given})
        assert await take(peer, 1) == [seen]


async def test_from_the_newest_or_beyond_waits_for_what_is_new(services, runs):
    runs.write("abcdef", output(b"2"))
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef", "from": 2})
        await assert_silent(peer)
        await runs.tell("abcdef", output(b"3"))
        assert await take(peer, 1) == [3]
        await peer.result("flow/attach", {"run": "abcdef", "from": 5})
        await runs.tell("abcdef", output(b"4"), output(b"5"), output(b"6"))
        assert await take(peer, 1) == [6]


async def test_a_long_history_comes_whole(services, runs, monkeypatch):
    monkeypatch.setattr(subscriptions, "SEND_AT_ONCE", 1000)
    runs.write("abcdef", *[output(b"x" * (number % 700)) for number in range(1000)])
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef"})
        assert await take(peer, 1001) == positions(runs, "abcdef")


async def test_several_runs_are_followed_side_by_side(services, runs):
    runs.begin("second", "a")
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef"})
        await peer.result("flow/attach", {"run": "second"})
        for number in range(20):
            await runs.tell("second" if number % 2 else "abcdef", output(b"x"))
        seen: dict[str, list[int]] = {"abcdef": [], "second": []}
        for _ in range(22):
            event = await peer.next_event()
            seen[event["run"]].append(event["position"])
    assert seen == {run: positions(runs, run) for run in seen}


async def test_a_finished_run_that_goes_on_is_followed_on(services, runs):
    runs.write("abcdef", e.RunFinished(at=2, state="succeeded"))
    async with talking(services) as peer:
        assert (await peer.result("flow/attach", {"run": "abcdef"}))["state"] == "succeeded"
        assert await take(peer, 2) == [1, 2]
        await runs.tell("abcdef", e.RollbackStarted(at=3, cause="undo", steps=["a"]))
        assert (await peer.next_event())["type"] == "rollback_started"


async def test_after_detach_nothing_comes(services, runs):
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef"})
        await take(peer, 1)
        assert (await peer.result("flow/detach", {"run": "abc"}))["run"] == "abcdef"
        await runs.tell("abcdef", output(b"x"))
        await assert_silent(peer)
        assert await peer.result("flow/detach", {"run": "abc"})


async def test_attaching_again_replaces_and_the_answer_parts_the_two(services, runs):
    runs.write("abcdef", *[output(b"x")] * 50)
    async with talking(services) as peer:
        first = await peer.start("flow/attach", {"run": "abcdef"})
        second = await peer.start("flow/attach", {"run": "abcdef", "from": 30})
        answered = [await peer.response(first), await peer.response(second)]
        assert all("result" in answer for answer in answered)
        peer.events.clear()  # of the first attachment
        assert await take(peer, 21) == list(range(31, 52))
        await assert_silent(peer)


async def test_nothing_of_the_older_attachment_comes_after_the_newer_ones_answer(services, runs):
    """The older one waits for its turn to write at the moment it is replaced."""
    runs.write("abcdef", *[output(b"x")] * 50)
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        peer = Peer(ours)
        await peer.initialize()
        attach = {"jsonrpc": "2.0", "method": "flow/attach"}
        await peer.send(
            {**attach, "id": "older", "params": {"run": "abcdef"}},
            {**attach, "id": "newer", "params": {"run": "abcdef", "from": 40}},
        )
        await trio.testing.wait_all_tasks_blocked()
        assert "result" in await peer.response("older")
        await trio.testing.wait_all_tasks_blocked()
        assert "result" in await peer.response("newer")
        peer.events.clear()
        assert await take(peer, 11) == list(range(41, 52))
        nursery.cancel_scope.cancel()


async def test_attaching_to_nothing_keeps_what_was_attached(services, runs):
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef"})
        assert (await peer.error("flow/attach", {"run": "zzz"}))["data"]["code"] == "not_found"
        peer.events.clear()
        await runs.tell("abcdef", output(b"x"))
        assert (await take(peer, 1))[-1] in (1, 2)


async def test_an_attachment_that_cannot_go_on_says_why(services, runs):
    async with talking(services) as peer:
        await peer.result("flow/attach", {"run": "abcdef"})
        await take(peer, 1)
        runs.fault = StoreUnavailable("the disk is gone", cure="find it")
        await runs.tell("abcdef", output(b"x"))
        lost = await peer.next_event()
        assert lost["run"] == "abcdef"
        assert lost["error"]["data"] == {"code": "store_unavailable", "cure": "find it"}
        runs.fault = None
        await peer.result("flow/attach", {"run": "abcdef", "from": 1})
        assert await take(peer, 1) == [2]


# ------------------------------------------------------------------------- without loss, not twice


@pytest.mark.parametrize("seed", range(12))
async def test_any_client_sees_everything_once_and_in_order(services, runs, seed):
    """Clients attach, leave, come back anywhere and change their mind, while events happen."""
    chance = random.Random(seed)
    runs.begin("other", "a")

    async def happen() -> None:
        for number in range(200):
            run = chance.choice(["abcdef", "abcdef", "other"])
            await runs.tell(run, *[output(b"%d" % number)] * chance.choice([1, 1, 5]))
            for _ in range(chance.choice([0, 0, 0, 3, 30])):
                await trio.lowlevel.checkpoint()
        await runs.tell("abcdef", e.RunFinished(at=9, state="failed"))

    async def look(path, number: int) -> None:
        mind = random.Random(f"{seed}-{number}")
        after = 0
        while not (finished() and after >= positions(runs, "abcdef")[-1]):
            async with connected(path) as peer:
                while mind.random() < 0.8:
                    if mind.random() < 0.3:
                        after = mind.randrange(0, positions(runs, "abcdef")[-1])
                    await peer.result("flow/attach", {"run": "abcdef", "from": after})
                    peer.events.clear()
                    seen, wanted = [], mind.choice([0, 1, 3, 40, 1000])
                    while len(seen) < wanted and not (seen and is_last(seen[-1])):
                        seen += await take(peer, 1)
                    assert seen == positions(runs, "abcdef", after)[: len(seen)]
                    after = seen[-1] if seen else after
                    if is_last(after):
                        break

    def is_last(position: int) -> bool:
        return isinstance(runs.events[position - 1].event, e.RunFinished)

    def finished() -> bool:
        return isinstance(runs.events[-1].event, e.RunFinished)

    with trio.fail_after(20):
        async with serving(services) as path, trio.open_nursery() as nursery:
            nursery.start_soon(happen)
            for number in range(4):
                nursery.start_soon(look, path, number)


# ------------------------------------------------------------------------------------- slow clients


async def test_who_never_reads_slows_nobody_else(services, runs):
    async with serving(services) as path, connected(path) as stuck, connected(path) as quick:
        await stuck.result("flow/attach", {"run": "abcdef"})
        await quick.result("flow/attach", {"run": "abcdef"})
        with trio.fail_after(10):
            for _ in range(100):
                await runs.tell("abcdef", *[output(b"x" * 1000)] * 20)
            assert await take(quick, 2001) == positions(runs, "abcdef")
            assert await quick.result("flow/list")
        # It was only slow: what it did not read is still all there, in order.
        assert await take(stuck, 2001) == positions(runs, "abcdef")


async def test_who_never_reads_is_dropped_in_the_end(services, runs, autojump_clock, caplog):
    ours, theirs = trio.testing.lockstep_stream_pair()
    runs.write("abcdef", output(b"x"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        peer = Peer(ours)
        await peer.initialize("sleepy")
        await peer.result("flow/attach", {"run": "abcdef"})
        before = trio.current_time()
        while services.peers:
            await trio.sleep(0.1)
        waited = trio.current_time() - before
    assert waited == pytest.approx(services.limits.write_seconds, abs=0.3)
    assert "sleepy did not read for 30 s" in caplog.text


async def test_a_reader_slower_than_events_is_not_dropped(services, runs, autojump_clock):
    ours, theirs = trio.testing.lockstep_stream_pair()
    runs.write("abcdef", *[output(b"x" * 1000)] * 300)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        peer = Peer(ours)
        await peer.initialize()
        await peer.result("flow/attach", {"run": "abcdef"})
        seen = []
        for _ in range(301):
            seen += await take(peer, 1)
            await trio.sleep(0.2)
        nursery.cancel_scope.cancel()
    assert seen == positions(runs, "abcdef")


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(tmp_path, runs):
    runs.write("abcdef", *[output(b"x" * 100_000)] * 20)
    services = services_in(tmp_path, runs, limits=Limits(write_seconds=1000))
    with trio.fail_after(5):
        async with serving(services) as path, connected(path) as stuck:
            await stuck.result("flow/attach", {"run": "abcdef"})
            await trio.sleep(0.1)
        await nobody_left(services)


async def test_frames_stay_whole_when_an_attachment_ends_while_it_writes(services, runs):
    runs.write("abcdef", *[output(b"x" * 90_000)] * 20)
    async with serving(services) as path, connected(path) as peer:
        for after in (0, 3, 5):
            attach = await peer.start("flow/attach", {"run": "abcdef", "from": after})
            await trio.sleep(0.05)  # the socket is full now, in the middle of a frame
            detach = await peer.start("flow/detach", {"run": "abcdef"})
            await trio.sleep(0.05)  # the daemon has ended it before we read on
            assert "result" in await peer.response(attach)
            assert "result" in await peer.response(detach)
            seen = [message["params"]["position"] for message in peer.events]
            assert seen == positions(runs, "abcdef", after)[: len(seen)]
            assert 0 < len(seen) < 15
            peer.events.clear()


async def test_who_takes_no_answers_is_dropped_at_once(services):
    async with serving(services) as path, connected(path) as peer:
        peer.stream.socket.shutdown(socket.SHUT_RD)
        await peer.start("flow/list")
        await nobody_left(services)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_frames_stay_whole_when_requests_are_cancelled_while_writing(
    services, runs, cancelled
):
    """Big answers through a narrow stream: a cancellation must never cut one."""
    runs.write("abcdef", *[output(b"x" * 50_000)] * 8)
    async with serving(services) as path, connected(path) as peer:
        numbers = [await peer.start("flow/logs", {"run": "abcdef"}) for _ in range(12)]
        await trio.sleep(0.05)  # the socket is full now, and answers wait for their turn
        for number in numbers if cancelled else []:
            await peer.send(
                {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": number}}
            )
        answers = [await peer.receive() for _ in numbers]
        assert sorted(answer["id"] for answer in answers) == numbers
