"""A real model behind llama.cpp's own server, over all three wire protocols.

It is too small to suggest anything useful; here it proves that what a server really sends is read.
"""

import time

import pytest
import trio

from flowd.errors import ProviderFailed
from flowd.suggest.providers import anthropic, openai
from flowd.suggest.providers.endpoint import Endpoint
from flowd.suggest.providers.heard import Heard
from flowd.suggest.providers.model_answer import Turn
from flowd.suggest.providers.openai_compatible import ChatCompletions
from support.local_model import missing, served_model

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "a model is there")

WIRES = {
    "chat": ("/v1", ChatCompletions().complete),
    "Responses": ("/v1", openai.complete),
    "Messages": ("", anthropic.complete),
}
TURNS = [Turn("user", "Write a long story about a sailor and the sea.")]


@pytest.fixture(scope="module")
def address():
    with served_model() as found:
        yield found


@pytest.fixture(params=WIRES)
def wire(request, address):
    path, complete = WIRES[request.param]
    return complete, Endpoint(
        name=request.param, model="local", address=address + path, key="none", max_tokens=24
    )


async def test_the_text_comes_in_pieces_and_with_its_tokens(wire):
    complete, endpoint = wire
    pieces = []
    heard = Heard(pieces.append)
    with pytest.raises(ProviderFailed, match="stopped before the end of its answer"):
        await complete(endpoint, TURNS, heard)
    assert len(pieces) > 5
    assert "".join(pieces) == heard.text
    assert heard.tokens is not None
    assert heard.tokens.input > 100  # the instructions alone are more
    assert heard.tokens.output == pytest.approx(24, abs=1)


async def test_whoever_leaves_frees_the_server(wire):
    complete, endpoint = wire
    long = Endpoint(
        name="long", model="local", address=endpoint.address, key="none", max_tokens=2000
    )
    begun = trio.Event()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(complete, long, TURNS, Heard(lambda _piece: begun.set()))
            await begun.wait()
            scope.cancel()
    start = time.monotonic()
    with pytest.raises(ProviderFailed, match="stopped before"):  # its one slot is free again
        await complete(endpoint, TURNS, Heard())
    assert time.monotonic() - start < 20
