"""`flow/db/…`: looking after the database."""

from msgspec import Struct


class DbCheckParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/db/check`. `mend` makes summaries anew that differ from their run's events."""

    mend: bool = False


class DamageRow(Struct, kw_only=True):
    """One thing that is wrong. `what` is a run's id, or `file`; `cure` is what to do about it."""

    what: str
    problem: str
    cure: str


class DbCheckResult(Struct, kw_only=True):
    """What was looked at, and what is wrong with it; `mended` summaries are right again."""

    runs: int
    events: int
    damage: list[DamageRow]
    mended: int = 0
    elapsed_ms: float = 0.0


class DbBackupParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`flow/db/backup`. `path` is absolute: a new file, or a folder that gets a `flow.db`."""

    path: str


class DbBackupResult(Struct, kw_only=True):
    """The copy is whole and on the disk. `position` is that of the newest event in it."""

    path: str
    bytes: int
    position: int
    elapsed_ms: float = 0.0


class DbVacuumResult(Struct, kw_only=True):
    """Sizes in bytes, before and after. `sealed_runs` were packed only now.

    `removed_…` is what retention no longer keeps: finished runs, and long outputs of others.
    """

    database_bytes_before: int
    database_bytes_after: int
    wal_bytes_before: int
    wal_bytes_after: int
    sealed_runs: int
    removed_runs: int = 0
    removed_outputs: int = 0
    elapsed_ms: float = 0.0
