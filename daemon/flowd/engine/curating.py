"""What a step made is kept with its run, before the end of the attempt is recorded.

So a daemon that is killed in between finds the attempt still in flight, adopts it, and keeps its
files anew. Failed attempts, too: reports of tests are wanted most then.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from weakref import WeakValueDictionary

import trio

from flowd import faultpoints
from flowd.config import EngineConfig
from flowd.domain.boundaries import NOTHING_DRAWN
from flowd.domain.commands import Command, Kept, ReportArtifacts, ReportEnd
from flowd.domain.files import Artifacts, Room
from flowd.domain.ports import AttemptKey
from flowd.domain.run import RunState
from flowd.domain.workflow import Step
from flowd.engine.acceptance import folder_in
from flowd.engine.launches import confinement_of
from flowd.engine.live import LiveRun

Report = Callable[[LiveRun, Command], Awaitable[object]]


class _Turn:
    """Steps of one run are served one after the other: they share the room there is."""

    def __init__(self) -> None:
        self.lock = trio.Lock()


class Curator:
    """Keeps the artifacts of steps. `report` makes durable what was kept."""

    def __init__(self, artifacts: Artifacts):
        self._artifacts = artifacts
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    async def after(
        self, live: LiveRun, key: AttemptKey, end: Command, config: EngineConfig, report: Report
    ) -> None:
        """Keep what an attempt made that ended so; returns once that is recorded, or at once.

        What cannot be kept does not fail the step: the run says what is missing, and why.
        """
        plan = live.state.plan[key.step]
        if not plan.artifacts or key.kind != "run":
            return
        if not isinstance(end, ReportEnd) or end.exit_code is None:  # it never ran, or who knows
            return
        folder = folder_in(live.state.cwd, plan.cwd)
        if _leads_out(live.state, plan, folder):
            kept = Kept(reason="the step's folder is not in the project that confines it")
            await report(live, ReportArtifacts(key.step, key.attempt, kept))
            return
        turn = self._turns.setdefault(key.run, _Turn())
        async with turn.lock:
            room = _room_for(live, key, config)
            if room.bytes and room.files:
                sandbox = live.state.sandbox
                drawn = NOTHING_DRAWN if sandbox is None else sandbox.drawn
                kept = await self._artifacts.keep(key, folder, plan.artifacts, room, drawn=drawn)
            else:
                kept = Kept(reason=_no_room(config))
            faultpoints.reach("artifacts.kept")
            await report(live, ReportArtifacts(key.step, key.attempt, kept))
            faultpoints.reach("artifacts.recorded")
        await self._artifacts.forget_earlier(key)


def _leads_out(state: RunState, plan: Step, folder: str) -> bool:
    """Whether a confined step's folder is a link to where the step itself may not look."""
    within = confinement_of(state, plan)
    if within is None or within.level == "off":
        return False
    return not Path(folder).resolve().is_relative_to(within.project)


def _room_for(live: LiveRun, key: AttemptKey, config: EngineConfig) -> Room:
    """What the step may have: its own share of what the run's other steps left over."""
    state = live.state
    own = state.steps[key.step].artifacts  # of an earlier attempt, which makes room
    files = state.artifact_files - (len(own.files) if own else 0)
    size = state.artifact_bytes - (own.bytes if own else 0)
    return Room(
        files=max(0, min(config.artifact_files_per_step, config.artifact_files_per_run - files)),
        bytes=max(0, min(config.artifact_bytes_per_step, config.artifact_bytes_per_run - size)),
    )


def _no_room(config: EngineConfig) -> str:
    if not (config.artifact_bytes_per_step and config.artifact_files_per_step):
        return "keeping artifacts is switched off in [engine]"
    return "other steps of the run have used up artifact_bytes_per_run, or artifact_files_per_run"
