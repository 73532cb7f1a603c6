"""`flow/learned…`, `flow/dismiss`: what Flow learned from what was done with suggestions."""

from typing import Literal

from msgspec import Struct, field


class LearnedRow(Struct, kw_only=True):
    """One thing that was learned, said in `text`.

    A `habit` is a preference, an `answer` a workflow that is suggested for tasks like `examples`, a
    `failure` a script that is ranked lower. `seen` counts how often it was done so, `against` how
    often it was not, or went wrong; `active` says whether it counts. `last_at` in milliseconds
    since the epoch.
    """

    id: str
    kind: Literal["habit", "answer", "failure"]
    text: str
    seen: int
    against: int
    last_at: int
    active: bool
    examples: list[str] = field(default_factory=list)


class LearnedResult(Struct, kw_only=True):
    """Habits first, then answers and failures, newest first."""

    learned: list[LearnedRow]


class ForgetParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`id` of a learned thing, or the start of it."""

    id: str


class ForgottenResult(Struct, kw_only=True):
    """How many facts were removed."""

    facts: int


class DismissParams(Struct, kw_only=True, forbid_unknown_fields=True):
    """`suggestion` is the id of one that is not wanted for its task."""

    suggestion: str
