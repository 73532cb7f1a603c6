"""The ports about files that are kept for runs: what a step is about to change, what it made."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.commands import Kept
from flowd.domain.ports import AttemptKey
from flowd.domain.workflow import Shell

How = Literal[
    "deleted",  # goes away, with all that is in it
    "moved_away",  # the same, but what it was lives on elsewhere
    "emptied",  # a folder that goes away if nothing is in it
    "written",  # made, or given new content, through symbolic links
    "marked",  # made, or only its mode and times change
    "marked_tree",  # so with all that is in it
    "made",  # made unless it is there: nothing of what is there changes
    "copied",  # the target of copying `source`: a file, or the folder it is put into
    "copied_tree",  # the same, of whole folders
    "moved",  # the target of moving `source`
    "linked",  # the target of a link to `source`
    "linked_over",  # the same, where a link to a folder is replaced itself
]


class Touch(Struct, frozen=True):
    """What a script does to one path, which is absolute and may be a pattern of the shell.

    `source` is what is put there, for those that may be put into a folder; "" when `path` is the
    very place. `ending` is added to every path the pattern stands for. `ask` are arguments for
    git, which lists in the folder `path` what is meant.
    """

    path: str
    how: How
    source: str = ""
    ending: str = ""
    ask: tuple[str, ...] = ()


class Footprint(Struct, frozen=True):
    """What a script will do to files. Only a `complete` one can be relied on.

    `reason` says why it is not complete.
    """

    touches: tuple[Touch, ...] = ()
    complete: bool = True
    reason: str = ""


class Foresee(Protocol):
    """Says which files a script deletes or overwrites, from its text, without running it."""

    def __call__(
        self, script: str, *, shell: Shell, cwd: str, environment: Mapping[str, str] | None
    ) -> Footprint:
        """Give all that the script can do to files when it is run there; never raises on input.

        `environment` is the script's whole one. None: what a run could foresee once it has one.
        """
        ...


class Saved(Struct, frozen=True):
    """How keeping files went: so many paths and bytes, or why nothing is kept."""

    files: int = 0
    bytes: int = 0
    reason: str = ""


class Preimages(Protocol):
    """Keeps files as they were before a step. One copy for each attempt, until it is dropped."""

    async def save(self, key: AttemptKey, touches: Sequence[Touch]) -> Saved:
        """Keep what these touches would change, durably; all of it or, with a reason, nothing.

        May be cancelled; nothing is kept then.
        """
        ...

    def place(self, run: str, step: str, attempt: int) -> str:
        """Give the folder of what was saved before that attempt, if anything was."""
        ...

    def restoring(self, run: str, step: str, attempt: int) -> str:
        """Give a script for `sh` that puts back what was saved before that attempt.

        It may be killed and run again. SpawnFailed when what was saved is gone.
        """
        ...

    async def sweep(self, live: Collection[str], undone: Collection[str] = ()) -> None:
        """Remove what was saved for undone runs, for too long, or beyond the room there is.

        What belongs to a live run stays. Never raises.
        """
        ...


class Room(Struct, frozen=True):
    """How much may be kept: so many files and bytes, and whose settings or rule that is."""

    files: int
    bytes: int


class Artifacts(Protocol):
    """Keeps files that steps made, with their run: of the newest attempt of each step."""

    async def keep(
        self,
        key: AttemptKey,
        folder: str,
        patterns: Sequence[str],
        room: Room,
        *,
        drawn: Drawn = NOTHING_DRAWN,
    ) -> Kept:
        """Copy the files in `folder` that match, durably, as far as there is room.

        Nothing outside of the folder is ever read: symbolic links are not followed. Nor is what
        the step itself may not read by what is `drawn`. Never raises
        for what stands there or for a disk that refuses: the answer says what was left out, and
        why. May be cancelled; nothing is kept then.
        """
        ...

    async def forget_earlier(self, key: AttemptKey) -> None:
        """Remove what was kept of earlier attempts of the step. Never raises."""
        ...

    def place_of(self, key: AttemptKey, number: int) -> str:
        """Give the path at which the file of that number, from 0, was kept."""
        ...

    async def runs(self) -> list[str]:
        """Name the runs of which something is kept."""
        ...

    async def drop(self, runs: Collection[str]) -> None:
        """Remove all that is kept of these runs. Never raises."""
        ...

    async def measure(self) -> Room:
        """Count what is kept of all runs."""
        ...


Kind = Literal["file", "folder", "link", "other"]


class Change(Struct, frozen=True):
    """What a rehearsal made of one path, seen from the project. `size` in bytes.

    `diff` has the lines that differ, where both are short texts; `note` says what else there is.
    """

    path: str
    change: Literal["created", "changed", "deleted"]
    kind: Kind
    size: int = 0
    diff: str = ""
    note: str = ""


class Rehearsed(Struct, frozen=True):
    """What a run would have changed in its project. `left_out` counts changes beyond a thousand."""

    how: Literal["overlay", "copy"]
    changes: list[Change]
    left_out: int = 0


class Rehearsals(Protocol):
    """What rehearsals wrote, until it is thrown away."""

    async def look(self, run: str, project: str) -> Rehearsed:
        """Say what a run would have changed. NotFound when it was thrown away."""
        ...

    async def drop(self, run: str) -> None:
        """Throw it away. Never raises."""
        ...

    async def old(self, seconds: float) -> list[str]:
        """Name the runs whose rehearsal is still there and began longer ago than this."""
        ...
