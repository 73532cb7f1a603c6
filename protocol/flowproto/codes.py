"""Error codes. JSON-RPC and LSP reserve some; ours start at -32050 and never change meaning.

The `code` string in an error's `data` is the daemon's own name for it (`flowd.errors`); programs
may switch on either.
"""

from typing import Final

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
WORLD_ERROR: Final = -32060
STORE_UNAVAILABLE: Final = -32061
SPAWN_FAILED: Final = -32062
PROVIDER_FAILED: Final = -32063
BUSY: Final = -32064
BUG: Final = -32070
