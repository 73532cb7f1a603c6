"""Messages: every shape is told apart, and what is wrong is said with the id it belongs to."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowproto import codes
from flowproto.jsonrpc import (
    BadMessage,
    ErrorObject,
    ErrorResponse,
    Notification,
    Request,
    Response,
    decode,
    encode,
)
from support.fuzzing import examples

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
ids = st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8"), max_size=10)


def content(raw: object) -> object:
    return None if raw is None else msgspec.json.decode(raw)


@settings(max_examples=examples(100), deadline=None)
@given(ids, st.text(max_size=20), json_values)
def test_a_request_comes_back(request_id, method, params):
    back = decode(encode(Request(id=request_id, method=method, params=params)))
    assert isinstance(back, Request)
    assert (back.id, back.method, content(back.params)) == (request_id, method, params)


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=20), json_values)
def test_a_notification_comes_back(method, params):
    back = decode(encode(Notification(method=method, params=params)))
    assert isinstance(back, Notification)
    assert (back.method, content(back.params)) == (method, params)


@settings(max_examples=examples(100), deadline=None)
@given(ids, json_values)
def test_a_response_comes_back_even_with_a_null_result(request_id, result):
    back = decode(encode(Response(id=request_id, result=result)))
    assert isinstance(back, Response)
    assert (back.id, content(back.result)) == (request_id, result)


@settings(max_examples=examples(100), deadline=None)
@given(st.none() | ids, json_values)
def test_an_error_response_comes_back(request_id, data):
    error = ErrorObject(code=-1, message="no", data=data)
    assert decode(encode(ErrorResponse(id=request_id, error=error))) == ErrorResponse(
        id=request_id, error=error
    )


def test_every_message_says_its_version():
    for message in (
        Request(id=1, method="m"),
        Notification(method="m"),
        Response(id=1),
        ErrorResponse(id=None, error=ErrorObject(code=1, message="m")),
    ):
        assert json.loads(encode(message))["jsonrpc"] == "2.0"


@pytest.mark.parametrize("params", ["null", None])
def test_params_left_out_and_null_are_the_same(params):
    text = '{"jsonrpc":"2.0","id":1,"method":"m"' + (f',"params": {params} ' if params else "")
    message = decode((text + "}").encode())
    assert isinstance(message, Request)
    assert message.params is None


NESTED = b'{"jsonrpc":"2.0","id":5,"method":"m","params":' + b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "code", "request_id", "message"),
    [
        (b"", codes.PARSE_ERROR, None, "not JSON"),
        (b"{", codes.PARSE_ERROR, None, "not JSON"),
        (b"\xff\xfe", codes.PARSE_ERROR, None, "not JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', codes.PARSE_ERROR, None, "not JSON"),
        (NESTED, codes.PARSE_ERROR, None, "not JSON|nested"),
        (NESTED + b"]" * 100_000 + b"}", codes.PARSE_ERROR, None, "not JSON|nested"),
        (b"[]", codes.INVALID_REQUEST, None, "batches"),
        (b'[{"jsonrpc":"2.0","id":1,"method":"m"}]', codes.INVALID_REQUEST, None, "batches"),
        (b"3", codes.INVALID_REQUEST, None, "Expected `object`"),
        (b"{}", codes.INVALID_REQUEST, None, "jsonrpc"),
        (b'{"id":4,"method":"m"}', codes.INVALID_REQUEST, 4, "jsonrpc"),
        (b'{"jsonrpc":"1.0","id":4,"method":"m"}', codes.INVALID_REQUEST, 4, "2.0"),
        (b'{"jsonrpc":"2.0","id":"a","method":7}', codes.INVALID_REQUEST, "a", r"\$.method"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"m"}', codes.INVALID_REQUEST, None, r"\$.id"),
        (b'{"jsonrpc":"2.0","id":true,"method":"m"}', codes.INVALID_REQUEST, None, r"\$.id"),
        (b'{"jsonrpc":"2.0","id":null,"method":"m"}', codes.INVALID_REQUEST, None, "null"),
        (b'{"jsonrpc":"2.0","id":4}', codes.INVALID_REQUEST, 4, "neither"),
        (b'{"jsonrpc":"2.0","result":4}', codes.INVALID_REQUEST, None, "neither"),
        (b'{"jsonrpc":"2.0","id":4,"error":{"code":"x"}}', codes.INVALID_REQUEST, 4, "error"),
    ],
)
def test_what_is_wrong_is_said_with_the_id_it_belongs_to(body, code, request_id, message):
    with pytest.raises(BadMessage, match=message) as caught:
        decode(body)
    assert (caught.value.code, caught.value.id) == (code, request_id)


@settings(max_examples=examples(100), deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_never_do_worse_than_a_bad_message(body):
    with pytest.raises(BadMessage):
        decode(body)


@settings(max_examples=examples(100), deadline=None)
@given(st.dictionaries(st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"]),
                       json_values | st.just("2.0")))  # fmt: skip
def test_json_that_is_almost_a_message_is_one_or_a_bad_one(shape):
    try:
        message = decode(json.dumps(shape).encode())
    except BadMessage as bad:
        assert bad.code == codes.INVALID_REQUEST
    else:
        assert message is not None
