"""How near a task is to what was found for it, by a sentence model, when one is installed.

Words find the candidates, the model puts them in order: it knows that "eats my processor" is about
CPU use. What texts mean is kept in the database, for making it out takes milliseconds each.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

from flowd.domain.knowledge import Meanings
from flowd.suggest.minilm import MiniLM, likeness

if TYPE_CHECKING:
    from flowd.suggest.providers.base import Draft

_logger = logging.getLogger(__name__)

LOOKED_AT = 20  # drafts that are put in order anew
_MOST_NEW = 8  # texts made out for one task: some forty milliseconds
_PORTION = 32  # texts made out at a time in the background
_REST = 0.2  # seconds between portions, so that others get the processor
_SURE = 0.85  # a likeness above this tells no more
_LEAST = 0.05
_UNKNOWN = 0.5  # of a text not made out yet


class Nearness:
    """A sentence model and what it made out so far. `serve` does the rest in the background."""

    def __init__(self, folder: Path, meanings: Meanings):
        self._folder = folder
        self._meanings = meanings
        self._model: MiniLM | None = None
        self._loading = trio.Lock()
        self._waiting: list[str] = []
        self._wanted = trio.Event()
        self._name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]

    async def put_in_order(self, task: str, drafts: Sequence[Draft]) -> list[Draft]:
        """Weigh each draft by how near the words it was found by are to the task."""
        texts = list(dict.fromkeys(draft.asked_as for draft in drafts if draft.asked_as))
        model = await self._open() if texts else None
        if model is None:
            return list(drafts)
        (asked,) = await trio.to_thread.run_sync(model.encode, [task])  # kept nowhere
        known = await self._known(model, texts)
        near = {text: likeness(asked, meaning) for text, meaning in known.items()}
        return [_weighed(draft, near) for draft in drafts]

    def learn_soon(self, texts: Iterable[str]) -> None:
        """Have what these mean made out in the background."""
        self._waiting += texts
        self._wanted.set()

    async def serve(self) -> None:
        """Make out what waits, a portion at a time, for as long as the daemon lives."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            waiting, self._waiting = self._waiting, []
            model = await self._open()
            if model is None:
                return
            for begin in range(0, len(waiting), _PORTION):
                portion = waiting[begin : begin + _PORTION]
                kept = await self._meanings.get([self._key(text) for text in portion])
                new = [text for text in portion if self._key(text) not in kept]
                if new:
                    await self._make_out(model, new)
                    await trio.sleep(_REST)

    async def _known(self, model: MiniLM, texts: Sequence[str]) -> dict[str, bytes]:
        """Give the meanings of those texts that are known or quickly made out."""
        kept = await self._meanings.get([self._key(text) for text in texts])
        new = [text for text in texts if self._key(text) not in kept]
        made = await self._make_out(model, new[:_MOST_NEW]) if new else {}
        if len(new) > _MOST_NEW:
            self.learn_soon(new[_MOST_NEW:])
        return made | {text: kept[self._key(text)] for text in texts if self._key(text) in kept}

    async def _make_out(self, model: MiniLM, texts: Sequence[str]) -> dict[str, bytes]:
        vectors = await trio.to_thread.run_sync(model.encode, texts)
        made = dict(zip(texts, vectors, strict=True))
        await self._meanings.put({self._key(text): vector for text, vector in made.items()})
        return made

    async def _open(self) -> MiniLM | None:
        async with self._loading:
            if self._model is None and self._folder.is_dir():  # a local folder
                try:
                    self._model = await trio.to_thread.run_sync(MiniLM, self._folder)
                except (OSError, ValueError, KeyError) as error:
                    _logger.warning("%s is no sentence model: %s", self._folder, error)
                    self._folder = Path("/nonexistent")
            return self._model

    def _key(self, text: str) -> bytes:
        return hashlib.blake2b(f"{self._name}\0{text}".encode(), digest_size=12).digest()


def _weighed(draft: Draft, near: Mapping[str, float]) -> Draft:
    if not draft.asked_as:
        return draft
    factor = min(1.0, max(_LEAST, near.get(draft.asked_as, _UNKNOWN)) / _SURE)
    return replace(draft, confidence=draft.confidence * factor)
