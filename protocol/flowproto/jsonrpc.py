"""JSON-RPC 2.0 messages: bytes to structs and back, with errors that say what is wrong.

`params` and `result` stay raw (`msgspec.Raw`) until somebody knows their type.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from flowproto import codes

RequestId = int | str


class ErrorObject(Struct, kw_only=True, omit_defaults=True):
    """Why a request failed. `data` holds `code` (the stable name), `cure`, and details."""

    code: int
    message: str
    data: Any = None


class Request(Struct, kw_only=True, tag_field="jsonrpc", tag="2.0", omit_defaults=True):
    """Wants exactly one response with the same `id`."""

    id: RequestId
    method: str
    params: Any = None


class Notification(Struct, kw_only=True, tag_field="jsonrpc", tag="2.0", omit_defaults=True):
    """Wants no response."""

    method: str
    params: Any = None


class Response(Struct, kw_only=True, tag_field="jsonrpc", tag="2.0"):
    """A request succeeded."""

    id: RequestId
    result: Any = None


class ErrorResponse(Struct, kw_only=True, tag_field="jsonrpc", tag="2.0"):
    """A request failed; `id` is null when the request could not be read far enough to know it."""

    id: RequestId | None
    error: ErrorObject


Message = Request | Notification | Response | ErrorResponse


class BadMessage(Exception):
    """One frame was not a message. The ones after it may be.

    `code` is a JSON-RPC error code; `id` is the request's, where it could be read.
    """

    def __init__(self, code: int, message: str, request_id: RequestId | None = None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = request_id


class _Envelope(Struct):
    jsonrpc: str
    id: RequestId | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorObject | UnsetType | None = UNSET


_decoder = msgspec.json.Decoder(_Envelope)
_encoder = msgspec.json.Encoder()


def encode(message: Message) -> bytes:
    """Encode one message (without its frame)."""
    return _encoder.encode(message)


def decode(body: bytes) -> Message:
    """Decode one message; `params` and `result` are `Raw`, or None where there was nothing.

    BadMessage tells garbage (PARSE_ERROR) from JSON that is no message (INVALID_REQUEST).
    """
    try:
        envelope = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _explain(body, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadMessage(codes.PARSE_ERROR, f"not JSON: {error}") from None
    except RecursionError:
        raise BadMessage(codes.PARSE_ERROR, "JSON nested too deeply") from None
    return _message(envelope)


def _message(envelope: _Envelope) -> Message:
    request_id = envelope.id
    known_id = None if request_id is UNSET else request_id
    if envelope.jsonrpc != "2.0":
        raise BadMessage(codes.INVALID_REQUEST, 'jsonrpc must be "2.0"', known_id)
    if envelope.method is not UNSET:
        params = None if envelope.params is UNSET or _is_null(envelope.params) else envelope.params
        if request_id is UNSET:
            return Notification(method=envelope.method, params=params)
        if request_id is None:
            raise BadMessage(codes.INVALID_REQUEST, "a request's id must not be null")
        return Request(id=request_id, method=envelope.method, params=params)
    if isinstance(envelope.error, ErrorObject):
        return ErrorResponse(id=known_id, error=envelope.error)
    if envelope.result is not UNSET and known_id is not None:
        return Response(id=known_id, result=envelope.result)
    raise BadMessage(
        codes.INVALID_REQUEST, "neither a method, nor a result or an error with an id", known_id
    )


def _is_null(raw: Raw) -> bool:
    return memoryview(raw).nbytes == 4 and bytes(raw) == b"null"


def _explain(body: bytes, problem: str) -> BadMessage:
    """Say why valid JSON is no message, and find the id to answer to."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadMessage(codes.PARSE_ERROR, f"not JSON: {error}")
    if isinstance(content, list):
        return BadMessage(codes.INVALID_REQUEST, "batches are not taken: send one message a frame")
    request_id = content.get("id") if isinstance(content, dict) else None
    known = isinstance(request_id, int | str) and not isinstance(request_id, bool)
    return BadMessage(
        codes.INVALID_REQUEST, f"not a JSON-RPC message: {problem}", request_id if known else None
    )
