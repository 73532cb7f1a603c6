"""When a server is called, when not, and what is remembered of it: on a clock of the test's."""

import pytest
import trio
from trio.testing import MockClock

from flowd.config import SecretSource
from flowd.domain.usage import Tokens
from flowd.errors import ProviderFailed
from flowd.suggest.context import Context
from flowd.suggest.providers.base import Question
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.model_failures import cut_short, refused
from flowd.suggest.reliability.accounts import Account
from flowd.suggest.reliability.breaker import FAILURES, FIRST_REST
from flowd.suggest.reliability.calling import Caller
from support.memory_books import MemoryBooks

TURNS = [Turn("user", "hello")]


class Server:
    """Does for each request what its script says: an error, a text, or seconds to be silent."""

    def __init__(self, *script: ProviderFailed | str | float) -> None:
        self.script = list(script)
        self.calls: list[tuple[float, str]] = []

    async def complete(self, endpoint: Endpoint, turns: list[Turn], heard: Heard) -> None:
        self.calls.append((trio.current_time(), endpoint.key))
        doing = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(doing, float):
            await trio.sleep(doing)
        elif isinstance(doing, ProviderFailed):
            await trio.lowlevel.checkpoint()
            raise doing
        else:
            await trio.lowlevel.checkpoint()
            heard.tell(doing)
            heard.tokens = Tokens(10, 2)
            heard.finished = True


def caller(server: Server, **more: object) -> Caller:
    settings = {"name": "it", "model": "m", "address": "http://127.0.0.1:9", "key": "k", **more}
    return Caller(Endpoint(**settings), server.complete, chance=lambda: 0.0)  # type: ignore[arg-type]


async def ask(asking: Caller, seconds: float = 5.0, **more: object) -> str:
    """Ask with so many seconds to go, as the pipeline does."""
    deadline = trio.current_time() + seconds
    question = Question(task="t", context=Context(cwd="/"), deadline=deadline, **more)  # type: ignore[arg-type]
    with trio.move_on_at(deadline):
        return await asking.ask(TURNS, question)
    return "(nothing)"


async def test_it_is_tried_again_with_longer_pauses(autojump_clock: MockClock):
    server = Server(refused("it", 500, ""), refused("it", 503, ""), "there")
    start = trio.current_time()
    assert await ask(caller(server)) == "there"
    assert [round(at - start, 2) for at, _ in server.calls] == [0, 0.25, 0.75]


async def test_the_time_a_server_asks_for_is_waited_and_no_less(autojump_clock: MockClock):
    server = Server(refused("it", 429, "", 2.0), "there")
    assert await ask(caller(server)) == "there"
    assert server.calls[1][0] - server.calls[0][0] >= 2


async def test_what_cannot_help_is_not_done(autojump_clock: MockClock):
    for error in (refused("it", 401, ""), cut_short("it", "length"), refused("it", 429, "", 60)):
        server = Server(error, "there")
        with pytest.raises(ProviderFailed):
            await ask(caller(server))
        assert len(server.calls) == 1


async def test_a_server_that_says_nothing_is_left_alone_in_the_end(autojump_clock: MockClock):
    server = Server(60.0)
    asking = caller(server)
    for _ in range(FAILURES):
        assert await ask(asking, seconds=1.0) == "(nothing)"
    with pytest.raises(ProviderFailed, match="left alone for another 10 s"):
        await ask(asking)
    assert len(server.calls) == FAILURES


async def test_being_called_off_early_is_not_its_fault(autojump_clock: MockClock):
    asking = caller(Server(60.0))
    for _ in range(FAILURES + 1):
        with trio.move_on_after(1):
            await ask(asking, seconds=30.0)
    assert asking.breaker.rests_for(trio.current_time()) == 0


async def test_after_the_rest_one_request_goes_out_to_see(autojump_clock: MockClock):
    server = Server(*[refused("it", 500, "")] * FAILURES, 0.5, "there")
    asking = caller(server)
    with pytest.raises(ProviderFailed):
        await ask(asking)
    await trio.sleep(FIRST_REST)
    results: list[str] = []

    async def try_it() -> None:
        try:
            results.append(await ask(asking))
        except ProviderFailed as error:
            results.append(error.message)

    server.script = ["there"]
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(try_it)
    assert results.count("there") == 1
    assert sum("left alone" in result for result in results) == 2
    assert await ask(asking) == "there"


async def test_a_bucket_makes_it_wait_or_says_that_it_would_be_too_late(
    autojump_clock: MockClock,
):
    server = Server("there")
    asking = caller(server, requests_per_minute=6.0)
    assert await ask(asking) == "there"
    with pytest.raises(ProviderFailed, match="for 10 s more") as told:
        await ask(asking)
    assert "requests_per_minute" in told.value.cure
    assert await ask(asking, seconds=20.0) == "there"
    assert server.calls[1][0] - server.calls[0][0] == pytest.approx(10)


async def test_a_key_is_looked_up_once_and_again_when_it_is_refused(autojump_clock: MockClock):
    keys = iter(["old", "new"])

    async def look_up(source: SecretSource) -> str:
        await trio.lowlevel.checkpoint()
        assert source.command == ["show"]
        return next(keys)

    server = Server("there", refused("it", 401, "expired"), "there")
    asking = caller(server, key="", key_source=SecretSource(command=["show"]))
    assert await ask(asking, look_up=look_up) == "there"
    with pytest.raises(ProviderFailed):
        await ask(asking, look_up=look_up)
    assert await ask(asking, look_up=look_up) == "there"
    assert [key for _, key in server.calls] == ["old", "old", "new"]


async def test_every_try_is_written_down_with_its_reason(autojump_clock: MockClock):
    books = MemoryBooks()
    account = Account(books, "question", "fallback", now_ms=lambda: 5)
    server = Server(refused("it", 500, "oh"), "there", 60.0)
    asking = caller(server)
    await ask(asking, account=account)
    await ask(asking, account=account)
    first, second, third = books.records
    assert [each.call.why for each in books.records] == ["fallback", "retry", "fallback"]
    assert first.ended and (first.ended.outcome, first.ended.input_tokens) == ("failed", 0)
    assert second.ended and (second.ended.outcome, second.ended.output_tokens) == ("answered", 2)
    assert not second.ended.estimated
    assert third.ended and third.ended.outcome == "left"
    assert third.ended.estimated
    assert third.ended.input_tokens == third.call.input_tokens > 0


async def test_a_probe_that_is_called_off_lets_the_next_one_try(autojump_clock: MockClock):
    server = Server(*[refused("it", 500, "")] * FAILURES, 60.0, "there")
    asking = caller(server)
    with pytest.raises(ProviderFailed):
        await ask(asking)
    await trio.sleep(FIRST_REST)
    with trio.move_on_after(1):
        await ask(asking, seconds=30.0)
    assert await ask(asking) == "there"
