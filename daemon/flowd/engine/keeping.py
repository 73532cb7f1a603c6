"""Files are kept before a step changes them, and put back when it is undone.

A step is looked at when its first attempt is about to become a process: only then are its folder
and environment known. Most steps change no files that could be told from their text, and for them
nothing is recorded, no thread is used and nothing waits.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from flowd import faultpoints
from flowd.domain.commands import Command, ReportSaved
from flowd.domain.files import Foresee, Preimages
from flowd.domain.ports import AttemptKey, Launch
from flowd.domain.run import RunState
from flowd.engine.launches import confinement_of
from flowd.engine.live import LiveRun

Report = Callable[[LiveRun, Command], Awaitable[object]]


class Keeper:
    """Keeps the files of steps. `report` makes durable what was kept."""

    def __init__(self, foresee: Foresee, preimages: Preimages):
        self._foresee = foresee
        self.preimages = preimages

    async def before(self, live: LiveRun, key: AttemptKey, launch: Launch, report: Report) -> None:
        """Keep what an attempt will change; returns once that is recorded, or at once.

        What cannot be kept does not stop the step: the run says then that it cannot be undone.
        """
        if not _is_first(live.state, key):
            return
        if not self._foresee(
            launch.script, shell=launch.shell, cwd=launch.cwd, environment=None
        ).touches:
            return
        foreseen = self._foresee(
            launch.script,
            shell=launch.shell,
            cwd=_as_the_shell_calls_it(launch.cwd),
            environment=launch.environment,
        )
        if not foreseen.complete:
            report_of = ReportSaved(key.step, key.attempt, 0, 0, foreseen.reason)
        else:
            saved = await self.preimages.save(key, foreseen.touches)
            if not saved.files and not saved.reason:
                return
            report_of = ReportSaved(key.step, key.attempt, saved.files, saved.bytes, saved.reason)
        faultpoints.reach("files.saved")
        await report(live, report_of)
        faultpoints.reach("files.recorded")

    def launch(self, state: RunState, key: AttemptKey) -> Launch:
        """Describe the process that puts a step's files back. SpawnFailed when they are gone."""
        attempt = state.steps[key.step].saved_attempt
        script = self.preimages.restoring(key.run, key.step, attempt)
        # A folder on the way may be a link by now: what a confined step left leads nowhere else.
        confinement = confinement_of(state, state.plan[key.step])
        if confinement is not None:
            own = self.preimages.place(key.run, key.step, attempt)
            level = "off" if confinement.level == "off" else "project"
            confinement = replace(confinement, level=level, also=(own,))
        return Launch(  # noqa: S604  # its `shell` is the name of one
            key=key,
            script=script,
            shell="sh",
            cwd="/",  # the step's own folder may be what it removed
            environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            confinement=confinement,
        )


def puts_files_back(state: RunState, key: AttemptKey) -> bool:
    """Whether an attempt is a compensation from saved files, not the step's own undo."""
    return key.kind == "undo" and state.plan[key.step].undo is None


def _as_the_shell_calls_it(folder: str) -> str:
    """A shell that is put into a folder with `..` in its name finds the plain one."""
    return str(Path(folder).resolve()) if "/.." in folder else folder


def _is_first(state: RunState, key: AttemptKey) -> bool:
    """Whether nothing of the step can have run before, and it will be for us to take it back.

    Attempts that never became a process are not among the step's attempts any more.
    """
    plan, step = state.plan[key.step], state.steps[key.step]
    if key.kind != "run" or plan.undo is not None or plan.finally_ or step.saved_attempt:
        return False
    return all(row.attempt == key.attempt for row in step.attempts if row.kind == "run")
