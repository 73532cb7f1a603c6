"""Which providers there are, by name, and how each is made."""

from collections.abc import Mapping

ENTRY_POINT_GROUP = "flow.providers"

KINDS: Mapping[str, str] = {
    "offline": "flowd.suggest.providers.offline:make_provider",
    "openai": "flowd.suggest.providers.openai:make_provider",
    "anthropic": "flowd.suggest.providers.anthropic:make_provider",
    "openai_compatible": "flowd.suggest.providers.openai_compatible:make_provider",
}
"""Kind of provider -> where its `Factory` is; imported when first wanted."""
