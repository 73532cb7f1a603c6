"""Who confines steps on this machine: found out when the first such step comes.

What is promised is what was tried: `confine.py` runs once with `true` for its command, with the
same walls. A machine that refuses one of them refuses the level.
"""

import marshal
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.events import Confined
from flowd.domain.ports import Confinement, Exited, Launch
from flowd.domain.workflow import Sandbox
from flowd.errors import SpawnFailed, Unsupported
from flowd.exec.boundaries import bounds_of, places_rehearsed, project_of, rehearse
from flowd.exec.bounded import bounds_of_policy, is_apart
from flowd.exec.folders import SPARE, TEMPORARY
from flowd.exec.places import must_be_looked_for, readable_places, writable_places
from flowd.exec.rehearsal import How, Rehearsals
from flowd.exec.removal import remove_tree

if TYPE_CHECKING:
    from flowd.exec.confine import Bounds

PROBE_SECONDS = 20.0
NOT_CONFINED = 125
PREFIX = "FLOW_SECRET_"  # as in `confine`, which is not imported: it costs memory
"""The exit code of `confine.py` when it did not run the command."""
# As a module it is compiled once; as a script it would be at every step, which takes longer than
# all it does. Its folder comes last: nothing in it can stand in for the standard library.
START = "import sys; sys.path.append(sys.argv.pop(1)); import confine; confine.main()"
FOLDER = os.path.abspath(Path(__file__).parent)  # noqa: PTH100
_ORDER = "bounds"
_NOT_CONFINED = "not run: it could not be confined as it should be (its stderr says why)"
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")  # how paths and environments become bytes
_OUTER_PATH = "/usr/local/bin:/usr/bin:/bin"


