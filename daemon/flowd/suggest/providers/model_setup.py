"""What the model providers share when they are set up: the key, the import, the way out."""

import importlib
import os
from types import ModuleType
from urllib.parse import urlsplit

import trio

from flowd.config import ProviderConfig
from flowd.errors import Unsupported

REQUEST_SECONDS = 60.0  # the pipeline's deadline comes first; this ends what nobody waits for
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def read_key(name: str, config: ProviderConfig, usual: str) -> str:
    """Give the key from the environment. Unsupported, naming the variable, when it is not there."""
    variable = config.api_key_env or usual
    key = os.environ.get(variable, "") if variable else ""
    if not key:
        raise Unsupported(
            f"provider {name} has no key",
            cure=f"set {variable} in the environment of the daemon, then flowctl daemon restart",
        )
    return key


def is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine: no proxy must come between."""
    return (urlsplit(base_url).hostname or "") in _LOOPBACK


async def import_slowly(module: str) -> ModuleType:
    """Import an SDK (up to two seconds of processor time) beside the loop, not in it."""
    return await trio.to_thread.run_sync(importlib.import_module, module)
