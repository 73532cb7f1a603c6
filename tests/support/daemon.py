"""The server on a real socket, with organs that a test plays by hand."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trio.testing

from flowd.config import Config, Paths
from flowd.domain import events as e
from flowd.domain import learning, ports, suggestions
from flowd.domain.consents import Approval, Keep
from flowd.domain.evolve import replay
from flowd.domain.knowledge import Example, KnowledgeSource, Worded
from flowd.domain.retention import Retention
from flowd.domain.run import RunState
from flowd.domain.workflow import Workflow
from flowd.errors import Conflict, InvalidInput, NotFound
from flowd.safety.policed import PolicedJudge
from flowd.safety.policy.loading import PolicyFiles
from flowd.server.services import Services
from flowd.server.session import serve_session
from flowd.server.transport import serve_socket
from flowd.server.trust import Trust
from support.memory_books import MemoryBooks
from support.memory_consents import MemoryConsents
from support.memory_knowledge import MemoryKnowledge
from support.peers import Peer
from support.stories import workflow_of


class ScriptedRuns:
    """Both the event log and the engine: a run is the events a test `tell`s.

    `hold` makes `state` wait until the event it gives is set.
    """

    def __init__(self) -> None:
        self.events: list[e.Recorded] = []
        self.asked: list[tuple[str, ...]] = []
        self.started: list[ports.RunRequest] = []
        self.cancelled: list[str] = []
        self.typed: list[tuple[str, str, bytes, ports.WindowSize | None]] = []
        self.fault: Exception | None = None
        self._holding: trio.Event | None = None
        self._news = trio.Condition()

    # ------------------------------------------------------------------------ for the test

    def begin(self, run: str, *steps: Any, **keys: Any) -> None:
        """A run is accepted."""
        self.write(run, run_started(workflow_of(*steps, **keys)))

    def write(self, run: str, *events: e.Event) -> None:
        """Things happen in a run, and nobody is told yet."""
        for event in events:
            version = sum(1 for known in self.events if known.run == run) + 1
            self.events.append(e.Recorded(len(self.events) + 1, run, version, event))

    async def tell(self, run: str, *events: e.Event) -> None:
        """Things happen in a run."""
        self.write(run, *events)
        async with self._news:
            self._news.notify_all()

    def hold(self) -> trio.Event:
        """From now on `state` waits for the event given here."""
        self._holding = trio.Event()
        return self._holding

    # ----------------------------------------------------------------------- the event log

    async def append(
        self, run: str, expected_version: int, events: Sequence[e.Event]
    ) -> list[e.Recorded]:
        raise AssertionError("the server never writes")

    async def read(self, run: str, after: int = 0, limit: int = 500) -> list[e.Recorded]:
        await trio.lowlevel.checkpoint()
        if self.fault is not None:
            raise self.fault
        return [known for known in self.events if known.run == run and known.position > after][
            :limit
        ]

    async def find(self, name: str) -> ports.RunSummary:
        await trio.lowlevel.checkpoint()
        found = sorted({known.run for known in self.events if known.run.startswith(name)})
        if not found:
            raise NotFound(f"no run {name!r}", cure="flowctl ps lists them")
        if len(found) > 1:
            raise Conflict(f"{name!r} names {len(found)} runs", cure="write more of it")
        return self._summary(found[0])

    async def summaries(
        self, *, query: str = "", states: Sequence[str] = (), limit: int = 100
    ) -> list[ports.RunSummary]:
        await trio.lowlevel.checkpoint()
        runs = dict.fromkeys(known.run for known in reversed(self.events))
        rows = [self._summary(run) for run in runs]
        return [
            row
            for row in rows
            if query in row.name + row.id and (not states or row.state in states)
        ][:limit]

    async def run_with_token(self, client_token: str) -> str | None:
        await trio.lowlevel.checkpoint()
        tokens = [request.client_token for request in self.started]
        return f"run{tokens.index(client_token) + 1}" if client_token in tokens else None

    async def stats(self) -> ports.LogStats:
        await trio.lowlevel.checkpoint()
        return ports.LogStats(1, {"running": 1}, len(self.events), len(self.events), 4096, 0, 1)

    def _summary(self, run: str) -> ports.RunSummary:
        state = self._state(run)
        return ports.RunSummary(
            id=run,
            name=state.workflow.name,
            state=state.status,
            cwd=state.cwd,
            created_at=state.created_at,
            updated_at=state.updated_at,
            position=state.position,
            version=state.version,
            steps=len(state.steps),
            steps_done=len(state.completed),
            question=next((asked.question for asked in state.questions.values()), ""),
        )

    def _state(self, run: str) -> RunState:
        return replay(known for known in self.events if known.run == run)

    # -------------------------------------------------------------------------- the keeper

    async def check(self, *, mend: bool = False) -> ports.LogCheck:
        await trio.lowlevel.checkpoint()
        damage = ports.Damage("abcdef", "its summary is wrong", "mend it")
        return ports.LogCheck(1, len(self.events), [] if mend else [damage], int(mend))

    async def back_up(self, path: Path) -> ports.Backup:
        await trio.lowlevel.checkpoint()
        return ports.Backup(str(path), 4096, len(self.events))

    async def vacuum(self, retention: Retention) -> ports.Vacuumed:
        await trio.lowlevel.checkpoint()
        return ports.Vacuumed(8192, 4096, 2048, 0, 3, ports.Removed())

    async def retain(self, retention: Retention) -> ports.Removed:
        raise AssertionError("the server leaves that to the daemon")

    async def due(self, retention: Retention) -> ports.Removed:
        await trio.lowlevel.checkpoint()
        return ports.Removed(2, 1, 5000)

    # -------------------------------------------------------------------------- the engine

    async def start(self, request: ports.RunRequest) -> str:
        await trio.lowlevel.checkpoint()
        self.started.append(request)
        run = f"run{len(self.started)}"
        self.write(run, run_started(request.workflow))
        return run

    async def cancel(self, run: str, *, by: str = "") -> e.RunStatus:
        return self._steer("cancel", run, by)

    async def give_secrets(self, run: str, secrets: Mapping[str, str]) -> None:
        """Remember the names of what was given, if it was anything; see the port."""
        if secrets:
            self.asked.append(("give_secrets", run, *secrets))

    async def undo(self, run: str, *, by: str = "") -> e.RunStatus:
        return self._steer("undo", run, by)

    async def retry(self, run: str, *, by: str = "") -> e.RunStatus:
        return self._steer("retry", run, by)

    async def resume(self, run: str, *, by: str = "") -> e.RunStatus:
        return self._steer("resume", run, by)

    async def answer(
        self, run: str, step: str, answer: e.Answer, *, by: str = "", keep: Keep | None = None
    ) -> e.RunStatus:
        return self._steer("answer", run, step, answer, by, *([] if keep is None else [keep]))

    def _steer(self, *asked: str) -> e.RunStatus:
        if self.fault is not None:
            raise self.fault
        self.asked.append(asked)
        return "running"

    async def wait_beyond(self, run: str, position: int) -> None:
        async with self._news:
            while not any(known.run == run and known.position > position for known in self.events):
                await self._news.wait()

    async def state(self, run: str) -> RunState:
        if self._holding is not None:
            try:
                await self._holding.wait()
            except trio.Cancelled:
                self.cancelled.append(run)
                raise
        if self.fault is not None:
            raise self.fault
        return self._state(run)

    def type_nowait(self, run: str, step: str, keys: bytes, size: ports.WindowSize | None) -> int:
        if self.fault is not None:
            raise self.fault
        self.typed.append((run, step, keys, size))
        return 1

    def terminals(self, run: str) -> list[str]:
        return [step.id for step in self._state(run).workflow.steps if step.tty]

    def live_runs(self) -> int:
        return len({known.run for known in self.events})

    def running_attempts(self) -> int:
        return 2


class ScriptedJudge:
    """Blocks what says `block`, wants confirmation for what says `confirm`, allows the rest."""

    def judge(self, script: str, *, shell: str = "bash", cwd: str | None = None) -> ports.Judgement:
        for verdict in ("block", "confirm"):
            at = script.find(verdict)
            if at >= 0:
                span = (at, at + len(verdict))
                finding = ports.Finding(f"says-{verdict}", verdict, f"it says {verdict}", span)
                return ports.Judgement(verdict, [finding])
        return ports.Judgement("allow", read_only=script == "true")

    def can_save(self, script: str, *, shell: str = "bash") -> bool:
        return script.startswith("rm ")

    def as_of_now(self, cwd: str | None) -> ports.Judge:
        return self


class ScriptedSuggester:
    """Knows one recipe."""

    def __init__(self) -> None:
        self.requests: list[suggestions.SuggestRequest] = []
        self.recipe = suggestions.Suggestion(
            id="recipe", title="A recipe", provider="offline", score=0.5, verdict="allow",
            workflow=workflow_of("a"),
        )  # fmt: skip

    async def suggest(
        self, request: suggestions.SuggestRequest, show: suggestions.Show | None = None
    ) -> suggestions.SuggestAnswer:
        await trio.lowlevel.checkpoint()
        if not request.task.strip():
            raise InvalidInput("there is no task", cure="say what you want done")
        self.requests.append(request)
        if show is not None:
            writing = [suggestions.Writing("model", "A tag", ["git tag v1"])]
            await show(suggestions.SuggestProgress([self.recipe], writing))
        report = suggestions.ProviderReport("offline", 1.5, 1)
        return suggestions.SuggestAnswer([self.recipe], [report], 1.5)

    async def providers(self) -> list[suggestions.ProviderState]:
        await trio.lowlevel.checkpoint()
        return [
            suggestions.ProviderState(
                name="offline", kind="offline", asked=True, configured=True, usable=True
            )
        ]

    async def try_provider(self, name: str, deadline_seconds: float) -> suggestions.ProviderTrial:
        await trio.lowlevel.checkpoint()
        return suggestions.ProviderTrial(
            provider=name, elapsed_ms=1.5, title="A recipe", error="", cure="", calls=[]
        )

    async def tell(self, request: suggestions.SuggestRequest) -> list[suggestions.Told]:
        await trio.lowlevel.checkpoint()
        self.requests.append(request)
        return [suggestions.Told("offline", "nothing")]

    def recall(self, suggestion_id: str) -> suggestions.Suggestion:
        if suggestion_id != self.recipe.id:
            raise NotFound(f"no suggestion {suggestion_id!r}", cure="flowctl suggest makes some")
        return self.recipe


class ScriptedLearning:
    """Learned one habit. `noted` is what it was told."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, ...]] = []
        self.thing = learning.LearnedThing("abc", "habit", "uv pip instead of pip", 2, 0, 1, True)

    def ran(self, run: str, workflow: Workflow, folder: str, suggestion: str = "") -> None:
        self.noted.append(("ran", run, workflow.name, folder, suggestion))

    def dismissed(self, suggestion: str) -> None:
        if suggestion == "none":
            raise NotFound("there is no suggestion 'none'", cure="ask again")
        self.noted.append(("dismissed", suggestion))

    def heed(self, state: RunState) -> None:
        raise AssertionError("the server tells of no ends")

    async def things(self) -> list[learning.LearnedThing]:
        await trio.lowlevel.checkpoint()
        return [self.thing]

    async def forget(self, thing: str) -> learning.LearnedThing:
        await trio.lowlevel.checkpoint()
        if not thing or not self.thing.id.startswith(thing):
            raise NotFound(f"nothing is learned as {thing!r}", cure="flowctl learned list")
        return self.thing

    async def forget_all(self) -> int:
        await trio.lowlevel.checkpoint()
        return 7


