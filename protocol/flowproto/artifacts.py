"""Messages about files that steps made and that are kept with their run."""

from msgspec import Struct


class Artifact(Struct, kw_only=True):
    """A file that was kept. `path` is seen from the step's folder; `mode` is that of chmod(2)."""

    path: str
    size: int
    sha256: str
    mode: int


class ArtifactsParams(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`flow/artifacts`: those of a run, or of one step (with its items) or item."""

    run: str
    step: str | None = None


class ArtifactRow(Artifact, kw_only=True):
    """A file that was kept, and the attempt that made it. `kept_at` is where its content is."""

    step: str
    attempt: int
    kept_at: str


class ArtifactsNote(Struct, kw_only=True):
    """What of a step was not kept: so many files that match, and why, or why there are none."""

    step: str
    left_out: int
    reason: str


class ArtifactsResult(Struct, kw_only=True):
    """Files by step, in file order. `bytes` is their size together."""

    run: str
    files: list[ArtifactRow]
    bytes: int
    notes: list[ArtifactsNote]
