"""Takes note of what becomes of suggestions, and keeps what follows from that at hand.

Nobody waits for a note: `serve` writes them down one after the other. What is learned is folded
anew, in a thread, when something was noted since the last time it was asked for.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import trio

from flowd.clocks import wall_clock_ms
from flowd.domain.learning import (
    Chosen,
    Dismissed,
    Ended,
    Ending,
    Experiences,
    Fact,
    Forgotten,
    Kept,
    LearnedThing,
)
from flowd.domain.render import to_object
from flowd.domain.run import RunState
from flowd.domain.workflow import Workflow
from flowd.errors import FlowError, NotFound
from flowd.suggest.memory import Shown

if TYPE_CHECKING:
    from flowd.suggest.learning.learned import Learned
    from flowd.suggest.retrieve import Knowledge

log = logging.getLogger(__name__)

MOST_WAITING = 1000  # notes, when they come faster than they can be written down
MOST_FACTS = 2000
LAST_SECONDS = 2.0  # for what is still to be written when the daemon ends
MOST_RUNS = 2000  # whose end is waited for
LARGEST_WORKFLOW = 65_536  # bytes: a longer one is no answer to a question in words

MaskFor = Callable[[str], Callable[[str], str]]


def _nothing_shown(_suggestion: str) -> Shown | None:
    return None


class Learner:
    """The `Learning` port. Call `serve` in a task; without it nothing is written down.

    `enabled` False notes nothing and gives nothing. `shown` is where suggestions are remembered.
    """

    def __init__(
        self,
        experiences: Experiences,
        mask_for: MaskFor,
        *,
        enabled: bool = True,
        now_ms: Callable[[], int] = wall_clock_ms,
    ):
        self.enabled = enabled
        self.shown: Callable[[str], Shown | None] = _nothing_shown
        self.knowledge: Callable[[], Knowledge] | None = None
        self.now_ms = now_ms
        self._experiences = experiences
        self._mask_for = mask_for
        self._facts: list[Kept] | None = None
        self._learned: Learned | None = None
        self._live: OrderedDict[str, str] = OrderedDict()  # runs to their folders
        self._own: set[int] = set()  # workflows that no suggestion gave, noted in this life
        self._writes, self._to_write = trio.open_memory_channel[Fact](MOST_WAITING)
        self._waiting = 0
        self._written = trio.lowlevel.ParkingLot()
        self._folding = trio.Lock()

    # -------------------------------------------------------------------------- taking note

    def ran(self, run: str, workflow: Workflow, folder: str, suggestion: str = "") -> None:
        """Take note of a run; see the port."""
        if not self.enabled:
            return
        shown = self.shown(suggestion) if suggestion else None
        if shown is None:
            if not self._is_new(workflow):
                return
            shown = _of_its_own(workflow, folder)
        mask = self._mask_for(folder)
        shaped = to_object(workflow)
        text = msgspec.json.encode(shaped).decode()
        if len(text) > LARGEST_WORKFLOW or mask(text) != text:
            return  # what holds a secret is not to be kept, and with its mask would not work
        self._await_end(run, folder)
        self._note(
            Chosen(
                at=self.now_ms(),
                task=mask(shown.task),
                folder=folder,
                run=run,
                title=mask(shown.title),
                workflow=shaped,
                offered=[mask(script) for script in shown.scripts],
                passed=[mask(shape) for shape in shown.above],
            )
        )

    def _await_end(self, run: str, folder: str) -> None:
        self._live[run] = folder
        while len(self._live) > MOST_RUNS:
            self._live.popitem(last=False)

    def _is_new(self, workflow: Workflow) -> bool:
        """Whether a workflow of the user's own was not noted yet: most are run again and again."""
        key = hash(msgspec.json.encode(workflow))
        known = key in self._own
        if len(self._own) >= MOST_FACTS:
            self._own.clear()
        self._own.add(key)
        return not known

    def dismissed(self, suggestion: str) -> None:
        """Take note that a suggestion was not wanted; see the port."""
        shown = self.shown(suggestion)
        if shown is None:
            raise NotFound(
                f"there is no suggestion {suggestion!r}", cure="ask again with flowctl suggest"
            )
        if self.enabled:
            mask = self._mask_for(shown.cwd)
            self._note(Dismissed(at=self.now_ms(), task=mask(shown.task), shape=mask(shown.shape)))

    def heed(self, state: RunState) -> None:
        """Take note of how a run ended; see the port."""
        ending = _ending(state)
        if ending is None or not self.enabled or state.run not in self._live:
            return
        script, exit_code = "", None
        for step in state.workflow.steps:
            now = state.steps[step.id]
            if ending == "failed" and now.status in ("failed", "timed_out"):
                script, exit_code = step.run, now.exit_code
                break
        mask = self._mask_for(self._live[state.run])
        self._note(
            Ended(
                at=self.now_ms(),
                run=state.run,
                ending=ending,
                script=mask(script),
                exit_code=exit_code,
            )
        )

    def _note(self, fact: Fact) -> None:
        try:
            self._writes.send_nowait(fact)
        except trio.WouldBlock:
            log.warning("too much happens to learn from all of it")
        else:
            self._waiting += 1

    async def serve(self) -> None:
        """Write notes down until cancelled. What cannot be written is not learned.

        Runs of an earlier daemon are learned from when they end, or are undone, only now.
        """
        try:
            await self._read()
        except FlowError as error:
            log.warning("what was learned cannot be read: %s", error.message)
        async for first in self._to_write:
            facts = [first, *self._also_waiting()]
            try:
                numbers = await self._experiences.keep(facts)
            except FlowError as error:
                log.warning("not learned: %s", error.message)
            else:
                if self._facts is not None:
                    self._facts = [*self._facts, *map(Kept, numbers, facts)][-MOST_FACTS:]
                self._learned = None
            finally:
                self._waiting -= len(facts)
                if not self._waiting:
                    self._written.unpark_all()

    def _also_waiting(self) -> Iterator[Fact]:
        """Take what else is to be written: together it costs as much as one."""
        try:
            while True:
                yield self._to_write.receive_nowait()
        except trio.WouldBlock:
            return

    async def settle(self) -> None:
        """Wait until everything noted is written down."""
        while self._waiting:
            await self._written.park()

    # --------------------------------------------------------------------- what was learned

    async def learned(self, knowledge: Knowledge) -> Learned | None:
        """Give what was learned so far; None when that is switched off or cannot be read."""
        if not self.enabled:
            return None
        try:
            return await self._fold(knowledge)
        except FlowError as error:
            log.warning("what was learned cannot be read: %s", error.message)
            return None

    async def _fold(self, knowledge: Knowledge) -> Learned:
        async with self._folding:
            facts, learned = await self._read(), self._learned
            if learned is None:
                from flowd.suggest.learning.learned import learn  # see `late.py`

                learned = await trio.to_thread.run_sync(learn, facts, knowledge)
                if facts is self._facts:  # nothing came meanwhile
                    self._learned = learned
            return learned

    async def _read(self) -> list[Kept]:
        if self._facts is None:
            self._facts, self._learned = await self._experiences.facts(), None
            for kept in self._facts:
                if isinstance(kept.fact, Chosen):
                    self._await_end(kept.fact.run, kept.fact.folder)
        return self._facts

    async def _known(self) -> Learned:
        assert self.knowledge is not None
        knowledge = await trio.to_thread.run_sync(self.knowledge)
        await self.settle()
        return await self._fold(knowledge)

    async def things(self) -> list[LearnedThing]:
        """All that was learned; see the port."""
        from flowd.suggest.learning.learned import things_of

        return things_of(await self._known())

    async def forget(self, thing: str) -> LearnedThing:
        """Unlearn one thing; see the port."""
        from flowd.suggest.learning.learned import numbers_behind, things_of

        learned = await self._known()
        found = [each for each in things_of(learned) if each.id.startswith(thing)] if thing else []
        if len(found) != 1:
            raise NotFound(
                f"{'several things are' if found else 'nothing is'} learned as {thing!r}",
                cure="flowctl learned list shows the ids",
            )
        habit = next((each for each in learned.habits if each.id == found[0].id), None)
        if habit is not None:
            await self._experiences.keep([Forgotten(at=self.now_ms(), habit=habit.key)])
        else:
            await self._experiences.forget(numbers_behind(learned, found[0].id))
        self._facts = None
        return found[0]

    async def forget_all(self) -> int:
        """Remove every fact; see the port."""
        await self.settle()
        count = await self._experiences.forget_all()
        self._facts = None
        self._own.clear()
        return count


