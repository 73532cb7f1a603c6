"""A real engine on a real log and real processes, in a folder of the test's own."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from flowd.config import EngineConfig
from flowd.domain.events import Recorded
from flowd.domain.ports import EventLog, Executor, Judge, RunRequest
from flowd.domain.run import RunState
from flowd.engine.curating import Curator
from flowd.engine.engine import RunEngine, open_engine
from flowd.engine.keeping import Keeper
from flowd.exec.artifacts import KeptFiles
from flowd.exec.preimages import SavedFiles
from flowd.exec.process import open_executor
from flowd.safety.footprint import foresee
from flowd.safety.judge import make_judge
from flowd.safety.masking import make_masker_for
from flowd.store.log import open_log
from flowproto.environment import looks_secret
from support.stories import tell, workflow_of

PATIENCE_SECONDS = 20


class Workshop:
    """An engine with its log and executor, and the words tests need."""

    def __init__(self, engine: RunEngine, log: EventLog, executor: Executor, folder: Path):
        self.engine = engine
        self.log = log
        self.executor = executor
        self.folder = folder

    async def start(self, *steps: Any, request: dict[str, Any] | None = None, **keys: Any) -> str:
        """Start a run of these steps in the test's folder."""
        return await self.engine.start(
            RunRequest(
                workflow=workflow_of(*steps, **keys), cwd=str(self.folder), **(request or {})
            )
        )

    async def carry_out(self, *steps: Any, **more: Any) -> RunState:
        """Start a run and wait for its end."""
        return await self.finish(await self.start(*steps, **more))

    async def until(self, run: str, wanted: str) -> RunState:
        """Wait for an event whose line (see `tell`) begins with `wanted`."""
        position = 0
        with trio.fail_after(PATIENCE_SECONDS):
            while True:
                for item in await self.log.read(run, position):
                    position = item.position
                    if tell(item.event).startswith(wanted):
                        return await self.engine.state(run)
                await self.engine.wait_beyond(run, position)

    async def finish(self, run: str) -> RunState:
        """Wait until nothing more happens by itself."""
        while not (state := await self.engine.state(run)).finished:
            with trio.fail_after(PATIENCE_SECONDS):
                await self.engine.wait_beyond(run, state.position)
        return state

    async def history(self, run: str) -> list[Recorded]:
        """Every event of the run."""
        return await self.log.read(run, limit=100_000)

    async def output(self, run: str, stream: str = "stdout") -> str:
        """Everything the run wrote on a stream."""
        return b"".join(
            item.event.data
            for item in await self.history(run)
            if getattr(item.event, "stream", None) == stream
        ).decode()


@asynccontextmanager
async def open_workshop(
    folder: Path,
    *,
    judge: Judge | None = None,
    known: dict[str, str] | None = None,
    **settings: Any,
) -> AsyncIterator[Workshop]:
    """Open everything on that folder; opening it again is what a restarted daemon does.

    `known` are variables of the daemon itself.
    """
    config = EngineConfig(**{"grace_seconds": 0.5, **settings})
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    async with (
        open_log(folder / "flow.db") as log,
        open_executor(folder / "steps") as executor,
        open_engine(
            log,
            executor,
            judge or make_judge(),
            config,
            environment=environment,
            chance=lambda: 0.5,
            masker_for=make_masker_for(looks_secret, known or {}),
            keeper=Keeper(foresee, SavedFiles(folder / "saved", config)),
            curator=Curator(KeptFiles(folder / "artifacts")),
        ) as engine,
    ):
        yield Workshop(engine, log, executor, folder)
