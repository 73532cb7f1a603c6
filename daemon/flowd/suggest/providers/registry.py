"""Which providers there are, by name, and how each is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from flowd.config import Config, ProviderConfig
from flowd.errors import InvalidInput, Unsupported
from flowd.suggest.providers.base import Factory, Provider
from flowd.suggest.providers.presets import PRESETS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "flow.providers"

KINDS: Mapping[str, str] = {
    "offline": "flowd.suggest.providers.offline:make_provider",
    "openai": "flowd.suggest.providers.openai:make_provider",
    "anthropic": "flowd.suggest.providers.anthropic:make_provider",
    **dict.fromkeys(PRESETS, "flowd.suggest.providers.openai_compatible:make_provider"),
}
"""Kind of provider -> where its `Factory` is; imported when first wanted."""


class Unusable(Struct, frozen=True):
    """A provider that was asked for by name and cannot work as things are set up."""

    name: str
    error: str
    cure: str


class Registry:
    """Providers by name. Made when first asked for, and kept."""

    def __init__(self, config: Config):
        self._config = config
        self._made: dict[str, Provider] = {}

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        """What other packages bring along; looking for it takes more than a megabyte."""
        from importlib.metadata import entry_points

        return {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}

    def names(self) -> list[str]:
        """Every name that can be asked for, sorted."""
        settings = self._config.providers
        switched_off = {name for name, setting in settings.items() if not setting.enabled}
        return sorted({*KINDS, *self._plugins, *settings} - switched_off)

    def choose(self, wanted: Iterable[str]) -> tuple[list[Provider], list[Unusable]]:
        """Give the wanted providers in that order, and those of them that cannot work.

        None wanted: those the settings prefer, or else every one that can work; the offline one
        first. InvalidInput for a name nobody knows.
        """
        named = list(dict.fromkeys(wanted)) or self._preferred()
        known = self.names()
        for name in named:
            if name not in known:
                raise InvalidInput(
                    f"there is no provider {name!r}",
                    cure=f"choose among {', '.join(known)}; config.toml can add [providers.{name}]",
                    data={"known": known},
                )
        chosen: list[Provider] = []
        unusable: list[Unusable] = []
        for name in named or self._all_usual(known):
            try:
                chosen.append(self.make(name))
            except Unsupported as error:
                unusable.append(Unusable(name, error.message, error.cure))
        return chosen, unusable if named else []

    def _preferred(self) -> list[str]:
        """Give those the settings name; with a fallback order the offline one and those in it."""
        settings = self._config.suggest
        first = settings.providers or (["offline"] if settings.fallback else [])
        return list(dict.fromkeys([*first, *settings.fallback]))

    def usual(self) -> list[str]:
        """Give those that are asked when none is named, whether they can work or not."""
        return self._preferred() or self._all_usual(self.names())

    def kind_of(self, name: str) -> str:
        """Give the kind of a provider, which is its name unless the settings say otherwise."""
        setting = self._config.providers.get(name)
        return (setting.kind if setting else "") or name

    def _all_usual(self, known: Iterable[str]) -> list[str]:
        """Give those that are asked when none is named: presets only if the settings have them."""
        settings = self._config.providers
        others = (name for name in known if name in settings or name not in PRESETS)
        return ["offline", *(name for name in others if name != "offline")]

    def make(self, name: str) -> Provider:
        """Give the provider of a name that is known. Unsupported when it cannot work."""
        if name not in self._made:
            setting = self._config.providers.get(name, ProviderConfig())
            self._made[name] = self._factory(name, setting)(name, setting)
        return self._made[name]

    def _factory(self, name: str, setting: ProviderConfig) -> Factory:
        kind = setting.kind or name
        if kind in KINDS:
            module, function = KINDS[kind].split(":")
            return cast(Factory, getattr(import_module(module), function))
        if kind in self._plugins:
            return _load(self._plugins[kind])
        known = ", ".join(sorted({*KINDS, *self._plugins}))
        raise Unsupported(
            f"[providers.{name}] is of kind {kind!r}, which nobody provides",
            cure=f"set `kind` in config.toml to one of {known}",
        )


def _load(point: EntryPoint) -> Factory:
    """Load a plugin. Unsupported when it cannot even be imported."""
    try:
        return cast(Factory, point.load())
    except (ImportError, AttributeError) as error:
        raise Unsupported(
            f"the plugin {point.value} cannot be loaded: {error}",
            cure="mend or uninstall that package",
        ) from error
