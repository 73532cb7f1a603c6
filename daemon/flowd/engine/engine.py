"""The engine: every run that is going on, and the tasks that carry it.

One rule holds it together: a command changes a run's state under the run's lock, its events are
durable before anything is performed, and whatever is performed comes back as a command. After a
crash the log alone says what was going on, and `recover` takes it up again.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

import trio

from flowd import faultpoints
from flowd.clocks import wall_clock_ms
from flowd.config import EngineConfig
from flowd.domain import commands as c
from flowd.domain import events as e
from flowd.domain.attention import TOLD_BY
from flowd.domain.consents import Consents, Keep
from flowd.domain.decide import react, start
from flowd.domain.ids import new_run_id
from flowd.domain.ports import (
    AttemptKey,
    BoundariesIn,
    EventLog,
    Executor,
    Extents,
    Judge,
    Launch,
    MaskerFor,
    Preflight,
    RunRequest,
    WindowSize,
)
from flowd.domain.run import RunState
from flowd.domain.saga import undoable
from flowd.engine.acceptance import accept
from flowd.engine.attempts import Carrier
from flowd.engine.curating import Curator
from flowd.engine.keeping import Keeper, puts_files_back
from flowd.engine.launches import launch_of
from flowd.engine.live import LiveRun
from flowd.engine.registry import Registry
from flowd.engine.terminals import attempt_to_type_to, on_terminal
from flowd.engine.vault import Sources, Vault
from flowd.errors import (
    Bug,
    CallerError,
    FlowError,
    NotFound,
    SpawnFailed,
    StoreUnavailable,
    TokenTaken,
)

log = logging.getLogger("flowd.engine")

UNFINISHED = ("pending", "running", "waiting", "compensating")
STARTS: dict[type, e.ScriptKind] = {
    e.StepStarted: "run",
    e.CompensationStarted: "undo",
    e.CheckStarted: "check",
}
POINTS_OF: dict[type, str] = {
    e.StepExpanded: "items.recorded",
    e.RetryScheduled: "retry.recorded",
    e.CompensationStarted: "compensation.recorded",
    e.RunFinished: "finish.recorded",
}
STORE_PATIENCE = 20.0  # longest pause, in seconds, before an end is tried to be recorded again

Launches = dict[AttemptKey, Launch | SpawnFailed]
"""Attempts whose start is recorded, each with its process to be made or why there is none."""


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
        masker_for: MaskerFor,
        keeper: Keeper | None = None,
        curator: Curator | None = None,
        heed: Callable[[RunState], None] | None = None,
        extents: Extents | None = None,
        preflight: Preflight | None = None,
        consents: Consents | None = None,
        vault: Vault | None = None,
        boundaries: BoundariesIn | None = None,
    ):
        self._nursery = nursery
        self._consents = consents
        self._log = event_log
        self._executor = executor
        self._judge = judge
        self._config = config
        self._environment = environment
        self._chance = chance
        self._runs = Registry(event_log)
        self.store_error = ""
        """Why the last write was refused; empty when it was not."""
        self._keeper = keeper
        self._curator = curator
        self._heed = heed
        self._extents = extents
        self._vault = vault or Vault()
        self._boundaries = boundaries
        self._preflight = preflight
        self._carrier = Carrier(
            executor,
            config,
            self._report_output,
            self._keep_files,
            self._keep_artifacts,
            masker_for,
            self._vault,
        )
        nursery.start_soon(self._carrier.publisher.serve)

    # ------------------------------------------------------------------------------ the port

    async def start(self, request: RunRequest) -> str:
        """Accept a run durably; see the port."""
        if request.client_token is not None:
            known = await self._log.run_with_token(request.client_token)
            if known is not None:
                return known
        environment = self._environment if request.environment is None else request.environment
        moment = self._moment()
        run = new_run_id()
        started = await accept(
            request,
            judge=self._judge,
            executor=self._executor,
            environment=environment,
            run=run,
            at=moment.at,
            extents=self._extents,
            preflight=self._preflight,
            consents=self._consents,
            vault=self._vault,
            boundaries=self._boundaries,
        )
        self._vault.give(run, request.secrets)
        state, events = start(run, started, moment)
        live = LiveRun(state)
        live.lock.acquire_nowait()
        self._runs.add(live)
        try:
            for key, launch in (await self._record(live, 0, events)).items():
                self._carry(live, key, launch)
        except FlowError as error:
            self._runs.remove(live)
            if isinstance(error, TokenTaken):
                return error.run
            raise
        finally:
            live.lock.release()
        return state.run

    async def cancel(self, run: str, *, by: str = "") -> e.RunStatus:
        """End what is running; see the port."""
        async with self._runs.hold(run) as live:
            # Asking twice ends `finally` steps too; so does asking when they alone are left.
            again = live.state.cancelling or live.state.rollback is not None
            await self._submit(live, c.Cancel(by))
            faultpoints.reach("cancel.recorded")
            for key in list(live.in_flight()):
                if live.is_called_off(key) or (again and key.kind != "undo"):
                    self._terminate(live, key)
            return live.state.status

    async def give_secrets(self, run: str, secrets: Mapping[str, str]) -> None:
        """Keep values of `secrets:` for a run that will go on; see the port."""
        state = await self.state(run)
        await self._vault.check(state.workflow, secrets, state.cwd, run)
        self._vault.give(run, secrets)

    async def undo(self, run: str, *, by: str = "") -> e.RunStatus:
        """Compensate a finished run; see the port."""
        return await self._request(run, c.UndoRun(by))

    async def retry(self, run: str, *, by: str = "") -> e.RunStatus:
        """Go on from the failed step; see the port."""
        return await self._request(run, c.RetryRun(by))

    async def answer(
        self, run: str, step: str, answer: e.Answer, *, by: str = "", keep: Keep | None = None
    ) -> e.RunStatus:
        """Settle a question; see the port."""
        state = await self.state(run)
        if step not in state.steps:
            raise NotFound(f"run {run} has no step {step!r}", cure="flowctl show lists its steps")
        return await self._request(run, c.AnswerQuestion(step, answer, by, keep))

    async def resume(self, run: str, *, by: str = "") -> e.RunStatus:
        """Go on with a parked run; see the port."""
        async with self._runs.hold(run) as live:
            parked = bool(live.state.parked)
            in_flight = list(live.in_flight()) if parked else []
            await self._submit(live, c.ResumeRun(by))
            if parked:
                self._take_up(live, in_flight)
            return live.state.status

    def type_nowait(self, run: str, step: str, keys: bytes, size: WindowSize | None) -> int:
        """Type at the terminal of a step; see the port."""
        key = attempt_to_type_to(self._runs.get(run), run, step)
        self._executor.type_nowait(key, keys, size)
        self._carrier.publisher.look_soon(key)
        return key.attempt

    def terminals(self, run: str) -> list[str]:
        """The steps that are running on a terminal; see the port."""
        return [key.step for key in on_terminal(self._runs.get(run))]

    def configure(self, config: EngineConfig, judge: Judge, sources: Sources | None) -> None:
        """Take over settings."""
        self._vault.sources = sources
        self._config = config
        self._carrier.slots.configure(config.max_processes, config.max_processes_per_run)
        self._judge = judge
        self._carrier.config = config

    async def wait_beyond(self, run: str, position: int) -> None:
        """Wait for news of a run; see the port."""
        await self._runs.wait_beyond(run, position)

    async def state(self, run: str) -> RunState:
        """The run as it stands; see the port."""
        return await self._runs.state(run)

    def waiting(self) -> list[RunState]:
        """Runs that wait for a person now."""
        return [live.state for live in self._runs if live.state.status == "waiting"]

    def live_runs(self) -> int:
        """How many runs are not finished."""
        return len(self._runs)

    def running_attempts(self) -> int:
        """How many processes run now."""
        return sum(len(live.running) for live in self._runs)

    # ---------------------------------------------------------------------------- recovery

    async def recover(self) -> int:
        """Take up every unfinished run of an earlier daemon; give how many there were.

        All are read before any goes on: reading one beside a thousand that work takes its time.
        """
        unfinished = await self._log.summaries(states=UNFINISHED, limit=1_000_000)
        left_alone: set[str] = set()
        for summary in reversed(unfinished):
            try:
                live = LiveRun(await self._runs.replay(summary.id))
            except (Bug, StoreUnavailable):  # one damaged history must not keep the others waiting
                log.exception("run %s is left as it is: its history cannot be read", summary.id)
                left_alone.add(summary.id)
                continue
            self._runs.add(live)
        faultpoints.reach("recovery.read")
        self._sweep(left_alone)
        faultpoints.reach("recovery.swept")
        for live in self._runs:
            if not live.state.parked:
                self._spawn_task(live, partial(self._wake, live, list(live.in_flight())))
        if self._keeper is not None:
            kept = {live.state.run for live in self._runs} | left_alone
            self._nursery.start_soon(self._keeper.preimages.sweep, kept)
        return len(unfinished)

    async def _wake(self, live: LiveRun, in_flight: list[AttemptKey]) -> None:
        """Go on with a run of an earlier daemon; also when the store takes no writes as yet."""
        for key, launch in (await self._report(live, c.Wake())).items():
            self._carry(live, key, launch)
        faultpoints.reach("recovery.woken")
        self._take_up(live, in_flight)

    def _take_up(self, live: LiveRun, in_flight: list[AttemptKey]) -> None:
        """Go on with what was in flight when the run was last looked after."""
        for key in in_flight:
            self._carry(live, key, None)
            if live.is_called_off(key):  # the daemon that was told so did not live to see it
                self._terminate(live, key)
        for step_id in live.state.active - {key.step for key in in_flight}:
            step = live.state.steps[step_id]
            if step.status in ("retrying", "compensating") and step.retry_at:
                # A clock that was set meanwhile makes the pause shorter, and never longer.
                left_ms = min(step.retry_at - wall_clock_ms(), step.retry_delay_ms)
                pause = max(0, left_ms) / 1000
                kind: e.ScriptKind = "run" if step.status == "retrying" else "undo"
                self._retry_later(live, step_id, kind, pause)

    def _sweep(self, left_alone: set[str]) -> None:
        """Remove what is left of attempts whose end is recorded; other runs keep theirs."""
        wanted = self._runs.attempts_in_flight()
        for key in self._executor.leftovers():
            if key not in wanted and key.run not in left_alone:
                self._executor.forget(key)

    # --------------------------------------------------------------- commands, under the lock

    async def _request(self, run: str, command: c.Command) -> e.RunStatus:
        async with self._runs.hold(run) as live:
            await self._submit(live, command)
            faultpoints.reach("request.recorded")
            return live.state.status

    async def _submit(self, live: LiveRun, command: c.Command) -> None:
        """Apply a command, record its events, perform them. Cannot be cancelled half-way."""
        for key, launch in (await self._apply(live, command)).items():
            self._carry(live, key, launch)

    async def _apply(self, live: LiveRun, command: c.Command) -> Launches:
        """As `_submit`, but for the attempts that it starts: the caller carries them out.

        Without a shield, which would cost every step: what is awaited here cannot be cancelled.
        """
        started: Launches = {}
        await live.acquire()
        try:
            before = live.state.version
            try:
                events = react(live.state, command, self._moment())
            except CallerError:  # refused; nothing was touched
                raise
            except Exception as error:
                await self._park(live, error)
                raise
            if events:
                started = await self._record(live, before, events)
        finally:
            live.lock.release()
        return started

    async def _record(self, live: LiveRun, expected: int, events: list[e.Event]) -> Launches:
        """Make events durable, tell who waits, perform what they call for but for the attempts.

        When they cannot be recorded, the state goes back to what the log says.
        """
        prepared = self._prepare(live, events)
        try:
            recorded = await self._log.append(live.state.run, expected, events)
        except FlowError as error:
            if isinstance(error, StoreUnavailable):
                self.store_error = error.message
            for key in prepared:
                self._executor.forget(key)
            if expected:
                await self._go_back(live)
            raise
        self.store_error = ""
        live.state.position = recorded[-1].position
        self._runs.announce(live.state.run)
        for event in events:
            if point := POINTS_OF.get(type(event)):
                faultpoints.reach(point)
            if isinstance(event, e.RetryScheduled):
                self._retry_later(live, event.step, event.kind, event.delay_ms / 1000)
            elif isinstance(event, e.RunFinished):
                level = logging.DEBUG if event.state == "succeeded" else logging.INFO
                log.log(level, "run %s is %s", live.state.run, event.state)
                self._tidy(live.state)
            if self._heed is not None and type(event) in TOLD_BY:
                self._heed(live.state)
        self._runs.let_go(live)
        return prepared

    def _prepare(self, live: LiveRun, events: list[e.Event]) -> Launches:
        """Lay out the attempts that are about to be recorded, or say why it cannot be done."""
        prepared: Launches = {}
        for key in self._launched_by(live, events):
            try:
                launch = self._launch_of(live.state, key)
                self._executor.prepare(launch)
                faultpoints.reach("attempt.prepared")
                prepared[key] = launch
            except SpawnFailed as error:
                prepared[key] = error
        return prepared

    def _launch_of(self, state: RunState, key: AttemptKey) -> Launch:
        if self._keeper is not None and puts_files_back(state, key):
            return self._keeper.launch(state, key)
        return launch_of(state, key)

    def _launched_by(self, live: LiveRun, events: list[e.Event]) -> list[AttemptKey]:
        """Attempts that these events start, but for those that they also end."""
        return [
            AttemptKey(live.state.run, event.step, STARTS[type(event)], event.attempt)
            for event in events
            if isinstance(event, e.StepStarted | e.CompensationStarted | e.CheckStarted)
            and live.is_in_flight(event.step, STARTS[type(event)], event.attempt)
        ]

    async def _park(self, live: LiveRun, error: Exception) -> None:
        """Stop touching a run after a mistake of ours. Its processes go on; nothing is lost."""
        log.error("run %s is parked", live.state.run, exc_info=error)
        live.drop_tasks()
        await self._go_back(live)  # it may be half changed
        before = live.state.version
        reason = f"{type(error).__name__}: {error}"
        events = react(live.state, c.Park(reason), self._moment())
        try:
            if events:
                await self._record(live, before, events)  # which starts nothing
        except FlowError:
            log.exception("that run %s is parked could not be recorded", live.state.run)
            live.state.parked = reason

    async def _park_under_lock(self, live: LiveRun, error: Exception) -> None:
        await live.acquire()
        try:
            await self._park(live, error)
        finally:
            live.lock.release()

    async def _go_back(self, live: LiveRun) -> None:
        """Give the run the state that the log tells of."""
        with trio.CancelScope(shield=True):
            live.state = await self._runs.replay(live.state.run)

    async def _keep_files(self, live: LiveRun, key: AttemptKey, launch: Launch) -> None:
        """Keep what a step is about to change, where that can be told and it has no undo."""
        if self._keeper is not None and not live.state.rehearsal:
            await self._keeper.before(live, key, launch, self._report)

    async def _keep_artifacts(self, live: LiveRun, key: AttemptKey, end: c.Command) -> None:
        """Keep what a step made, where it says that this is wanted."""
        if self._curator is not None and not live.state.rehearsal:
            await self._curator.after(live, key, end, self._config, self._report)

    def _tidy(self, state: RunState) -> None:
        """Let go of files kept for runs that are over, in the background."""
        keeper = self._keeper
        if keeper is None or not any(step.saved_files for step in state.steps.values()):
            return
        undone = set() if undoable(state) else {state.run}
        live = {live.state.run for live in self._runs if not live.state.finished}
        self._nursery.start_soon(keeper.preimages.sweep, live, undone)

    # -------------------------------------------------------------------------------- tasks

    def _spawn_task(self, live: LiveRun, task: Callable[[], Awaitable[None]]) -> None:
        """Run a task of a run; a mistake in it parks that run and no other."""
        scope = trio.CancelScope()
        live.tasks.add(scope)

        async def guarded() -> None:
            try:
                with scope:
                    await task()
            except Exception as error:  # noqa: BLE001  # the last line of defence for other runs
                await self._park_under_lock(live, error)
            finally:
                live.tasks.discard(scope)

        self._nursery.start_soon(guarded)

    def _carry(self, live: LiveRun, key: AttemptKey, launch: Launch | SpawnFailed | None) -> None:
        """See an attempt through to its report, and then what follows from that.

        `launch` None adopts it. One step after the other is carried out by one task.
        """

        async def carried() -> None:
            now: tuple[AttemptKey, Launch | SpawnFailed | None] | None = (key, launch)
            while now is not None:
                report = await self._carrier.see_through(live, *now)
                if (gone := live.ending.get(now[0])) is not None:
                    await gone.wait()  # once its end is recorded no later daemon looks for them
                faultpoints.reach("attempt.reporting")
                started = await self._report(live, report)
                faultpoints.reach("attempt.reported")
                self._executor.forget(now[0])
                live.ending.pop(now[0], None)
                now = started.popitem() if started else None
                for item in started.items():
                    self._carry(live, *item)

        self._spawn_task(live, carried)

    async def _report_output(self, live: LiveRun, report: c.ReportOutput) -> None:
        try:
            await self._report(live, report)  # which never starts anything
            faultpoints.reach("output.recorded")
        except Exception as error:  # noqa: BLE001  # the others' output goes on
            await self._park_under_lock(live, error)

    def _terminate(self, live: LiveRun, key: AttemptKey) -> None:
        """End an attempt's processes; whoever carries it reports its end when all are gone."""
        if key in live.ending:
            return
        gone = live.ending[key] = trio.Event()

        async def end() -> None:
            try:
                await self._executor.terminate(key, self._config.grace_seconds)
            finally:
                gone.set()

        self._spawn_task(live, end)

    def _retry_later(self, live: LiveRun, step: str, kind: e.ScriptKind, seconds: float) -> None:
        async def wait() -> None:
            await trio.sleep(seconds)
            for key, launch in (await self._report(live, c.ReportRetryDue(step, kind))).items():
                self._carry(live, key, launch)

        self._spawn_task(live, wait)

    async def _report(self, live: LiveRun, report: c.Command) -> Launches:
        """Apply what must not be lost: while the store refuses, wait and try again."""
        pause = 0.25
        while True:
            try:
                return await self._apply(live, report)
            except StoreUnavailable as error:
                log.warning("run %s cannot be recorded, trying again: %s", live.state.run, error)
                await trio.sleep(pause)
                pause = min(pause * 2, STORE_PATIENCE)

    def _moment(self) -> c.Moment:
        return c.Moment(at=wall_clock_ms(), chance=self._chance())


