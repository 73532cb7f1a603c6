"""What each kind of server is sent: its address, its key, and nothing that it would refuse."""

import json
from functools import partial

import pytest
import trio
from msgspec.structs import replace

from flowd.config import ProviderConfig
from flowd.errors import Unsupported
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.openai_compatible import make_provider
from flowd.suggest.providers.presets import PRESETS
from flowd.suggest.providers.prices import price_of

CHUNKS = (
    {"choices": [{"delta": {"content": "{}"}, "finish_reason": None}]},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
)
REFUSED_TEMPERATURE = 0.5
KEYED = sorted(name for name, preset in PRESETS.items() if preset.key_variable)


@pytest.fixture
async def server(nursery):
    """Takes requests and gives a short stream; what was sent is kept."""
    sent = []

    async def answer(stream):
        data = b""
        while b"\r\n\r\n" not in data:
            data += await stream.receive_some(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:])
        while len(body) < int(fields.get("content-length", 0)):
            body += await stream.receive_some(65536)
        if b"/models" in head:
            await _send(stream, "application/json", {"data": [{"id": "the-first"}]})
            return
        sent.append((fields, json.loads(body)))
        if sent[-1][1].get("temperature") == REFUSED_TEMPERATURE:
            await _send(stream, "application/json", {"error": {"message": "unsupported"}}, 400)
            return
        events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS)
        await _send(stream, "text/event-stream", events + "data: [DONE]\n\n")

    serve = partial(trio.serve_tcp, answer, 0, host="127.0.0.1")
    (listener,) = await nursery.start(serve)
    return f"http://127.0.0.1:{listener.socket.getsockname()[1]}/v1", sent


async def _send(stream, kind, content, status=200):
    body = (content if isinstance(content, str) else json.dumps(content)).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    await stream.send_all(f"{head}Connection: close\r\n\r\n".encode() + body)


async def sent_by(kind, server, monkeypatch):
    address, sent = server
    monkeypatch.setenv(PRESETS[kind].key_variable or "UNUSED", "secret-of-a-test")
    provider = make_provider("it", ProviderConfig(kind=kind, base_url=address, style="json"))
    heard = Heard()
    endpoint: Endpoint = replace(provider.endpoint, address=address)
    await provider.caller._complete(endpoint, [Turn("user", "hello")], heard)
    assert heard.finished
    return sent[-1]


async def test_a_server_on_this_machine_is_asked_for_a_command_alone(server, monkeypatch):
    address, sent = server
    provider = make_provider("it", ProviderConfig(kind="ollama", base_url=address))
    assert provider.endpoint.plain
    await provider.caller._complete(provider.endpoint, [Turn("user", "hello")], Heard())
    assert "response_format" not in sent[-1][1]
    assert "one bash command" in sent[-1][1]["messages"][0]["content"]
    away = make_provider("it", ProviderConfig(base_url="https://models.example.com"))
    assert not away.endpoint.plain


async def test_a_temperature_is_sent_where_it_is_chosen_and_left_out_when_refused(server):
    address, sent = server
    provider = make_provider("it", ProviderConfig(kind="ollama", base_url=address))

    async def sent_at(temperature):
        endpoint = replace(provider.endpoint, temperature=temperature)
        heard = Heard()
        await provider.caller._complete(endpoint, [Turn("user", "hello")], heard)
        assert heard.finished
        return sent[-1][1].get("temperature")

    assert [await sent_at(0.0), await sent_at(None)] == [0.0, None]
    assert [await sent_at(REFUSED_TEMPERATURE), await sent_at(0.0)] == [None, None]


@pytest.mark.parametrize("kind", sorted(PRESETS))
async def test_each_is_sent_what_it_takes(kind, server, monkeypatch):
    fields, body = await sent_by(kind, server, monkeypatch)
    preset = PRESETS[kind]
    keyed = bool(preset.key_variable)
    assert fields["authorization"] == f"Bearer {'secret-of-a-test' if keyed else 'none'}".lower()
    assert body["model"] == (preset.model or "the-first")
    assert body["stream"] is True
    assert ("response_format" in body) is (kind not in ("groq", "deepseek"))
    assert ("stream_options" in body) is (kind != "mistral")
    assert ("max_completion_tokens" in body) is (kind == "azure")
    assert ("max_tokens" in body) is (kind != "azure")


@pytest.mark.parametrize("kind", KEYED)
def test_without_its_key_the_variable_is_named(kind, monkeypatch):
    monkeypatch.delenv(PRESETS[kind].key_variable, raising=False)
    with pytest.raises(Unsupported) as caught:
        make_provider(kind, ProviderConfig(base_url="https://models.example.com"))
    assert PRESETS[kind].key_variable in caught.value.cure


def test_azure_has_an_address_of_its_own(monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")
    with pytest.raises(Unsupported) as caught:
        make_provider("azure", ProviderConfig())
    assert "openai.azure.com" in caught.value.cure


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("gpt-5-mini", 0.25),
        ("gpt-5-mini-2025-08-07", 0.25),
        ("gpt-5", 1.25),
        ("openai/gpt-5-nano", 0.05),
        ("claude-haiku-4-5-20251001", 1.0),
        ("gpt-50", None),
        ("", None),
    ],
)
def test_prices_are_found_by_how_a_name_begins(model, dollars):
    price = price_of(model)
    assert (price and price.input) == dollars


def test_every_preset_with_a_model_has_a_price():
    assert [
        name for name, preset in PRESETS.items() if preset.model and not price_of(preset.model)
    ] == []
