"""Messages about the daemon itself, and the life of a connection."""

from typing import Any

from msgspec import Struct, field


class Empty(Struct, forbid_unknown_fields=True):
    """No parameters."""


class ClientInfo(Struct, kw_only=True, omit_defaults=True):
    """Who is calling; shown as `by` in events."""

    name: str
    version: str = ""


class InitializeParams(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """As LSP; fields that only editors send are kept raw and read by the LSP part."""

    process_id: int | None = None
    client_info: ClientInfo | None = None
    capabilities: dict[str, Any] = field(default_factory=dict)


class StatusParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/daemon/status`. `try_sandbox` finds out what confines steps, by starting processes."""

    try_sandbox: bool = False


class StatusResult(Struct, kw_only=True):
    """`flow/daemon/status`. `runs` counts those that are not finished.

    `step_limits` says, for people, what holds the `limits` of steps on this machine, and
    `step_sandbox`, if that was tried, what confines them or why nothing does.
    """

    pid: int
    socket: str
    version: str
    uptime_s: float
    runs: int
    database: str = ""
    store_error: str = ""
    policy_error: str = ""
    peers: int = 0
    step_limits: str = ""
    step_sandbox: str = ""


class StopResult(Struct):
    """The daemon ends after this answer; `running` steps go on without it."""

    running: int


class StatsResult(Struct, kw_only=True):
    """`flow/stats`. Sizes in bytes.

    `event_bytes` and `output_bytes` (outputs over 1 kB) are parts of the database, as packed;
    `due_…` is what retention will remove of it: finished runs, and long outputs of others.
    `artifact_…` is what is kept of steps' artifacts, in files beside the database.
    """

    runs: int
    runs_by_state: dict[str, int]
    events: int
    last_position: int
    database_bytes: int
    wal_bytes: int
    schema_version: int
    memory_bytes: int
    uptime_s: float
    event_bytes: int = 0
    output_bytes: int = 0
    due_runs: int = 0
    due_outputs: int = 0
    due_bytes: int = 0
    artifact_files: int = 0
    artifact_bytes: int = 0