def run_started(workflow: Workflow) -> e.RunStarted:
    """The first event of a run."""
    return e.RunStarted(at=1, workflow=workflow, inputs={}, cwd="/", environment={})


def output(data: bytes, **more: Any) -> e.OutputAppended:
    """Output of the first attempt of step a."""
    return e.OutputAppended(
        **{"at": 2, "step": "a", "attempt": 1, "kind": "run", "stream": "stdout", "data": data}
        | more
    )


def paths_in(home: Path) -> Paths:
    """What FLOW_HOME=home gives."""
    return Paths(
        config=home / "config.toml",
        policy=home / "policy.yaml",
        state=home,
        database=home / "flow.db",
        logs=home / "logs",
        steps=home / "steps",
        saved=home / "saved",
        artifacts=home / "artifacts",
        socket=home / "flowd.sock",
        lock=home / "flowd.lock",
    )


def _knowledge() -> MemoryKnowledge:
    source = KnowledgeSource("absent", "tldr", "/x", 1, "v", 1)
    worded = Worded(Example("t", "topic", "about", "x"), "t", "about")
    return MemoryKnowledge({"absent": (source, [worded])})


def services_in(home: Path, runs: ScriptedRuns, **more: Any) -> Services:
    """A daemon with scripted organs. `stop` is remembered in `runs.asked`."""
    consents = MemoryConsents(Approval(3, "k", ("r",), "s", "q", "", "run", "step", 1))
    return Services(
        **{
            "log": runs,
            "keeper": runs,
            "engine": runs,
            "suggester": ScriptedSuggester(),
            "judge": ScriptedJudge(),
            "trust": Trust(consents=consents),
            "policies": PolicedJudge(PolicyFiles(home / "policy.yaml", administrator=home / "no")),
            "consents": consents,
            "knowledge": _knowledge(),
            "books": MemoryBooks(),
            "learning": ScriptedLearning(),
            "config": Config(),
            "paths": paths_in(home),
            "started_at": time.monotonic(),
            "stop": lambda: runs.asked.append(("stop",)),
        }
        | more
    )


@asynccontextmanager
async def serving(services: Services) -> AsyncIterator[Path]:
    """Serve on a real Unix socket; give its path."""
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_socket, services, services.paths.socket)
        yield services.paths.socket
        nursery.cancel_scope.cancel()


async def nobody_left(services: Services) -> None:
    """Wait until the daemon has noticed that every client is gone."""
    with trio.fail_after(2):
        while services.peers:  # the server tells nobody, and need not
            await trio.sleep(0.005)


@asynccontextmanager
async def talking(services: Services, *, hello: bool = True) -> AsyncIterator[Peer]:
    """One session over a stream in memory, for tests that turn the clock."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_session, services, theirs)
        peer = Peer(ours)
        if hello:
            await peer.initialize()
        yield peer
        nursery.cancel_scope.cancel()
