"""From exceptions to errors on the wire: one table, proved total by a test."""

import logging

from flowd import errors as e
from flowproto import codes
from flowproto.jsonrpc import ErrorObject, ErrorResponse, RequestId, encode

WIRE_CODES: dict[type[e.FlowError], int] = {
    e.FlowError: codes.INTERNAL_ERROR,
    e.CallerError: codes.CALLER_ERROR,
    e.InvalidWorkflow: codes.INVALID_WORKFLOW,
    e.InvalidInput: codes.INVALID_INPUT,
    e.NotFound: codes.NOT_FOUND,
    e.Conflict: codes.CONFLICT,
    e.TokenTaken: codes.CONFLICT,
    e.BlockedByPolicy: codes.BLOCKED_BY_POLICY,
    e.PreflightFailed: codes.PREFLIGHT_FAILED,
    e.Untrusted: codes.UNTRUSTED_FOLDER,
    e.Unsupported: codes.UNSUPPORTED,
    e.WorldError: codes.WORLD_ERROR,
    e.StoreUnavailable: codes.STORE_UNAVAILABLE,
    e.SpawnFailed: codes.SPAWN_FAILED,
    e.ProviderFailed: codes.PROVIDER_FAILED,
    e.Bug: codes.BUG,
}

LONGEST_MESSAGE = 2_000  # characters; messages quote what was sent, which can be 16 MiB long
_END_OF_MESSAGE = 500

log = logging.getLogger("flowd.server")


class ProtocolError(Exception):
    """The message itself was wrong, whatever it asked for. `code` is one of `codes`."""

    def __init__(self, code: int, message: str, *, cure: str = ""):
        super().__init__(message)
        self.code = code
        self.message = message
        self.cure = cure


def error_object(error: Exception) -> ErrorObject:
    """Give the answer to a request that ended in `error`.

    Bugs (ours, and every exception nobody foresaw) are logged here with their traceback.
    """
    cause = e.single_cause(error)
    if isinstance(cause, ProtocolError):
        name = codes.ERRORS[cause.code].name
        return _object(cause.code, cause.message, name, cause.cure)
    if isinstance(cause, e.FlowError) and not isinstance(cause, e.Bug):
        return _object(_code_of(cause), cause.message, cause.code, cause.cure, cause.data)
    log.error("a request met a bug: %s", cause, exc_info=error)
    cure = "flowctl daemon logs has the details; please report it"
    message = f"flowd made a mistake: {type(cause).__name__}: {cause}"
    return _object(codes.BUG, message, e.Bug.code, cure)


def encode_error(request_id: RequestId | None, error: Exception) -> bytes:
    """Encode the answer to a request that ended in `error`, whatever the error holds."""
    answer = ErrorResponse(id=request_id, error=error_object(error))
    try:
        return encode(answer)
    except (TypeError, ValueError):  # a value JSON cannot hold, or text with stray bytes
        log.error("details of an error cannot be sent: %r", answer.error.data)
        data = {name: _clean(str(answer.error.data[name])) for name in ("code", "cure")}
        message = _clean(answer.error.message)
        plain = ErrorObject(code=answer.error.code, message=message, data=data)
        return encode(ErrorResponse(id=request_id, error=plain))


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _object(
    code: int, message: str, name: str, cure: str, data: dict[str, object] | None = None
) -> ErrorObject:
    return ErrorObject(
        code=code,
        message=_shortened(message),
        data={**(data or {}), "code": name, "cure": _shortened(cure)},
    )


def _shortened(text: str) -> str:
    """Leave out the middle of a long text: what is quoted stands there, not what is said of it."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[: LONGEST_MESSAGE - _END_OF_MESSAGE]} … {text[-_END_OF_MESSAGE:]}"


def _code_of(error: e.FlowError) -> int:
    return next(WIRE_CODES[kind] for kind in type(error).__mro__ if kind in WIRE_CODES)
