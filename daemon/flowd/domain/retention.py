"""How long what is finished is kept. Live runs are never touched, whatever is set here."""

from typing import Annotated

from msgspec import Meta, Struct

DAY_MS = 24 * 60 * 60 * 1000


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`. A limit that is left out does not limit: by default everything is kept.

    A finished run is removed when it ended more than `keep_days` ago, or when `keep_runs` newer
    ones are finished. Of runs that ended more than `keep_output_days` ago and can only be undone
    from there on, long outputs are removed, and the run stays.
    """

    keep_days: Annotated[float, Meta(gt=0)] | None = None
    keep_runs: Annotated[int, Meta(ge=1)] | None = None
    keep_output_days: Annotated[float, Meta(gt=0)] | None = None

    @property
    def limits_runs(self) -> bool:
        """Whether any run is ever removed."""
        return self.keep_days is not None or self.keep_runs is not None


KEEP_ALL = Retention()
