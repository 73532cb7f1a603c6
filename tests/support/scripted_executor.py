"""An executor in memory: what a script does is told beforehand, time is trio's clock.

    executor = ScriptedExecutor({"build": Behaviour(seconds=3600, stdout=b"ok\n")})

Like real steps, its processes outlive an engine: give the same object to the next one. `reboot`
loses them all.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf

import trio

from flowd.domain.boundaries import NOTHING_DRAWN, Drawn
from flowd.domain.events import Confined, Stream
from flowd.domain.ports import (
    AttemptKey,
    Ending,
    Exited,
    Launch,
    NeverStarted,
    Vanished,
    WindowSize,
)
from flowd.domain.workflow import Sandbox
from flowd.errors import Bug, Conflict, SpawnFailed


@dataclass(frozen=True)
class Behaviour:
    """What a script does: how long it takes, what it leaves, how it takes SIGTERM.

    `seconds` may be infinite; on a terminal the line `ends_on` ends it sooner. `vanishes`: its end
    will not be known; `refused`: it cannot be made.
    """

    exit_code: int = 0
    seconds: float = 0.0
    stdout: bytes = b""
    stderr: bytes = b""
    outputs: Mapping[str, str] = field(default_factory=dict)
    ignores_sigterm: bool = False
    vanishes: str = ""
    refused: str = ""
    ends_on: str = ""


HANGS = Behaviour(seconds=inf)


class _Attempt:
    """One attempt: laid out, then refused, or begun; then ended."""

    def __init__(self, behaviour: Behaviour):
        self.behaviour = behaviour
        self.begun_at: float | None = None
        self.ending: Ending | None = None
        self.settled = trio.Event()
        self.typed = b""
        self.size: WindowSize = (80, 24)

    def settle(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
            self.settled.set()

    def exit(self, code: int) -> None:
        begun_at = trio.current_time() if self.begun_at is None else self.begun_at
        duration_ms = int(1000 * (trio.current_time() - begun_at))
        outputs = dict(self.behaviour.outputs) if self.begun_at is not None else {}
        self.settle(Exited(code, duration_ms, outputs))


class ScriptedExecutor:
    """See the port `Executor`.

    Behaviours are looked up by attempt, then by (step, kind), then by step; else `otherwise` it is.
    `started` is the witness: the attempts whose script began, in that order, each time it did.
    """

    def __init__(
        self,
        behaviours: Mapping[AttemptKey | tuple[str, str] | str, Behaviour] | None = None,
        *,
        otherwise: Behaviour | None = None,
    ):
        self.behaviours = dict(behaviours or {})
        self.otherwise = otherwise or Behaviour()
        self.started: list[AttemptKey] = []
        self.launches: dict[AttemptKey, Launch] = {}
        self._attempts: dict[AttemptKey, _Attempt] = {}

    def behaviour_of(self, key: AttemptKey) -> Behaviour:
        """Tell what the attempt will do."""
        for name in (key, (key.step, key.kind), key.step):
            if name in self.behaviours:
                return self.behaviours[name]
        return self.otherwise

    def reboot(self) -> None:
        """Lose every process and every trace of it."""
        for attempt in self._attempts.values():
            attempt.settle(Vanished("the machine was restarted"))
        self._attempts.clear()

    def prepare(self, launch: Launch) -> None:
        """Lay out an attempt; see the port."""
        known = self._attempts.get(launch.key)
        if known is not None and (known.begun_at is not None or isinstance(known.ending, Exited)):
            raise Bug(f"{launch.key} has run already")
        self._attempts[launch.key] = _Attempt(self.behaviour_of(launch.key))
        self.launches[launch.key] = launch

    async def run(self, launch: Launch) -> Ending:
        """Begin a prepared attempt and wait for its end; see the port."""
        await trio.lowlevel.checkpoint_if_cancelled()
        attempt = self._attempts[launch.key]
        if attempt.ending is None:
            if attempt.behaviour.refused:
                raise SpawnFailed(attempt.behaviour.refused)
            attempt.begun_at = trio.current_time()
            self.started.append(launch.key)
        return await self.adopt(launch.key)

    async def adopt(self, key: AttemptKey) -> Ending:
        """Wait for the end, or say what is known; see the port."""
        attempt = self._attempts.get(key)
        if attempt is None:
            await trio.lowlevel.checkpoint()
            return Vanished("nothing is kept of it")
        if attempt.begun_at is None:
            attempt.settle(NeverStarted())
        elif attempt.ending is None:
            with trio.move_on_at(attempt.begun_at + attempt.behaviour.seconds):
                await attempt.settled.wait()
            if attempt.behaviour.vanishes:
                attempt.settle(Vanished(attempt.behaviour.vanishes))
            else:
                attempt.exit(attempt.behaviour.exit_code)
        await trio.lowlevel.checkpoint()
        assert attempt.ending is not None
        return attempt.ending

    async def terminate(self, key: AttemptKey, grace_seconds: float) -> None:
        """End an attempt; see the port."""
        await trio.lowlevel.checkpoint()
        attempt = self._attempts.get(key)
        if attempt is None or attempt.ending is not None:
            return
        if attempt.begun_at is not None:
            ends_in = attempt.begun_at + attempt.behaviour.seconds - trio.current_time()
            if ends_in <= 0:
                return
            if attempt.behaviour.ignores_sigterm:
                with trio.move_on_after(min(grace_seconds, ends_in)):
                    await attempt.settled.wait()
                if ends_in > grace_seconds:
                    attempt.exit(137)
                return
        attempt.exit(143)

    def type_nowait(self, key: AttemptKey, keys: bytes, size: WindowSize | None) -> None:
        """Remember what is typed; see the port."""
        attempt = self._attempts.get(key)
        running = attempt is not None and attempt.begun_at is not None and attempt.ending is None
        if attempt is None or not running or not self.launches[key].terminal:
            raise Conflict("its terminal is not open", data={"again": True})
        attempt.size = size or attempt.size
        attempt.typed += keys
        line = attempt.behaviour.ends_on
        if line and line.encode() in attempt.typed.splitlines()[: attempt.typed.count(b"\n")]:
            attempt.exit(attempt.behaviour.exit_code)

    def typed(self, key: AttemptKey) -> tuple[bytes, WindowSize]:
        """Tell, for a test, what was typed and how large the window is."""
        attempt = self._attempts[key]
        return attempt.typed, attempt.size

    def is_over(self, key: AttemptKey) -> bool:
        attempt = self._attempts.get(key)
        return attempt is not None and attempt.ending is not None

    def age_seconds(self, key: AttemptKey) -> float:
        attempt = self._attempts.get(key)
        if attempt is None or attempt.begun_at is None:
            return 0.0
        return trio.current_time() - attempt.begun_at

    def output_size(self, key: AttemptKey, stream: Stream) -> int:
        """Count the bytes written so far: all of them, from the beginning on."""
        return len(self._written(key, stream))

    def read_output(self, key: AttemptKey, stream: Stream, offset: int, limit: int) -> bytes:
        """Give up to `limit` bytes from `offset`."""
        return self._written(key, stream)[offset : offset + limit]

    def _written(self, key: AttemptKey, stream: Stream) -> bytes:
        attempt = self._attempts.get(key)
        if attempt is None or attempt.begun_at is None:
            return b""
        return attempt.behaviour.stdout if stream == "stdout" else attempt.behaviour.stderr

    async def confine(
        self,
        levels: Collection[Sandbox],
        cwd: str,
        *,
        rehearsal: str = "",
        drawn: Drawn = NOTHING_DRAWN,
    ) -> Confined:
        """Confine what was never let loose."""
        await trio.lowlevel.checkpoint()
        return Confined(
            cwd,
            "nothing real",
            "copy" if rehearsal else "",
            drawn.network,
            drawn.writable,
            drawn.readable,
            drawn.privilege,
        )

    async def unheld(self, drawn: Drawn) -> str:
        """All is held that never happens."""
        await trio.lowlevel.checkpoint()
        return ""

    async def sandbox_here(self) -> str:
        """Say what confines its processes."""
        await trio.lowlevel.checkpoint()
        return "nothing real"

    def variables_of(self, key: AttemptKey, names: Collection[str]) -> dict[str, str]:
        """Give what the launch said; see the port."""
        given = self.launches[key].environment
        return {name: given[name] for name in names if name in given}

    def forget(self, key: AttemptKey) -> None:
        """Remove what is kept of an attempt."""
        self._attempts.pop(key, None)

    def release_output(self, key: AttemptKey, stream: Stream, start: int, end: int) -> None:
        """What is kept in memory stays there; see the port."""

    async def limits_held_by(self) -> str:
        """Nothing holds the limits of scripts that are not real."""
        await trio.lowlevel.checkpoint()
        return ""

    def leftovers(self) -> list[AttemptKey]:
        """Attempts something is still kept of."""
        return sorted(self._attempts)
