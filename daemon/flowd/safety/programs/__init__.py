"""What programs do: one model per program, in a table by name."""

from flowd.safety.programs import (
    containers,
    copies,
    filters,
    hooks,
    interpreters,
    printers,
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
}
MODELS: Models = {**_BASE, **settings.with_settings(_BASE), **hooks.with_hooks(_BASE)}