def _of_its_own(workflow: Workflow, folder: str) -> Shown:
    """Take a workflow that nobody suggested for the answer to what it says of itself."""
    name = workflow.name.replace("-", " ").replace("_", " ")
    return Shown(
        task=f"{name} {workflow.description}".strip(),
        cwd=folder,
        title=workflow.description or workflow.name,
        shape="",
        scripts=[],
    )


def _ending(state: RunState) -> Ending | None:
    """Say how a run ended, as far as that says something about its workflow."""
    if state.rehearsal or not state.finished:
        return None
    if state.status == "succeeded":
        return "succeeded"
    if state.rollback_cause == "undo":
        return "undone"
    return "failed" if state.status in ("failed", "compensated", "compensation_failed") else None


@asynccontextmanager
async def open_learner(
    experiences: Experiences, mask_for: MaskFor, *, enabled: bool
) -> AsyncIterator[Learner]:
    """Learn for the length of the block; what was noted by its end is written down."""
    async with trio.open_nursery() as nursery:
        learner = Learner(experiences, mask_for, enabled=enabled)
        nursery.start_soon(learner.serve)
        try:
            yield learner
        finally:
            with trio.move_on_after(LAST_SECONDS, shield=True):
                await learner.settle()
            nursery.cancel_scope.cancel()
