"""What a user has imported for suggestions to look through: commands, each with its title.

The built-in recipes come with Flow and are tried out; these are other people's, and only as good as
where they come from.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct, field


class Example(Struct, frozen=True):
    """A command and what it is for.

    `topic` is what it is filed under (mostly a program), `about` a sentence on that. The holes of
    the command are variables in `script`, and `inputs` describes each: name -> description.
    `defaults` gives those values that the command came with.
    """

    title: str
    topic: str
    about: str
    script: str
    inputs: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)


class Worded(Struct, frozen=True):
    """An example with the meanings of its title and of all else about it, as they are searched."""

    example: Example
    title: str
    about: str


class KnowledgeSource(Struct, frozen=True):
    """A collection that was imported. `imported_at` in milliseconds since the epoch.

    `vocabulary` tells with which words' meanings it was indexed: with others it must be done anew.
    """

    name: str
    kind: str
    origin: str
    imported_at: int
    vocabulary: str
    examples: int = 0


class Meanings(Protocol):
    """What texts mean, as a model made it out: key -> vector."""

    async def get(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Give those that are known."""
        ...

    async def put(self, made: Mapping[bytes, bytes]) -> None:
        """Keep some. They can be made out again: nothing is lost with them."""
        ...


class ImportedKnowledge(Protocol):
    """The imported collections. Changes are durable when a call returns."""

    async def sources(self) -> list[KnowledgeSource]:
        """What was imported, by name."""
        ...

    async def put(
        self,
        source: KnowledgeSource,
        examples: Iterable[Sequence[Worded]],
        kind: Callable[[], str],
    ) -> KnowledgeSource:
        """Take a collection in, portion by portion, in place of the one of the same name.

        The former one answers until the new one is complete, and for good when that fails. What
        kind it is is asked when everything was read.
        """
        ...

    async def remove(self, name: str) -> bool:
        """Forget a collection; whether there was one."""
        ...

    async def find(self, meanings: Sequence[str], limit: int) -> list[Example]:
        """Give the examples that share most with these meanings, of which the first tell most."""
        ...

    async def about(self, topic: str) -> str:
        """Give the sentence on a topic, which is mostly a program; "" when none was imported."""
        ...

    async def everything(self, name: str) -> list[Example]:
        """Give all examples of a collection, to index them anew."""
        ...
