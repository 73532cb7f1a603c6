"""The handshake: who the client is, and what this daemon can do for it."""

from collections.abc import Mapping
from typing import Any

from flowd.domain.ports import MOST_KEYS_BYTES
from flowd.server.services import Services
from flowproto.daemon import InitializeParams
from flowproto.events import EVENT_TYPES
from flowproto.methods import DETACHED, EVENT, METHODS, PROGRESS

_LONGEST_NAME = 80


def name_of(params: InitializeParams) -> str:
    """What the client is called in events: printable and short."""
    given = params.client_info.name if params.client_info is not None else ""
    return "".join(c for c in given if c.isprintable())[:_LONGEST_NAME] or "unnamed client"


def is_editor(params: InitializeParams) -> bool:
    """Whether the client may use the editor's half; it is one unless it says otherwise.

    A client that sends `capabilities.experimental.flow.editor: false` spares the daemon the
    loading of that half.
    """
    found: Any = params.capabilities
    for name in ("experimental", "flow", "editor"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is not False


def initialize_result(services: Services, editor: Mapping[str, Any]) -> dict[str, Any]:
    """The result of `initialize`: the editor's capabilities with ours under `experimental`."""
    ours = {
        "methods": [method.name for method in METHODS],
        "notifications": [EVENT, DETACHED, PROGRESS],
        "events": list(EVENT_TYPES),
        "limits": {
            "message_bytes": services.limits.message_bytes,
            "requests_in_flight": services.limits.requests_in_flight,
            "keys_bytes": MOST_KEYS_BYTES,
        },
    }
    experimental = {**editor.get("experimental", {}), "flow": ours}
    return {
        "capabilities": {**editor, "experimental": experimental},
        "serverInfo": {"name": "flowd", "version": services.version},
    }
