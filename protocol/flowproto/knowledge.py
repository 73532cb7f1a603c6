"""`flow/knowledge/…`: collections of commands that suggestions look through."""

from msgspec import Struct, field


class KnowledgeImportParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/knowledge/import`. Without `path`, whatever is in the usual places of this machine.

    Manual pages are one of them. `path` is a file, a folder or an archive; a relative one is in
    `cwd`. `name` is what the collection is called from now on: one of the same name is
    replaced.
    """

    path: str | None = None
    cwd: str | None = None
    name: str | None = None


class SourceRow(Struct, kw_only=True):
    """An imported collection. `imported_at` in milliseconds since the epoch."""

    name: str
    kind: str
    origin: str
    examples: int
    imported_at: int


class ImportedRow(SourceRow, kw_only=True):
    """One that was just imported. `skipped` files could not be read, the first for `reason`."""

    skipped: int = 0
    reason: str = ""


class KnowledgeImportResult(Struct, kw_only=True):
    """What was imported; nothing, when no `path` was given and the usual places are empty."""

    imported: list[ImportedRow]
    looked_in: list[str] = field(default_factory=list)
    elapsed_ms: float = 0.0


class KnowledgeResult(Struct, kw_only=True):
    """Every imported collection, and how many recipes are built in."""

    sources: list[SourceRow]
    built_in: int


class KnowledgeRemoveParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/knowledge/remove`."""

    name: str
