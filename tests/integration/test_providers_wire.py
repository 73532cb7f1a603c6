"""Model providers against a server that speaks their wire protocols and misbehaves on demand.

The server is llmock, which nobody here wrote: OpenAI's Responses and chat completions, Anthropic's
Messages, with scripted faults. The official SDKs talk to it unmodified.
"""

import json
from functools import partial

import pytest
import trio

from flowd.config import ProviderConfig
from flowd.domain.workflow import Workflow
from flowd.errors import ProviderFailed, Unsupported
from flowd.suggest.context import Context
from flowd.suggest.providers import anthropic, openai, openai_compatible
from flowd.suggest.providers.base import Question

llmock_scenarios = pytest.importorskip("llmock.scenarios", reason="llmock is not installed")

ANSWER = {
    "suggestions": [
        {
            "title": "Tag a release",
            "why": "The tag marks the commit.",
            "confidence": 0.9,
            "inputs": {"version": {"description": "like 1.2.3"}},
            "steps": [
                {"id": "tag", "run": 'git tag "v$version"', "undo": 'git tag -d "v$version"'},
                {"id": "show", "run": "git tag --list"},
            ],
        }
    ]
}
MAKERS = {
    "openai": (openai.make_provider, "openai"),
    "anthropic": (anthropic.make_provider, "anthropic"),
    "openai_compatible": (openai_compatible.make_provider, "openai"),
}


@pytest.fixture(params=sorted(MAKERS))
def provider(request, llmock, monkeypatch):
    """Each provider, pointed at the misbehaving server."""
    make, wire = MAKERS[request.param]
    monkeypatch.setenv("TEST_KEY", "not-a-secret")
    config = ProviderConfig(
        model="some-model", base_url=llmock.base_url(wire), api_key_env="TEST_KEY", candidates=1
    )
    return make(request.param, config)


def question(**more):
    return Question(
        **{"task": "tag a release", "context": Context(cwd="/"), "deadline": 0.0, **more}
    )


def reply(llmock, *texts):
    for text in texts:
        llmock.add(llmock_scenarios.Reply(text=text))


async def test_an_answer_becomes_a_valid_workflow(provider, llmock):
    reply(llmock, json.dumps(ANSWER))
    (draft,) = await provider.propose(question())
    assert isinstance(draft.workflow, Workflow)
    assert draft.title == "Tag a release"
    assert draft.confidence == 0.55  # of a model on this machine, whatever it claims
    assert [step.run for step in draft.workflow.steps] == ['git tag "v$version"', "git tag --list"]
    assert draft.workflow.steps[0].undo == 'git tag -d "v$version"'
    assert list(draft.workflow.inputs) == ["version"]


async def test_short_keys_are_understood(provider, llmock):
    step = {"r": 'git tag "v$version"', "u": 'git tag -d "v$version"', "c": "Really?"}
    answers = [{"t": "Tag", "s": [step], "i": {"version": "1.0"}}, {"t": "List", "s": ["git tag"]}]
    reply(llmock, json.dumps({"a": answers}))
    first, second = await provider.propose(question())
    assert (first.title, first.workflow.steps[0].confirm) == ("Tag", "Really?")
    assert first.workflow.steps[0].undo == 'git tag -d "v$version"'
    assert first.workflow.inputs["version"].default == "1.0"
    assert second.workflow.steps[0].run == "git tag"
    assert second.confidence < first.confidence


async def test_a_fence_and_prose_around_the_answer_do_no_harm(provider, llmock):
    reply(llmock, f"Sure! Here it is:\n```json\n{json.dumps(ANSWER)}\n```\nHave fun.")
    assert len(await provider.propose(question())) == 1


async def test_an_unusable_answer_gets_one_chance_to_be_mended(provider, llmock):
    reply(llmock, '{"suggestions": [{"title": "x", "steps": []}]}', json.dumps(ANSWER))
    assert len(await provider.propose(question(deadline=trio.current_time() + 60))) == 1
    assert len(llmock.requests) == 2


async def test_nonsense_twice_is_an_error_that_says_so(provider, llmock):
    reply(llmock, "I'd rather not.", "No, really.")
    with pytest.raises(ProviderFailed, match=r"no JSON object|not a command"):
        await provider.propose(question())


@pytest.mark.parametrize(
    ("status", "cure"), [(401, "key"), (404, "base_url"), (429, "wait"), (500, "later"), (529, "")]
)
async def test_an_error_status_names_the_cure_and_is_not_tried_again(
    provider, llmock, status, cure
):
    llmock.fail(status, times=None, retry_after=1 if status == 429 else None)
    with pytest.raises(ProviderFailed, match=str(status)) as caught:
        await provider.propose(question())
    assert cure in caught.value.cure
    # A refused schema may be asked for once more without it; anything else exactly once.
    assert len(llmock.requests) == (2 if status == 404 and "compat" in provider.name else 1)


async def test_a_stalled_server_is_left_at_the_deadline(provider, llmock):
    llmock.delay(30.0)
    with trio.move_on_after(1.5) as scope:
        await provider.propose(question())
    assert scope.cancelled_caught


async def test_a_web_page_is_not_an_answer(provider_at_web_page):
    with pytest.raises(ProviderFailed, match="no usable answer"):
        await provider_at_web_page.propose(question())


async def test_nobody_there(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "k")
    for name, (make, _) in MAKERS.items():
        config = ProviderConfig(model="m", base_url="http://127.0.0.1:9", api_key_env="TEST_KEY")
        with pytest.raises(ProviderFailed, match="cannot be reached"):
            await make(name, config).propose(question())


def test_without_a_key_or_an_address_the_cure_is_named(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    with pytest.raises(Unsupported) as caught:
        openai.make_provider("openai", ProviderConfig())
    assert "OPENAI_API_KEY" in caught.value.cure
    with pytest.raises(Unsupported) as caught:
        anthropic.make_provider("anthropic", ProviderConfig())
    assert "ANTHROPIC_API_KEY" in caught.value.cure
    with pytest.raises(Unsupported) as caught:
        openai_compatible.make_provider("local", ProviderConfig())
    assert "base_url" in caught.value.cure


PAGE = b"<!doctype html><title>Welcome</title><h1>It works!</h1>"


async def _web_page(stream):
    await stream.receive_some(65536)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(PAGE)}\r\n\r\n"
    await stream.send_all(head.encode() + PAGE)


@pytest.fixture(params=sorted(MAKERS))
async def provider_at_web_page(request, nursery, monkeypatch):
    """Each provider, pointed at an ordinary web server."""
    monkeypatch.setenv("TEST_KEY", "k")
    serve = partial(trio.serve_tcp, _web_page, 0, host="127.0.0.1")
    (listener,) = await nursery.start(serve)
    port = listener.socket.getsockname()[1]
    make, _ = MAKERS[request.param]
    base_url = f"http://127.0.0.1:{port}/v1"
    return make(request.param, ProviderConfig(model="m", base_url=base_url, api_key_env="TEST_KEY"))
