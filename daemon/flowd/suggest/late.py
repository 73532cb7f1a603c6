"""A suggester that is made when it is first asked: until then its tables cost no memory.

What looks for answers is a tenth of an idle daemon, and many daemons only run workflows.
"""

from __future__ import annotations

from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowd.domain.suggestions import (
        ProviderState,
        ProviderTrial,
        Show,
        SuggestAnswer,
        Suggestion,
        SuggestRequest,
        Told,
    )
    from flowd.suggest.pipeline import PipelineSuggester
    from flowd.suggest.retrieve import Knowledge


class LateSuggester:
    """The `Suggester` port; `make` gives the one that does the work."""

    def __init__(self, make: Callable[[], PipelineSuggester]):
        self._make = make
        self._made: PipelineSuggester | None = None
        self._making = Lock()  # `know` is called in threads

    @property
    def _real(self) -> PipelineSuggester:
        with self._making:
            if self._made is None:
                self._made = self._make()
            return self._made

    async def _ready(self) -> PipelineSuggester:
        if self._made is None:
            await trio.to_thread.run_sync(import_module, "flowd.suggest.pipeline")
        return self._real

    def know(self) -> Knowledge:
        """Give what it knows, reading it first if need be (call it in a thread)."""
        return self._real.know()

    async def suggest(self, request: SuggestRequest, show: Show | None = None) -> SuggestAnswer:
        """Answer a task; see the port."""
        return await (await self._ready()).suggest(request, show)

    async def providers(self) -> list[ProviderState]:
        """Tell how the providers stand; see the port."""
        return await (await self._ready()).providers()

    async def try_provider(self, name: str, deadline_seconds: float) -> ProviderTrial:
        """Ask one provider for real; see the port."""
        return await (await self._ready()).try_provider(name, deadline_seconds)

    async def tell(self, request: SuggestRequest) -> list[Told]:
        """Give what providers would be sent; see the port."""
        return await (await self._ready()).tell(request)

    def recall(self, suggestion_id: str) -> Suggestion:
        """Give a suggestion made earlier; see the port."""
        return self._real.recall(suggestion_id)
