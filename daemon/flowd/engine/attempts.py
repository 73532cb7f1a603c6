"""One attempt, from its recorded start to the report of its end.

Nothing here decides: the report goes to `react`, and what follows from it is performed.
"""

import signal
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from msgspec.structs import replace

from flowd import faultpoints
from flowd.config import EngineConfig
from flowd.domain.commands import Command, ReportEnd, ReportNeverStarted, ReportOutput
from flowd.domain.events import Outcome
from flowd.domain.ports import (
    AttemptKey,
    Ending,
    Executor,
    Exited,
    Launch,
    Masker,
    MaskerFor,
    NeverStarted,
    Vanished,
)
from flowd.domain.workflow import size_bytes
from flowd.engine.launches import given_to, timeout_seconds
from flowd.engine.live import LiveRun
from flowd.engine.output import OutputCursor
from flowd.engine.publisher import Publisher
from flowd.engine.slots import Slots
from flowd.engine.vault import Vault
from flowd.errors import SpawnFailed

CLOCK_STARTS_LATE_MS = 250  # the holder's, after ours
ENDED_BY_US = (128 + signal.SIGTERM, 128 + signal.SIGKILL)


class Carrier:
    """Sees attempts through, so many at a time as the settings allow."""

    def __init__(
        self,
        executor: Executor,
        config: EngineConfig,
        report: Callable[[LiveRun, ReportOutput], Awaitable[None]],
        before: Callable[[LiveRun, AttemptKey, Launch], Awaitable[None]],
        after: Callable[[LiveRun, AttemptKey, Command], Awaitable[None]],
        masker_for: MaskerFor,
        vault: Vault,
    ):
        self._executor = executor
        self._vault = vault
        self.config = config
        self._before, self._after = before, after
        self._masker_for = masker_for
        self.publisher = Publisher(executor, report)
        self.slots = Slots(config.max_processes, config.max_processes_per_run)

    async def see_through(
        self, live: LiveRun, key: AttemptKey, launch: Launch | SpawnFailed | None
    ) -> Command:
        """Wait for the end of an attempt and give the report of it.

        `launch` None adopts the process of an earlier daemon; it has its slot already, being there.
        """
        recorded = live.attempt(key).written
        secrets: dict[str, str] = {}
        try:
            secrets = await self._secrets(live, key, adopts=launch is None)
            if secrets and isinstance(launch, Launch):
                environment = {**launch.environment, **secrets}
                launch = replace(launch, environment=environment, secret=tuple(secrets))
        except SpawnFailed as error:
            launch = error
        masker = partial(self._masker, live, key, secrets)
        cursor = OutputCursor(key, self._cap(live, key), masker, dict(recorded))
        ending: Ending | SpawnFailed
        timed_out = False
        if isinstance(launch, SpawnFailed):
            ending = launch
        elif launch is None:
            ending, timed_out = await self._watch(live, key, None, cursor)
        else:
            # A layer has one mount at a time: what two see of each other is not defined.
            await self.slots.take(key.run, alone=live.state.rehearsal)
            try:
                await self._end_what_was_lost(live, key)
                await self._before(live, key, launch)
                ending, timed_out = await self._watch(live, key, launch, cursor)
            finally:
                self.slots.give_back(key.run)
        end = report_of(
            key,
            ending,
            cursor,
            self._executor,
            timed_out=timed_out,
            cancelled=live.state.cancelling and key.kind != "undo",
        )
        await self._after(live, key, end)
        return end

    async def _end_what_was_lost(self, live: LiveRun, key: AttemptKey) -> None:
        """End what is left of attempts whose end nobody saw, before the step is begun or undone.

        With its holder killed a script may be gone, and what it started still at work.
        """
        if key.kind == "check":  # it changes nothing, and the answer may be that all is well
            return
        for row in live.state.steps[key.step].attempts:
            if row.outcome == "lost" and row.kind != "check":
                lost = AttemptKey(key.run, key.step, row.kind, row.attempt)
                await self._executor.terminate(lost, self.config.grace_seconds)

    async def _secrets(self, live: LiveRun, key: AttemptKey, *, adopts: bool) -> dict[str, str]:
        """The values of the step's `secrets:`. SpawnFailed when one is not to be had.

        A process of an earlier daemon has them already: they are looked at to mask what it writes.
        """
        names = live.state.plan[key.step].secrets
        if not names:
            return {}
        if adopts:
            return self._executor.variables_of(key, names)
        return await self._vault.of(key.run, names, live.state.cwd)

    def _masker(self, live: LiveRun, key: AttemptKey, secrets: dict[str, str]) -> Masker:
        given = given_to(live.state, live.state.plan[key.step])
        given = {**self._vault.known_in(live.state.cwd), **given}
        return self._masker_for(given, {**self._vault.named(live.state.cwd), **secrets})

    def _cap(self, live: LiveRun, key: AttemptKey) -> int:
        """How many bytes of an attempt's output are kept."""
        limits = live.state.plan[key.step].limits
        if limits is None or limits.output is None:
            return self.config.output_bytes_per_attempt
        return size_bytes(limits.output)

    async def _watch(
        self, live: LiveRun, key: AttemptKey, launch: Launch | None, cursor: OutputCursor
    ) -> tuple[Ending | SpawnFailed, bool]:
        """Carry an attempt out and have its output published meanwhile."""
        if launch is not None and live.is_called_off(key):
            return SpawnFailed("cancelled before it began"), False
        timeout = timeout_seconds(live.state, key)
        if launch is None and timeout is not None:
            timeout = max(0.0, timeout - self._executor.age_seconds(key))
        live.running.add(key)
        self.publisher.watch(live, cursor)
        ending: tuple[Ending | SpawnFailed, bool]
        try:
            try:
                ending = await carry_out(
                    key, launch, self._executor, timeout=timeout, grace=self.config.grace_seconds
                )
            except SpawnFailed as error:
                ending = error, False
            if launch is None and was_overdue(ending[0], timeout_seconds(live.state, key)):
                # The daemon that was ending it did not live to end all of it.
                await self._executor.terminate(key, self.config.grace_seconds)
                ending = ending[0], True
            await self.publisher.leave(key)
        finally:
            live.running.discard(key)
            self.publisher.drop(key)
        return ending


