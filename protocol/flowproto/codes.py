"""Error codes. JSON-RPC and LSP reserve some; ours start at -32050 and never change meaning.

The `code` string in an error's `data` is the stable name (`ERRORS` pairs them); programs may switch
on either.
"""

from typing import Final, NamedTuple

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_NOT_INITIALIZED: Final = -32002
REQUEST_CANCELLED: Final = -32800

CALLER_ERROR: Final = -32050
INVALID_WORKFLOW: Final = -32051
INVALID_INPUT: Final = -32052
NOT_FOUND: Final = -32053
CONFLICT: Final = -32054
BLOCKED_BY_POLICY: Final = -32055
UNSUPPORTED: Final = -32056
MESSAGE_TOO_LARGE: Final = -32057
PREFLIGHT_FAILED: Final = -32058
UNTRUSTED_FOLDER: Final = -32059
WORLD_ERROR: Final = -32060
STORE_UNAVAILABLE: Final = -32061
SPAWN_FAILED: Final = -32062
PROVIDER_FAILED: Final = -32063
BUSY: Final = -32064
BUG: Final = -32070


class ErrorKind(NamedTuple):
    """What a code is called in `data.code`, and what it means."""

    name: str
    meaning: str


ERRORS: Final[dict[int, ErrorKind]] = {
    PARSE_ERROR: ErrorKind("parse_error", "the bytes are no frame, or the frame holds no JSON"),
    INVALID_REQUEST: ErrorKind("invalid_request", "JSON, but no message, or not one for now"),
    METHOD_NOT_FOUND: ErrorKind("method_not_found", "no such method"),
    INVALID_PARAMS: ErrorKind("invalid_params", "a field is missing, unknown, or of another type"),
    INTERNAL_ERROR: ErrorKind("error", "an error without a kind of its own"),
    SERVER_NOT_INITIALIZED: ErrorKind("server_not_initialized", "`initialize` must come first"),
    REQUEST_CANCELLED: ErrorKind("request_cancelled", "the client cancelled the request"),
    CALLER_ERROR: ErrorKind("caller_error", "the request cannot be carried out as it was made"),
    INVALID_WORKFLOW: ErrorKind(
        "invalid_workflow", "the workflow breaks the language; `problems` lists every place"
    ),
    INVALID_INPUT: ErrorKind("invalid_input", "a value is missing, wrong, or out of bounds"),
    NOT_FOUND: ErrorKind("not_found", "nothing by that name"),
    CONFLICT: ErrorKind("conflict", "the state of the thing does not allow this"),
    BLOCKED_BY_POLICY: ErrorKind(
        "blocked_by_policy", "the safety judge says no; `findings` says why"
    ),
    UNSUPPORTED: ErrorKind("unsupported", "valid, but this machine or version cannot do it"),
    PREFLIGHT_FAILED: ErrorKind(
        "preflight_failed", "a step cannot work here, and none was run; `obstacles` says why"
    ),
    MESSAGE_TOO_LARGE: ErrorKind("message_too_large", "longer than the daemon takes"),
    UNTRUSTED_FOLDER: ErrorKind(
        "untrusted_folder", "the file is of a checkout nobody said they trust: `folder`"
    ),
    WORLD_ERROR: ErrorKind("world_error", "something outside Flow refused"),
    STORE_UNAVAILABLE: ErrorKind("store_unavailable", "the database takes no writes"),
    SPAWN_FAILED: ErrorKind("spawn_failed", "the system made no process"),
    PROVIDER_FAILED: ErrorKind("provider_failed", "a suggestion provider gave nothing useful"),
    BUSY: ErrorKind("busy", "too many clients at once"),
    BUG: ErrorKind("bug", "a mistake in flowd; it is logged, and the daemon goes on"),
}
