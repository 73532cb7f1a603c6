"""The engine: every run that is going on, and the tasks that carry it.

One rule holds it together: a command changes a run's state under the run's lock, its events are
durable before anything is performed, and whatever is performed comes back as a command. After a
crash the log alone says what was going on, and `recover` takes it up again.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from flowd.config import EngineConfig
from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.decide import react, start
from flowd.domain.evolve import replay
from flowd.domain.ids import new_run_id
from flowd.domain.ports import (
    AttemptKey,
    Ending,
    EventLog,
    Executor,
    Judge,
    Launch,
    RunRequest,
)
from flowd.domain.run import RunState
from flowd.engine.acceptance import accept
from flowd.engine.attempts import carry_out, report_of
from flowd.engine.launches import launch_of, timeout_seconds
from flowd.engine.live import LiveRun
from flowd.engine.output import OutputCursor
from flowd.errors import Bug, FlowError, NotFound, SpawnFailed, StoreUnavailable, TokenTaken

log = logging.getLogger("flowd.engine")

UNFINISHED = ("pending", "running", "waiting", "compensating")
READ_AT_ONCE = 1000
QUICKEST_LOOK = 0.05  # seconds between looks at a script's output while it writes
SLOWEST_LOOK = 0.4  # and while it is silent
STORE_PATIENCE = 20.0  # longest pause, in seconds, before an end is tried to be recorded again


def wall_clock_ms() -> int:
    """Milliseconds since the epoch, for people to read."""
    return time.time_ns() // 1_000_000


class RunEngine:
    """The `Engine` port. Make it with `open_engine`."""

    def __init__(
        self,
        nursery: trio.Nursery,
        event_log: EventLog,
        executor: Executor,
        judge: Judge,
        config: EngineConfig,
        environment: dict[str, str],
        chance: Callable[[], float],
    ):
        self._nursery = nursery
        self._log = event_log
        self._executor = executor
        self._judge = judge
        self._config = config
        self._environment = environment
        self._chance = chance
        self._live: dict[str, LiveRun] = {}
        self._loading = trio.Lock()
        self._slots = trio.Semaphore(config.max_processes)
        self._news: dict[str, trio.Event] = {}

    # ------------------------------------------------------------------------------ the port

    async def start(self, request: RunRequest) -> str:
        """Accept a run durably; see the port."""
        if request.client_token is not None:
            known = await self._log.run_with_token(request.client_token)
            if known is not None:
                return known
        environment = self._environment if request.environment is None else request.environment
        moment = self._moment()
        started = accept(request, judge=self._judge, environment=environment, at=moment.at)
        state, events = start(new_run_id(), started, moment)
        live = LiveRun(state)
        with trio.CancelScope(shield=True):
            async with live.lock:
                self._live[state.run] = live
                try:
                    await self._record(live, 0, events)
                except TokenTaken as taken:
                    del self._live[state.run]
                    return taken.run
                except FlowError:
                    del self._live[state.run]
                    raise
        return state.run

    async def cancel(self, run: str, *, by: str = "") -> e.RunStatus:
        """End what is running; see the port."""
        async with self._hold(run) as live:
            again = live.state.cancelling  # asking twice ends `finally` steps too
            await self._submit(live, c.Cancel(by))
            for key in sorted(live.running):
                if key.kind != "undo" and (again or not live.state.plan[key.step].finally_):
                    self._nursery.start_soon(
                        self._executor.terminate, key, self._config.grace_seconds
                    )
            return live.state.status

    async def undo(self, run: str, *, by: str = "") -> e.RunStatus:
        """Compensate a finished run; see the port."""
        return await self._request(run, c.UndoRun(by))

    async def retry(self, run: str, *, by: str = "") -> e.RunStatus:
        """Go on from the failed step; see the port."""
        return await self._request(run, c.RetryRun(by))

    async def answer(self, run: str, step: str, answer: e.Answer, *, by: str = "") -> e.RunStatus:
        """Settle a question; see the port."""
        state = await self.state(run)
        if step not in state.steps:
            raise NotFound(f"run {run} has no step {step!r}", cure="flowctl show lists its steps")
        return await self._request(run, c.AnswerQuestion(step, answer, by))

    async def resume(self, run: str, *, by: str = "") -> e.RunStatus:
        """Go on with a parked run; see the port."""
        async with self._hold(run) as live:
            parked = bool(live.state.parked)
            in_flight = list(live.in_flight()) if parked else []
            await self._submit(live, c.ResumeRun(by))
            if parked:
                self._take_up(live, in_flight)
            return live.state.status

    async def wait_beyond(self, run: str, position: int) -> None:
        """Wait for news of a run; see the port."""
        news = self._news.setdefault(run, trio.Event())
        try:
            live = self._live.get(run)
            newest = live.state.position if live else (await self._log.find(run)).position
            if newest <= position:
                await news.wait()
        finally:
            if not news.statistics().tasks_waiting and self._news.get(run) is news:
                del self._news[run]

    async def state(self, run: str) -> RunState:
        """The run as it stands; see the port."""
        live = self._live.get(run)
        return live.state if live else await self._replay(run)

    def live_runs(self) -> int:
        """How many runs are not finished."""
        return len(self._live)

    def running_attempts(self) -> int:
        """How many processes run now."""
        return sum(len(live.running) for live in self._live.values())

    # ---------------------------------------------------------------------------- recovery

    async def recover(self) -> int:
        """Take up every unfinished run of an earlier daemon; give how many there were."""
        unfinished = await self._log.summaries(states=UNFINISHED, limit=1_000_000)
        for summary in reversed(unfinished):
            try:
                live = self._live[summary.id] = LiveRun(await self._replay(summary.id))
            except Bug:
                log.exception("run %s is left as it is: its history is not understood", summary.id)
                continue
            if not live.state.parked:
                in_flight = list(live.in_flight())
                await self._submit(live, c.Wake())
                self._take_up(live, in_flight)
        self._sweep()
        return len(unfinished)

    def _take_up(self, live: LiveRun, in_flight: list[AttemptKey]) -> None:
        """Go on with what was in flight when the run was last looked after."""
        for key in in_flight:
            self._spawn_task(live, self._attempt, live, key, None)
        for step_id in live.state.active - {key.step for key in in_flight}:
            step = live.state.steps[step_id]
            if step.status in ("retrying", "compensating") and step.retry_at:
                pause = max(0, step.retry_at - wall_clock_ms()) / 1000
                kind: e.ScriptKind = "run" if step.status == "retrying" else "undo"
                self._spawn_task(live, self._wait_for_retry, live, step_id, kind, pause)

    def _sweep(self) -> None:
        """Remove what is left of attempts whose end is recorded."""
        wanted = {key for live in self._live.values() for key in live.in_flight()}
        for key in self._executor.leftovers():
            if key not in wanted:
                self._executor.forget(key)

    # --------------------------------------------------------------- commands, under the lock

    async def _request(self, run: str, command: c.Command) -> e.RunStatus:
        async with self._hold(run) as live:
            await self._submit(live, command)
            return live.state.status

    async def _submit(self, live: LiveRun, command: c.Command) -> None:
        """Apply a command, record its events, perform them. Cannot be cancelled half-way."""
        with trio.CancelScope(shield=True):
            async with live.lock:
                before = live.state.version
                try:
                    events = react(live.state, command, self._moment())
                except FlowError as error:
                    if live.state.version != before:
                        live.state = await self._replay(live.state.run)
                    if error.code == "bug":
                        await self._park(live, error)
                    raise
                if events:
                    await self._record(live, before, events)

    async def _record(self, live: LiveRun, expected: int, events: list[e.Event]) -> None:
        """Make events durable, tell who waits, perform what they call for.

        When they cannot be recorded, the state goes back to what the log says.
        """
        prepared = self._prepare(live, events)
        try:
            recorded = await self._log.append(live.state.run, expected, events)
        except FlowError:
            for key in prepared:
                self._executor.forget(key)
            if expected:
                live.state = await self._replay(live.state.run)
            raise
        live.state.position = recorded[-1].position
        self._announce(live.state.run)
        for key, launch in prepared.items():
            self._spawn_task(live, self._attempt, live, key, launch)
        for event in events:
            if isinstance(event, e.RetryScheduled):
                pause = event.delay_ms / 1000
                self._spawn_task(live, self._wait_for_retry, live, event.step, event.kind, pause)
            elif isinstance(event, e.RunFinished):
                log.info("run %s is %s", live.state.run, event.state)
        self._let_go(live)

    def _prepare(
        self, live: LiveRun, events: list[e.Event]
    ) -> dict[AttemptKey, Launch | SpawnFailed]:
        """Lay out the attempts that are about to be recorded, or say why it cannot be done."""
        prepared: dict[AttemptKey, Launch | SpawnFailed] = {}
        for key in self._launched_by(live, events):
            launch = launch_of(live.state, key)
            try:
                self._executor.prepare(launch)
                prepared[key] = launch
            except SpawnFailed as error:
                prepared[key] = error
        return prepared

    def _launched_by(self, live: LiveRun, events: list[e.Event]) -> list[AttemptKey]:
        """Attempts that these events start, but for those that they also end."""
        kinds: dict[type, e.ScriptKind] = {
            e.StepStarted: "run",
            e.CompensationStarted: "undo",
            e.CheckStarted: "check",
        }
        keys = [
            AttemptKey(live.state.run, event.step, kinds[type(event)], event.attempt)
            for event in events
            if isinstance(event, e.StepStarted | e.CompensationStarted | e.CheckStarted)
        ]
        in_flight = set(live.in_flight()) if keys else set()
        return [key for key in keys if key in in_flight]

    async def _park(self, live: LiveRun, error: Exception) -> None:
        """Stop touching a run after a mistake of ours. Its processes go on; nothing is lost."""
        log.error("run %s is parked", live.state.run, exc_info=error)
        live.drop_tasks()
        before = live.state.version
        reason = f"{type(error).__name__}: {error}"
        events = react(live.state, c.Park(reason), self._moment())
        try:
            if events:
                await self._record(live, before, events)
        except FlowError:
            log.exception("that run %s is parked could not be recorded", live.state.run)
            live.state.parked = reason

    # -------------------------------------------------------------------------------- tasks

    def _spawn_task(self, live: LiveRun, task: Callable[..., object], *arguments: object) -> None:
        """Run a task of a run; a mistake in it parks that run and no other."""
        scope = trio.CancelScope()
        live.tasks.add(scope)

        async def guarded() -> None:
            try:
                with scope:
                    await task(*arguments)  # type: ignore[misc]  # every task here is async
            except Exception as error:  # noqa: BLE001  # the last line of defence for other runs
                with trio.CancelScope(shield=True):
                    async with live.lock:
                        await self._park(live, error)
            finally:
                live.tasks.discard(scope)

        self._nursery.start_soon(guarded)

    async def _attempt(
        self, live: LiveRun, key: AttemptKey, launch: Launch | SpawnFailed | None
    ) -> None:
        """See an attempt through: `launch` None adopts the process of an earlier daemon."""
        cursor = OutputCursor(key, self._config.output_bytes_per_attempt)
        ending: Ending | SpawnFailed
        timed_out = False
        if isinstance(launch, SpawnFailed):
            ending = launch
        elif launch is None:
            ending, timed_out = await self._watch(live, key, None, cursor)
        else:
            async with self._slots:
                ending, timed_out = await self._watch(live, key, launch, cursor)
        report = report_of(
            key,
            ending,
            cursor,
            self._executor,
            timed_out=timed_out,
            cancelled=live.state.cancelling and key.kind != "undo",
        )
        await self._report(live, report)
        self._executor.forget(key)

    async def _watch(
        self, live: LiveRun, key: AttemptKey, launch: Launch | None, cursor: OutputCursor
    ) -> tuple[Ending | SpawnFailed, bool]:
        """Carry an attempt out and publish its output meanwhile."""
        if launch is not None and self._is_called_off(live, key):
            return SpawnFailed("cancelled before it began"), False
        timeout = timeout_seconds(live.state, key)
        if launch is None and timeout is not None:
            timeout = max(0.0, timeout - self._age_seconds(live, key))
        live.running.add(key)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._publish_output, live, key, cursor)
                try:
                    return await carry_out(
                        key,
                        launch,
                        self._executor,
                        timeout=timeout,
                        grace=self._config.grace_seconds,
                    )
                except SpawnFailed as error:
                    return error, False
                finally:
                    nursery.cancel_scope.cancel()
        finally:
            live.running.discard(key)

    def _is_called_off(self, live: LiveRun, key: AttemptKey) -> bool:
        return (
            live.state.cancelling and key.kind == "run" and not live.state.plan[key.step].finally_
        )

    def _age_seconds(self, live: LiveRun, key: AttemptKey) -> float:
        """Seconds since the recorded start of an attempt that is in flight."""
        rows = live.state.steps[key.step].attempts
        started = next(r.at for r in rows if (r.kind, r.attempt) == (key.kind, key.attempt))
        return max(0.0, (wall_clock_ms() - started) / 1000)

    async def _publish_output(self, live: LiveRun, key: AttemptKey, cursor: OutputCursor) -> None:
        pause = QUICKEST_LOOK
        while True:
            await trio.sleep(pause)
            chunks = cursor.read(self._executor)
            if chunks:
                await self._report(
                    live,
                    c.ReportOutput(
                        step=key.step, kind=key.kind, attempt=key.attempt, chunks=chunks
                    ),
                )
            pause = QUICKEST_LOOK if chunks else min(pause * 1.5, SLOWEST_LOOK)

    async def _wait_for_retry(
        self, live: LiveRun, step: str, kind: e.ScriptKind, seconds: float
    ) -> None:
        await trio.sleep(seconds)
        await self._report(live, c.ReportRetryDue(step, kind))

    async def _report(self, live: LiveRun, report: c.Command) -> None:
        """Submit what must not be lost: while the store refuses, wait and try again."""
        pause = 0.25
        while True:
            try:
                await self._submit(live, report)
            except StoreUnavailable as error:
                log.warning("run %s cannot be recorded, trying again: %s", live.state.run, error)
                await trio.sleep(pause)
                pause = min(pause * 2, STORE_PATIENCE)
            else:
                return

    # ------------------------------------------------------------------------------- helpers

    def _moment(self) -> c.Moment:
        return c.Moment(at=wall_clock_ms(), chance=self._chance())

    def _announce(self, run: str) -> None:
        news = self._news.pop(run, None)
        if news is not None:
            news.set()

    @asynccontextmanager
    async def _hold(self, run: str) -> AsyncIterator[LiveRun]:
        """Lend the run, from memory or from the log, for as long as the block lasts."""
        async with self._loading:
            live = self._live.get(run)
            if live is None:
                live = self._live[run] = LiveRun(await self._replay(run))
            live.holders += 1
        try:
            yield live
        finally:
            live.holders -= 1
            self._let_go(live)

    def _let_go(self, live: LiveRun) -> None:
        idle = live.state.finished and not live.holders
        if idle and self._live.get(live.state.run) is live:
            del self._live[live.state.run]

    async def _replay(self, run: str) -> RunState:
        history: list[e.Recorded] = []
        while page := await self._log.read(
            run, history[-1].position if history else 0, READ_AT_ONCE
        ):
            history += page
        if not history:
            raise NotFound(f"there is no run {run}", cure="flowctl ps lists them")
        return replay(history)


@asynccontextmanager
async def open_engine(
    event_log: EventLog,
    executor: Executor,
    judge: Judge,
    config: EngineConfig,
    *,
    environment: dict[str, str],
    chance: Callable[[], float],
) -> AsyncIterator[RunEngine]:
    """Run an engine for the duration of the block, beginning with what an earlier one left.

    Leaving the block stops the watching; processes go on and are adopted next time.
    """
    async with trio.open_nursery() as nursery:
        engine = RunEngine(nursery, event_log, executor, judge, config, environment, chance)
        count = await engine.recover()
        if count:
            log.info("took up %d unfinished runs", count)
        yield engine
        nursery.cancel_scope.cancel()