@asynccontextmanager
async def open_engine(
    event_log: EventLog,
    executor: Executor,
    judge: Judge,
    config: EngineConfig,
    *,
    environment: dict[str, str],
    chance: Callable[[], float],
    masker_for: MaskerFor,
    keeper: Keeper | None = None,
    curator: Curator | None = None,
    heed: Callable[[RunState], None] | None = None,
    extents: Extents | None = None,
    preflight: Preflight | None = None,
    consents: Consents | None = None,
    vault: Vault | None = None,
    boundaries: BoundariesIn | None = None,
) -> AsyncIterator[RunEngine]:
    """Run an engine for the duration of the block, beginning with what an earlier one left.

    `heed` is told of a run whenever it may need a person, or no longer needs one. `extents` counts
    what a confirmed step would take away, for its question; `preflight` sees whether steps can
    work here before the first one starts.

    Leaving the block stops the watching; processes go on and are adopted next time.
    """
    async with trio.open_nursery() as nursery:
        engine = RunEngine(
            nursery,
            event_log,
            executor,
            judge,
            config,
            environment,
            chance,
            masker_for,
            keeper,
            curator,
            heed,
            extents,
            preflight,
            consents,
            vault,
            boundaries,
        )
        count = await engine.recover()
        if count:
            log.info("took up %d unfinished runs", count)
        yield engine
        nursery.cancel_scope.cancel()
