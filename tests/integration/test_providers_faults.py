"""Whatever a provider's server does, a request ends in an answer or a clear error, in time.

The server is llmock, which nobody here wrote; it breaks requests on demand and grades the client.
Everything of ours is real, from the settings to the ranked answer.
"""

import json
import re
import time
from functools import partial
from importlib import import_module

import pytest
import trio

from flowd.config import Config, ProviderConfig, SuggestConfig
from flowd.domain.suggestions import SuggestRequest
from flowd.safety.judge import make_judge
from flowd.suggest.pipeline import make_suggester

scenarios = pytest.importorskip("llmock.scenarios", reason="llmock is not installed")

WIRES = {"openai": "openai", "anthropic": "anthropic", "openai_compatible": "openai"}
SUGGESTION = {"title": "List files", "steps": [{"id": "list", "run": "ls -l"}]}
ANSWER = json.dumps({"suggestions": [SUGGESTION]})
TWO = json.dumps(
    {
        "suggestions": [
            SUGGESTION,
            {"title": "Count files", "steps": [{"id": "count", "run": "ls | wc -l"}]},
        ]
    }
)
DEADLINE = 5.0
SPARE = 1.0  # seconds for an SDK's import, and for judging, on a loaded machine

MENDED = {  # one such fault, and the answer comes all the same
    "429": scenarios.Fail(429, retry_after=0.4),
    "500": scenarios.Fail(500),
    "503": scenarios.Fail(503, retry_after=0.2),
    "529": scenarios.Fail(529),
    "truncated": scenarios.StreamFault("truncate", after_chunks=3),
    "malformed": scenarios.StreamFault("malformed", after_chunks=3),
    "disconnect": scenarios.StreamFault("disconnect", after_chunks=3),
    "slow first token": scenarios.SlowFirstToken(1.0),
}
LASTING = {  # for ever: an error that says what to do
    "429 for a minute": (scenarios.Fail(429, retry_after=60, times=None), "wait 60 s"),
    "429": (scenarios.Fail(429, retry_after=0.2, times=None), "as it asks|wait a little"),
    "401": (scenarios.Fail(401, times=None), "key"),
    "500": (scenarios.Fail(500, times=None), "later"),
    "529": (scenarios.Fail(529, times=None), "as it asks"),
    "truncated": (scenarios.StreamFault("truncate", after_chunks=3, times=None), "again"),
    "malformed": (scenarios.StreamFault("malformed", after_chunks=3, times=None), "base_url"),
    "disconnect": (scenarios.StreamFault("disconnect", after_chunks=3, times=None), "."),
    "stall": (scenarios.StreamFault("stall", after_chunks=3, times=None), "more time"),
    "slow first token": (scenarios.SlowFirstToken(30, times=None), "more time"),
    "no answer": (scenarios.Delay(30, times=None), "more time"),
}


@pytest.fixture(scope="module", autouse=True)
def imported():
    """An import takes up to two seconds, which are not what is measured here."""
    for sdk in ("openai", "anthropic", "openai.resources.responses"):
        import_module(sdk)


@pytest.fixture(params=sorted(WIRES))
def kind(request):
    return request.param


def settings_of(kind, llmock, monkeypatch, **more):
    monkeypatch.setenv("TEST_KEY", "not-a-secret")
    return ProviderConfig(
        kind=kind, model="m", base_url=llmock.base_url(WIRES[kind]), api_key_env="TEST_KEY", **more
    )


def suggester(llmock, monkeypatch, *kinds, **settings):
    providers = {kind: settings_of(kind, llmock, monkeypatch) for kind in kinds}
    config = Config(suggest=SuggestConfig(providers=list(kinds), **settings), providers=providers)
    return make_suggester(config, make_judge())


async def ask(whole, seconds=DEADLINE, show=None):
    """Ask; whatever comes, it comes in time. The library is loaded before: that is not measured."""
    await whole.suggest(SuggestRequest(task="list", cwd="/", providers=["offline"]))
    start = time.monotonic()
    request = SuggestRequest(task="list the files", cwd="/", deadline_seconds=seconds, fresh=True)
    answer = await whole.suggest(request, show)
    assert time.monotonic() - start < seconds + SPARE
    return answer


@pytest.mark.parametrize("fault", MENDED)
async def test_a_passing_fault_is_not_even_noticed(kind, fault, llmock, monkeypatch):
    llmock.add(MENDED[fault]).add(scenarios.Reply(text=ANSWER, times=None))
    answer = await ask(suggester(llmock, monkeypatch, kind))
    assert [found.title for found in answer.suggestions] == ["List files"]
    assert not answer.providers[0].error
    llmock.assert_resilient(strict=True)


