"""Hand over the values of `secrets:` that the daemon asks for, and no others."""

from __future__ import annotations

import os

from flowproto.client import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def with_secrets(
    ask: Callable[[dict[str, Any]], dict[str, Any]], params: dict[str, Any]
) -> dict[str, Any]:
    """Make a request; when secrets are missing that our environment has, make it again with them.

    RemoteError, as the daemon put it, when we do not have them either.
    """
    try:
        return ask(params)
    except RemoteError as error:
        missing = error.data.get("missing_secrets")
        given = params.get("secrets", {})
        if not isinstance(missing, list):
            raise
        found = {str(name): os.environ[name] for name in missing if name in os.environ}
        if len(found) < len(missing) or found.keys() <= given.keys():
            raise
    return ask({**params, "secrets": {**given, **found}})
