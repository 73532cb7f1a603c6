"""A registry of providers that are there already."""

from collections.abc import Sequence

from flowd.config import Config
from flowd.suggest.providers.base import Provider
from flowd.suggest.providers.registry import Registry, Unusable


class FixedRegistry(Registry):
    """Offers exactly these providers."""

    def __init__(self, providers: Sequence[Provider]):
        super().__init__(Config())
        self._providers = {provider.name: provider for provider in providers}

    def choose(self, wanted: Sequence[str]) -> tuple[list[Provider], list[Unusable]]:
        return [self._providers[name] for name in wanted or self._providers], []