def was_overdue(ending: Ending | SpawnFailed, timeout: float | None) -> bool:
    """Whether an adopted attempt was ended, after its timeout in seconds, by an earlier daemon.

    The holder's clock starts a moment after the daemon's.
    """
    if timeout is None or not isinstance(ending, Exited):
        return False
    late = ending.duration_ms >= timeout * 1000 - CLOCK_STARTS_LATE_MS
    return late and ending.exit_code in ENDED_BY_US


async def carry_out(
    key: AttemptKey,
    launch: Launch | None,
    executor: Executor,
    *,
    timeout: float | None,
    grace: float,
) -> tuple[Ending, bool]:
    """Make the process (adopt it, when `launch` is None) and wait for its end.

    Gives the ending, and whether it was brought about because the time (in seconds) was over.
    SpawnFailed when there is no process to be had.
    """
    if timeout is None:
        return await _ending_of(key, launch, executor), False
    with trio.move_on_after(max(0.0, timeout)):
        return await _ending_of(key, launch, executor), False
    overdue = not executor.is_over(key)
    if overdue:
        faultpoints.reach("attempt.overdue")
        await executor.terminate(key, grace)
    return await executor.adopt(key), overdue


async def _ending_of(key: AttemptKey, launch: Launch | None, executor: Executor) -> Ending:
    return await (executor.adopt(key) if launch is None else executor.run(launch))


def report_of(
    key: AttemptKey,
    ending: Ending | SpawnFailed,
    cursor: OutputCursor,
    executor: Executor,
    *,
    timed_out: bool,
    cancelled: bool,
) -> Command:
    """Put an ending into the words of the domain."""
    outcome: Outcome
    match ending:
        case NeverStarted():
            return ReportNeverStarted(step=key.step, kind=key.kind, attempt=key.attempt)
        case SpawnFailed():
            reason = f"{ending.message} ({ending.cure})" if ending.cure else ending.message
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome="cancelled" if cancelled else "failed",
                reason=cursor.masker.mask_text(reason),
            )
        case Vanished():
            outcome = "timed_out" if timed_out else "cancelled" if cancelled else "lost"
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome=outcome,
                reason=ending.reason if outcome == "lost" else "",
                chunks=cursor.finish(executor),
                output_bytes=cursor.bytes_written,
            )
        case Exited():
            if timed_out:
                outcome = "timed_out"
            elif ending.exit_code == 0:
                outcome = "succeeded"
            else:
                outcome = "cancelled" if cancelled else "failed"
            return ReportEnd(
                step=key.step,
                kind=key.kind,
                attempt=key.attempt,
                outcome=outcome,
                exit_code=ending.exit_code,
                duration_ms=ending.duration_ms,
                outputs=_masked(ending.outputs, cursor),
                chunks=cursor.finish(executor),
                cpu_ms=ending.usage.cpu_ms,
                max_rss_bytes=ending.usage.max_rss_bytes,
                reason=ending.reason,
                limits=ending.limits,
                output_bytes=cursor.bytes_written,
            )


def _masked(outputs: dict[str, str], cursor: OutputCursor) -> dict[str, str]:
    return {name: cursor.masker.mask_value(value) for name, value in outputs.items()}
