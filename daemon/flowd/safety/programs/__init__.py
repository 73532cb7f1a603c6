"""What programs do: one model per program, in a table by name."""

from flowd.safety.programs import (
    containers,
    copies,
    filters,
    hooks,
    interpreters,
    machines,
    printers,
    recipes,
    settings,
    spread,
    transfer,
    uploads,
    wrappers,
)
from flowd.safety.programs.effects import Models

_BASE: Models = {
    **printers.MODELS,
    **filters.MODELS,
    **copies.MODELS,
    **transfer.MODELS,
    **wrappers.MODELS,
    **spread.MODELS,
    **interpreters.MODELS,
    **containers.MODELS,
    **uploads.MODELS,
    **machines.MODELS,
    **recipes.MODELS,
}
_WITH_HOOKS: Models = {**_BASE, **settings.with_settings(_BASE), **hooks.with_hooks(_BASE)}
MODELS: Models = {**_WITH_HOOKS, **recipes.with_scripts(_WITH_HOOKS)}
