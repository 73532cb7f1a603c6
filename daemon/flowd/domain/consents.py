"""What a user has agreed to beyond one run: folders that are trusted, questions that are answered.

Trust and approvals live in the daemon's database. An approval is part of the answer that gave it:
`Granted` in the event that records it, so there is never the one without the other.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

Scope = Literal["run", "project", "always"]


class Keep(Struct, frozen=True):
    """For how long a yes shall hold. `expires_at` in milliseconds since the epoch, None for ever.

    `project` is the folder that the scope of that name is about.
    """

    scope: Scope
    project: str = ""
    expires_at: int | None = None


class Approvable(Struct, frozen=True):
    """A question that the judge asks about a step, so that it can be known again.

    `key` is the digest of all that would run, `rules` what objects to it. `approval` is the one
    that stood when the run was accepted, 0 for none, and `expires_at` its end.
    """

    key: str
    rules: tuple[str, ...]
    approval: int = 0
    expires_at: int | None = None

    def stands(self, at: int) -> bool:
        """Whether the approval is there and holds at this time."""
        return self.approval > 0 and (self.expires_at is None or at < self.expires_at)


class Granted(Struct, frozen=True):
    """A yes that holds for longer: what was approved, and where."""

    keep: Keep
    key: str
    rules: tuple[str, ...]
    script: str
    question: str


class Approval(Struct, frozen=True):
    """A yes that stands. Times in milliseconds since the epoch; `project` "" is everywhere."""

    id: int
    key: str
    rules: tuple[str, ...]
    script: str
    question: str
    project: str
    run: str
    step: str
    granted_at: int
    expires_at: int | None = None
    uses: int = 0
    last_used_at: int | None = None

    def covers(self, asked: Approvable, folder: str, at: int) -> bool:
        """Whether it answers a question asked by a run in a folder at a time."""
        return (
            self.key == asked.key
            and set(asked.rules) <= set(self.rules)
            and (self.expires_at is None or at < self.expires_at)
            and (
                not self.project
                or folder == self.project
                or folder.startswith(self.project.rstrip("/") + "/")
            )
        )


class TrustedFolder(Struct, frozen=True):
    """A folder whose files may run and whose policy counts, with all below it."""

    path: str
    trusted_at: int


class Consents(Protocol):
    """The lasting agreements. Every change is durable when the call returns."""

    async def trusted_folders(self) -> list[TrustedFolder]:
        """Folders that are trusted, by name."""
        ...

    async def trust(self, path: str, at: int) -> None:
        """Trust a folder from now on."""
        ...

    async def distrust(self, path: str) -> bool:
        """Trust it no more; whether it was."""
        ...

    async def approvals(self) -> list[Approval]:
        """Every approval that was neither revoked nor replaced, newest first."""
        ...

    async def revoke(self, approval: int) -> Approval | None:
        """Take an approval back, for runs that start from now on; None when there is none."""
        ...

    async def approvals_of(self, keys: Sequence[str]) -> list[Approval]:
        """Those whose key is one of these."""
        ...
