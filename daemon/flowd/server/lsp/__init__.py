"""The daemon for editors: what the Language Server Protocol asks, answered on the same connection.

    features      methods to handlers, capabilities
    editor        one connection: documents, folders, what the client can do
    documents     texts as the client sees them    analysis   what is known of one
    diagnostics · actions · lenses · hover · completion   what the editor shows
    commands · suggesting · following · waiting           what it does

Nothing here is imported before an editor connects: the types alone take half a second.
"""

from typing import TYPE_CHECKING

import trio
from msgspec import Raw

if TYPE_CHECKING:
    from flowd.server.peer import Peer
    from flowd.server.services import LspFeatures, Services


async def open_lsp(services: "Services", peer: "Peer", initialize: Raw | None) -> "LspFeatures":
    """Make the editor's half of a connection, from the params of `initialize`.

    The first one waits for the imports, which happen in a thread so that runs go on meanwhile.
    """
    await trio.to_thread.run_sync(_import)
    from flowd.server.lsp.features import Features

    return Features(services, peer, initialize)


def _import() -> None:
    import flowd.server.lsp.features  # noqa: F401