@pytest.mark.parametrize("fault", LASTING)
async def test_a_lasting_fault_is_a_clear_error(kind, fault, llmock, monkeypatch):
    broken, cure = LASTING[fault]
    llmock.add(broken).add(scenarios.Reply(text=ANSWER, times=None))
    answer = await ask(suggester(llmock, monkeypatch, kind), seconds=1.8)
    (report,) = answer.providers
    assert not answer.suggestions
    assert report.error
    assert re.search(cure, report.cure)
    assert len(llmock.requests) <= 3
    if fault != "truncated":  # it takes the last try for one that was accepted
        llmock.assert_resilient()


async def test_what_was_complete_before_a_stall_is_shown(kind, llmock, monkeypatch):
    shown = []

    async def show(progress):
        shown.append([found.title for found in progress.suggestions])

    pieces = len(TWO.split())
    llmock.add(
        scenarios.Reply(text=TWO),
        scenarios.StreamFault("stall", after_chunks=pieces - 1, stall_seconds=30),
    )
    answer = await ask(suggester(llmock, monkeypatch, kind), seconds=2.0, show=show)
    assert [found.title for found in answer.suggestions] == ["List files"]
    assert shown[-1] == ["List files"]
    assert "no complete answer within" in answer.providers[0].error


async def test_a_provider_that_is_down_is_left_alone_for_a_while(kind, llmock, monkeypatch):
    llmock.outage(status=500)
    whole = suggester(llmock, monkeypatch, kind)
    await ask(whole)
    before = len(llmock.requests)
    answer = await ask(whole)
    assert "left alone for" in answer.providers[0].error
    assert len(llmock.requests) == before == 3


async def test_a_wait_that_was_asked_for_is_kept_to_by_the_next_question(kind, llmock, monkeypatch):
    llmock.rate_limit(retry_after=30)
    whole = suggester(llmock, monkeypatch, kind)
    await ask(whole)
    answer = await ask(whole)
    assert "left alone for another 30 s" in answer.providers[0].error
    assert len(llmock.requests) == 1
    llmock.assert_resilient()


async def test_when_the_first_is_down_the_next_answers(llmock, monkeypatch):
    llmock.outage(status=529, provider="anthropic")
    llmock.reply(ANSWER, provider="openai")
    whole = suggester(llmock, monkeypatch, "anthropic", "openai", fallback=["anthropic", "openai"])
    answer = await ask(whole)
    assert [found.provider for found in answer.suggestions] == ["openai"]


async def test_a_late_first_word_is_hedged(llmock, monkeypatch):
    llmock.slow_first_token(30, provider="anthropic")
    llmock.reply(ANSWER, times=None)
    whole = suggester(llmock, monkeypatch, "anthropic", hedge_seconds=0.5)
    answer = await ask(whole)
    assert [found.title for found in answer.suggestions] == ["List files"]
    assert not answer.providers[0].error


async def test_whoever_is_left_sees_the_connection_closed(kind, nursery, monkeypatch):
    """A server of ours that never answers; it must learn that nobody waits any more."""
    asked, closed = trio.Event(), trio.Event()

    async def silent(stream):
        await stream.receive_some(65536)
        asked.set()
        while await stream.receive_some(65536):
            pass
        closed.set()

    serve = partial(trio.serve_tcp, silent, 0, host="127.0.0.1")
    (listener,) = await nursery.start(serve)
    port = listener.socket.getsockname()[1]
    monkeypatch.setenv("TEST_KEY", "k")
    provider = ProviderConfig(
        kind=kind, model="m", base_url=f"http://127.0.0.1:{port}/v1", api_key_env="TEST_KEY"
    )
    config = Config(providers={"it": provider}, suggest=SuggestConfig(providers=["it"]))
    with trio.fail_after(20):
        async with trio.open_nursery() as asking:
            asking.start_soon(ask, make_suggester(config, make_judge()), 20.0)
            await asked.wait()
            asking.cancel_scope.cancel()
        await closed.wait()


async def test_nonsense_is_left_at_once_though_the_server_goes_on(kind, nursery, monkeypatch):
    """A server of ours: one event that is none, and then nothing, for ever."""

    async def babble(stream):
        await stream.receive_some(65536)
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
        await stream.send_all(f"{head}event: x\ndata: {{oops\n\n".encode())
        await trio.sleep_forever()

    serve = partial(trio.serve_tcp, babble, 0, host="127.0.0.1")
    (listener,) = await nursery.start(serve)
    port = listener.socket.getsockname()[1]
    monkeypatch.setenv("TEST_KEY", "k")
    provider = ProviderConfig(
        kind=kind, model="m", base_url=f"http://127.0.0.1:{port}/v1", api_key_env="TEST_KEY"
    )
    config = Config(providers={"it": provider}, suggest=SuggestConfig(providers=["it"]))
    answer = await ask(make_suggester(config, make_judge()))
    assert "no usable answer" in answer.providers[0].error
    assert answer.elapsed_ms < 1000 * DEADLINE / 2
