"""The provider that is always there: no model, no network, no key."""

import trio

from flowd.config import ProviderConfig
from flowd.suggest.providers.base import Draft, Question


class OfflineProvider:
    """Proposes what was retrieved: built-in recipes and the project's own tasks, as they are."""

    def __init__(self, name: str = "offline"):
        self.name = name

    async def propose(self, question: Question) -> list[Draft]:
        """Give the retrieved drafts, best first."""
        await trio.lowlevel.checkpoint()
        return list(question.retrieved)


def make_provider(name: str, config: ProviderConfig) -> OfflineProvider:
    """Make the provider; it has no settings."""
    return OfflineProvider(name)