class Confiner:
    """Puts steps within bounds. `own` are Flow's own files and folders, which no step sees."""

    def __init__(self, this_boot: str, own: Collection[str], rehearsals: Rehearsals):
        self._rehearsals = rehearsals
        self._this_boot = this_boot
        self._own = sorted({*map(os.path.realpath, own), os.path.realpath(Path(this_boot).parent)})
        self._lock = trio.Lock()
        self._kept: set[tuple[Sandbox, Drawn]] = set()

    async def confine(
        self, levels: Collection[Sandbox], cwd: str, rehearsal: str, drawn: Drawn
    ) -> Confined:
        """Say how steps of these levels are confined in a run in `cwd`; see the port."""
        sandboxes = set(levels) - {"off"}
        project = project_of(cwd) if sandboxes else cwd
        for level in sorted(sandboxes):
            if why := await self.refused(level, drawn):
                raise Unsupported(
                    f"sandbox: {level} cannot be enforced on this machine: {why}",
                    cure="flowctl doctor says what is missing; set sandbox: off to run it "
                    "unprotected, knowing so",
                )
        if "off" in levels and (why := await self.refused("off", drawn)):
            raise Unsupported(
                f"the boundaries of policy.yaml cannot be held on this machine: {why}",
                cure="flowctl doctor says what is missing; flowctl policy show names the file",
            )
        if must_be_looked_for(drawn):  # in time to refuse the run for it
            await trio.to_thread.run_sync(writable_places, ["/"], drawn)
            await trio.to_thread.run_sync(readable_places, drawn)
        confined = Confined(
            project,
            words_of(levels, network=not rehearsal, drawn=drawn),
            network=drawn.network,
            writable=drawn.writable,
            readable=drawn.readable,
            privilege=drawn.privilege,
        )
        if not rehearsal:
            return confined
        how = await trio.to_thread.run_sync(self._lay_out, rehearsal, project)
        return replace(confined, rehearsal=how)

    def _lay_out(self, run: str, project: str) -> How:
        """Make what a rehearsal writes into: layers if the kernel lays them, else a copy."""
        rehearsals = self._rehearsals
        try:
            rehearsals.lay_out(run, places_rehearsed(project))
            confinement = Confinement("project", project, run)
            if not self._try(confinement):
                return "overlay"
            remove_tree(str(rehearsals.place(run)))
            rehearsals.copy(run, project)
        except OSError as error:
            remove_tree(str(rehearsals.place(run)))
            raise Unsupported(
                f"{project} cannot be rehearsed: {error.strerror or error}",
                cure="make room on the disk, or look with --dry-run",
            ) from error
        except Unsupported:
            remove_tree(str(rehearsals.place(run)))
            raise
        return "copy"

    async def refused(self, level: Sandbox, drawn: Drawn) -> str:
        """Say why a level cannot be kept here; empty when it can, which is tried once.

        So is what a policy may draw, of which it only counts that it is drawn, not where.
        """
        async with self._lock:
            kind = _drawn_around("", drawn)
            if (level, kind) in self._kept:
                return ""
            why = await trio.to_thread.run_sync(self._try_level, level, drawn)
            if not why:
                self._kept.add((level, kind))
            return why  # not remembered: it may have been for want of memory

    def _try_level(self, level: Sandbox, drawn: Drawn) -> str:
        with tempfile.TemporaryDirectory(prefix=f"{SPARE}.", dir=self._this_boot) as project:
            return self._try(Confinement(level, project, drawn=_drawn_around(project, drawn)))

    def _try(self, confinement: Confinement) -> str:
        """Confine `true`; say why it cannot be done, or nothing."""
        folder = tempfile.mkdtemp(prefix=f"{SPARE}.", dir=self._this_boot)
        try:
            program = shutil.which("true") or "/bin/true"
            cwd = "/" if confinement.level == "off" else confinement.project
            bounds = self._bounds(confinement, folder, cwd, {}, program)
            command = _within(folder, bounds, (program,))
            ran = subprocess.run(
                command,
                env=_outer_environment(""),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PROBE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        finally:
            remove_tree(folder)
        if ran.returncode == 0:
            return ""
        said = ran.stderr.strip().splitlines()
        return said[-1].rpartition("confined: ")[2] if said else f"exit code {ran.returncode}"

    async def order(
        self, launch: Launch, folder: str, command: tuple[str, ...], environment: dict[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """Give the command that confines itself and becomes the step's, and its environment.

        SpawnFailed when the bounds cannot be found, or written down.
        """
        confinement = launch.confinement
        if confinement is None:
            return command, environment
        written = {name: environment[name] for name in environment if name not in launch.secret}
        ask = partial(self._bounds, confinement, folder, launch.cwd, written, command[0])
        try:
            slow = must_be_looked_for(confinement.drawn)
            bounds = await trio.to_thread.run_sync(ask) if slow else ask()
            confined = _within(folder, bounds, command)
        except Unsupported as error:
            raise SpawnFailed(error.message, cure=error.cure) from error
        except OSError as error:
            raise SpawnFailed(
                f"the step's bounds cannot be written: {error.strerror}", cure="make room"
            ) from error
        # The step's own environment could change the programs that are to confine it.
        outer = _outer_environment(environment["FLOW_OUTPUT"])
        return confined, outer | {PREFIX + name: environment[name] for name in launch.secret}

    def _bounds(
        self,
        confinement: Confinement,
        folder: str,
        cwd: str,
        environment: Mapping[str, str],
        program: str,
    ) -> "Bounds":
        bounds = (bounds_of_policy if confinement.level == "off" else bounds_of)(
            confinement,
            folder=os.path.realpath(folder),
            cwd=cwd,
            environment=environment,
            own=self._own,
            program=program,
        )
        if confinement.rehearsal:
            rehearse(bounds, confinement.project, self._rehearsals.place(confinement.rehearsal))
        return bounds

    async def words(self) -> str:
        """Say what confines steps on this machine, and why not more, for `flowctl doctor`."""
        refused = {level: await self.refused(level, NOTHING_DRAWN) for level in LEVELS}
        unheld = await self.refused("off", _ALL_DRAWN)
        if not any(refused.values()):
            said = [f"project and strict: {words_of(LEVELS)}"]
        else:
            said = [
                f"{level}: {f'refused, {why}' if why else words_of([level])}"
                for level, why in refused.items()
            ]
        return "; ".join([*said, f"boundaries of policies: {_held_or_not(unheld)}"])


LEVELS: tuple[Sandbox, ...] = ("project", "strict")
_ALL_DRAWN = Drawn(writable=((),), readable=((),), network=False, privilege=False)


def _drawn_around(folder: str, drawn: Drawn) -> Drawn:
    """Draw what is drawn around another place."""
    place = ((f"{folder}/**",),)
    return replace(
        drawn,
        writable=place if drawn.writable else (),
        readable=place if drawn.readable else (),
    )


def _held_or_not(unheld: str) -> str:
    return f"refused, {unheld}" if unheld else "held for steps without a sandbox, too"


def words_of(
    levels: Collection[Sandbox], *, network: bool = True, drawn: Drawn = NOTHING_DRAWN
) -> str:
    """Say what keeps steps within bounds here."""
    from flowd.exec.confine import landlock_version  # here: ctypes is 1 MB that few daemons need

    version = landlock_version()
    namespace = "own mounts" if os.geteuid() == 0 else "own mounts in a user namespace"
    kept = f"{namespace}, Landlock {version}, seccomp, no privileges"
    if set(levels) == {"off"}:
        return f"{f'{namespace}, ' if is_apart(drawn) else ''}Landlock {version}, seccomp"
    if not network or set(levels) == {"strict"}:
        return f"{kept}, no network (own, empty one)"
    return f"{kept}, strict without network (own, empty one)" if "strict" in levels else kept


def with_sandbox_told(ending: Exited, folder: str) -> Exited:
    """Add to the end of an attempt that it never ran, if it could not be confined."""
    # The order is gone once the bounds stand. A step can only fake this to its own disadvantage.
    if ending.exit_code != NOT_CONFINED or not Path(folder, _ORDER).exists():
        return ending
    return Exited(ending.exit_code, ending.duration_ms, reason=_NOT_CONFINED)


def _within(folder: str, bounds: "Bounds", command: tuple[str, ...]) -> tuple[str, ...]:
    temporary = Path(folder, TEMPORARY)
    temporary.mkdir()
    temporary.chmod(0o1777)  # as /tmp; nobody else gets through to it
    order = f"{folder}/{_ORDER}"
    descriptor = os.open(order, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(marshal.dumps(bounds))  # type: ignore[arg-type]  # a TypedDict is a dict
    return (sys.executable, "-I", "-S", "-c", START, FOLDER, order, "--", *command)


def _outer_environment(output: str) -> dict[str, str]:
    named = {name: os.environ[name] for name in _LOCALE if name in os.environ}
    return {**named, "PATH": _OUTER_PATH, "FLOW_OUTPUT": output}
