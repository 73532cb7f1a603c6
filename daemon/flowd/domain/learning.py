"""What is learned from: facts about what a user was offered and did with it, and who keeps them.

A fact is never changed. What follows from all of them together, answers worth giving again and
habits, is worked out anew by `suggest/learning`. Texts in facts went through a mask first.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from flowd.domain.run import RunState
from flowd.domain.workflow import Workflow

Ending = Literal["succeeded", "failed", "undone"]
LearnedKind = Literal["habit", "answer", "failure"]


class Chosen(Struct, frozen=True, kw_only=True, tag="chosen"):
    """A workflow was run. `offered` are the scripts of the suggestion it was made from.

    `passed` are the shapes of suggestions shown above that one. Without `offered` it was no
    suggestion: then `task` is what the workflow says of itself.
    """

    at: int
    task: str
    folder: str
    run: str
    title: str
    workflow: dict[str, Any]
    offered: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)


class Dismissed(Struct, frozen=True, kw_only=True, tag="dismissed"):
    """A suggestion was not wanted for a task. `shape` is that of its scripts."""

    at: int
    task: str
    shape: str


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """How a run ended that was learned from. `script` is what failed, with its exit code."""

    at: int
    run: str
    ending: Ending
    script: str = ""
    exit_code: int | None = None


class Forgotten(Struct, frozen=True, kw_only=True, tag="forgotten"):
    """A habit shall not follow from what was done before this time."""

    at: int
    habit: str


Fact = Chosen | Dismissed | Ended | Forgotten


class Kept(Struct, frozen=True):
    """A fact and its number in the store."""

    number: int
    fact: Fact


class Experiences(Protocol):
    """The facts. Every change is durable when the call returns; the oldest go when there are many.

    StoreUnavailable when nothing can be written.
    """

    async def facts(self) -> list[Kept]:
        """All of them, oldest first."""
        ...

    async def keep(self, facts: Sequence[Fact]) -> list[int]:
        """Write these down, all or none, and give their numbers."""
        ...

    async def forget(self, numbers: Iterable[int]) -> None:
        """Remove these for good; those that are not there do not matter."""
        ...

    async def forget_all(self) -> int:
        """Remove all, and say how many there were."""
        ...


class LearnedThing(Struct, frozen=True):
    """One thing that follows from the facts, for people. Times in milliseconds since the epoch.

    `text` says it in a sentence, `seen` how often it was done so, `against` how often otherwise.
    `examples` are the tasks or scripts that it was seen in. `active` says whether it counts now.
    """

    id: str
    kind: LearnedKind
    text: str
    seen: int
    against: int
    last_at: int
    active: bool
    examples: list[str] = field(default_factory=list)


class Learning(Protocol):
    """Takes note of what a user does, and tells what it learned of that."""

    def ran(self, run: str, workflow: Workflow, folder: str, suggestion: str = "") -> None:
        """Take note of a run. `suggestion` is the id of what it is, or was edited from."""
        ...

    def dismissed(self, suggestion: str) -> None:
        """Take note that a suggestion was not wanted. NotFound when it is not known any more."""
        ...

    def heed(self, state: RunState) -> None:
        """Take note of how a run ended, if it did and was learned from."""
        ...

    async def things(self) -> list[LearnedThing]:
        """All that was learned: habits first, then the newest."""
        ...

    async def forget(self, thing: str) -> LearnedThing:
        """Unlearn one thing and give it. NotFound when there is none of that id."""
        ...

    async def forget_all(self) -> int:
        """Remove every fact, and say how many there were."""
        ...
