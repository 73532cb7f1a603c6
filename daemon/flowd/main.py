"""Composition root: puts the organs together and runs them in one trio nursery.

    flowd              serve this user, in the foreground
    flowd --stdio      speak the protocol on stdin and stdout: joins the running daemon
    flowd --version

Everything that lives as long as the daemon is opened here, in the order of who needs whom, and
closed in the opposite order. Steps are not among it: they outlive us.
"""

import argparse
import fcntl
import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import flowd
from flowd import faultpoints, notify
from flowd.clocks import AgeClock
from flowd.config import Config, Paths, SecretSource, find_paths, load_config
from flowd.desktop import Desktop
from flowd.domain.knowledge import ImportedKnowledge, Meanings
from flowd.domain.ports import EventLog
from flowd.domain.run import RunState
from flowd.domain.suggestions import Suggester
from flowd.engine.curating import Curator
from flowd.engine.engine import RunEngine, open_engine
from flowd.engine.keeping import Keeper
from flowd.engine.vault import Vault
from flowd.errors import (
    Conflict,
    FlowError,
    InvalidInput,
    ProviderFailed,
    StoreUnavailable,
    single_cause,
)
from flowd.exec.artifacts import KeptFiles
from flowd.exec.dotenv import dotenv_of
from flowd.exec.extents import extent_of
from flowd.exec.flags import Manuals
from flowd.exec.preflight import MachinePreflight
from flowd.exec.preimages import SavedFiles
from flowd.exec.process import open_executor
from flowd.exec.rehearsal import Rehearsals
from flowd.exec.secret_sources import NotToBeHad, SecretSources
from flowd.safety.footprint import foresee
from flowd.safety.masking import make_masker_for, secrets_in
from flowd.safety.policed import PolicedJudge
from flowd.safety.policy.loading import ADMINISTRATOR_POLICY, PolicyFiles
from flowd.server.limits import limits_here
from flowd.server.lsp import open_lsp
from flowd.server.services import Services
from flowd.server.stdio import relay_stdio
from flowd.server.transport import serve_socket
from flowd.server.trust import Trust
from flowd.store.log import open_log
from flowd.suggest.late import LateSuggester
from flowd.suggest.learning.learner import Learner, open_learner
from flowd.suggest.minilm import find_model
from flowd.suggest.nearness import Nearness
from flowd.suggest.surroundings import Surroundings
from flowd.upkeep import Upkeep
from flowproto.environment import looks_secret, shareable
from flowproto.starting import StartFailed, answers, start_and_wait

if TYPE_CHECKING:
    from flowd.suggest.pipeline import PipelineSuggester

log = logging.getLogger("flowd")

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
EXIT_USAGE = 2
EXIT_FAILED = 1


class _WithoutSecrets(logging.Formatter):
    """What is logged may quote a script, a path, an answer: no secret gets through here."""

    mask = staticmethod(make_masker_for(cache(looks_secret), os.environ)({}).mask_text)

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual, traceback included, and take out secrets."""
        return self.mask(super().format(record))


def main(administrator_policy: Path = ADMINISTRATOR_POLICY) -> None:
    """Entry point of `flowd`; tests give another place for the administrator's rules."""
    arguments = argument_parser().parse_args()
    os.umask(0o077)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutSecrets(LOG_FORMAT))
    level = logging.DEBUG if arguments.verbose else logging.INFO
    logging.basicConfig(level=level, handlers=[handler])
    paths = find_paths()
    try:
        if arguments.stdio:
            _relay(paths)
        else:
            _serve(paths, administrator_policy)
    except Exception as error:
        cause = single_cause(error)
        if not isinstance(cause, FlowError):
            raise
        if isinstance(cause, Conflict):  # somebody else serves, as whoever started us wanted
            log.info("%s", cause.message)
            return
        log.error("%s", cause.message)  # the message is made for people
        if cause.cure:
            log.error("to mend it: %s", cause.cure)
        raise SystemExit(EXIT_USAGE if cause.code == "invalid_input" else EXIT_FAILED) from None


def argument_parser() -> argparse.ArgumentParser:
    """What `flowd` takes; its manual page is made of this, too."""
    parser = argparse.ArgumentParser(
        prog="flowd", description="The Flow daemon: carries workflows out and remembers them."
    )
    parser.add_argument("--version", action="version", version=f"flowd {flowd.__version__}")
    parser.add_argument(
        "--stdio", action="store_true", help="speak the protocol on stdin/stdout, for editors"
    )
    parser.add_argument("--verbose", action="store_true", help="log more")
    return parser


def _relay(paths: Paths) -> None:
    """Join the running daemon, starting one when there is none."""
    if not answers(str(paths.socket)):
        try:
            start_and_wait(str(paths.socket))
        except StartFailed as error:
            raise StoreUnavailable(str(error), cure=error.cure) from error
    trio.run(relay_stdio, paths.socket)


def _serve(paths: Paths, administrator_policy: Path) -> None:
    if fault := faultpoints.arm(os.environ):
        log.warning("this daemon kills itself at the fault point %s", fault)
    _make_folder(paths.state)
    # It comes when somebody opens a file on which we have a lease (`exec/folders.py`), and would
    # end us. Not ignored, as whatever we start would inherit that.
    signal.signal(signal.SIGIO, lambda *_: None)
    with _only_daemon(paths):
        trio.run(serve, paths, load_config(paths.config), administrator_policy)


def _leave_alone_what_stays() -> None:
    """Have the garbage collector look at less, and less often.

    It looked again and again at modules and tables that stay, and at runs that live: a tenth of
    the CPU of a load, in pauses of up to 40 ms. Rings of garbage are few here, and small.
    """
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def _make_folder(folder: Path) -> None:
    """Make the folder for Flow's state, unless it is there; it must be this user's own.

    In somebody else's (as under `sudo` with the old HOME) our files would lock its owner out.
    """
    cure = "set FLOW_HOME to a folder of your own that can be written to"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        owner = folder.stat().st_uid
    except OSError as error:
        raise InvalidInput(
            f"{folder} cannot hold Flow's state: {error.strerror}", cure=cure
        ) from error
    if owner != os.geteuid():
        raise InvalidInput(f"{folder} belongs to user {owner}", cure=cure)


@contextmanager
def _only_daemon(paths: Paths) -> Iterator[None]:
    """Hold the lock that one daemon at a time can have. Conflict when another one has it.

    The kernel lets go of it however the process ends; the file itself stays.
    """
    try:
        descriptor = os.open(paths.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(
            f"{paths.lock} cannot be written: {error.strerror}",
            cure="make its folder writable, or set FLOW_HOME to another",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = os.read(descriptor, 32).decode(errors="replace").strip()
            raise Conflict(
                f"another flowd (pid {other}) serves {paths.state}; if nobody answers at "
                f"{paths.socket}, XDG_RUNTIME_DIR is not what it was where that one was started"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        faultpoints.reach("daemon.locked")
        yield
    finally:
        os.close(descriptor)


def _own_files(paths: Paths) -> list[Path]:
    """Name what no confined step is to see: the runs, the settings, the way to ask us."""
    return [paths.state, paths.config.parent, paths.socket.parent, paths.socket]


async def serve(
    paths: Paths, config: Config, administrator_policy: Path = ADMINISTRATOR_POLICY
) -> None:
    """Run the daemon until a signal or a client ends it."""
    stopping = trio.Event()
    handed_over = notify.listen_fds()
    trust = Trust()
    policies = PolicyFiles(paths.policy, administrator=administrator_policy, trusts=trust.trusts)
    judge = judge_of(policies, config)
    ages = AgeClock()
    saved_files = SavedFiles(paths.saved, config.engine, ages.now_ms)
    artifacts = KeptFiles(paths.artifacts)
    rehearsals = Rehearsals(paths.state / "rehearsals")
    masker_for = make_masker_for(cache(looks_secret), os.environ)
    desktop = Desktop(config.notifications, looks_secret)
    manuals = Manuals()
    preflight = MachinePreflight(manuals, asks=True, secrets_in=secrets_in)
    quick_preflight = MachinePreflight(manuals)
    vault = Vault(SecretSources(config.secrets), dotenv_of)
    mask = masker_for({}).mask_text

    def mask_for(folder: str) -> Callable[[str], str]:
        return masker_for(dotenv_of(folder)).mask_text

    async with (
        open_log(paths.database, ages.now_ms) as event_log,
        _known_to(ages, event_log),
        trust.remembered_by(event_log.consents),
        open_learner(event_log.experiences, mask_for, enabled=config.suggest.learn) as learner,
        open_executor(paths.steps, _own_files(paths), rehearsals) as executor,
        open_engine(
            event_log,
            executor,
            judge,
            config.engine,
            environment=shareable(notify.environment_for_steps()),
            chance=random.random,
            masker_for=masker_for,
            keeper=Keeper(foresee, saved_files),
            curator=Curator(artifacts),
            heed=partial(_heed_run, desktop, learner),
            extents=extent_of,
            preflight=preflight,
            consents=event_log.consents,
            vault=vault,
            boundaries=judge.boundaries,
        ) as engine,
        trio.open_nursery() as nursery,
    ):
        nearness = nearness_of(config, event_log.meanings)
        surroundings = Surroundings(event_log, paths.config.parent / "context.md")

        def suggester_of(settings: Config, judge: PolicedJudge) -> Suggester:
            def make() -> "PipelineSuggester":

                from flowd.suggest.own import own_answers
                from flowd.suggest.pipeline import make_suggester

                templates = paths.config.parent / "templates"
                return make_suggester(
                    settings,
                    judge,
                    quick_preflight,
                    mask_for,
                    event_log.knowledge,
                    nearness,
                    learner,
                    own_answers(templates, trust.trusts, settings.suggest, mask),
                    event_log.books,
                    look_up_key,
                    surroundings,
                )

            late = LateSuggester(make)
            learner.knowledge = late.know
            return late

        _leave_alone_what_stays()
        services = Services(
            log=event_log,
            keeper=event_log.keeper,
            engine=engine,
            suggester=suggester_of(config, judge),
            surroundings=surroundings,
            nearness=nearness,
            knowledge=event_log.knowledge,
            learning=learner,
            judge=judge,
            extents=extent_of,
            preflight=preflight,
            config=config,
            paths=paths,
            started_at=time.monotonic(),
            stop=stopping.set,
            store_error=lambda: engine.store_error,
            policy_error=lambda: "; ".join(policies.problems()),
            step_limits=executor.limits_held_by,
            step_sandbox=executor.sandbox_here,
            unheld=executor.unheld,
            open_lsp=open_lsp,
            artifacts=artifacts,
            rehearsals=rehearsals,
            mask=mask,
            mask_for=mask_for,
            limits=limits_here(),
            trust=trust,
            policies=judge,
            consents=event_log.consents,
            books=event_log.books,
        )
        upkeep = Upkeep(event_log.keeper, config.retention, event_log, artifacts, rehearsals)
        services.tidy = upkeep.look_soon
        nursery.start_soon(upkeep.serve)
        nursery.start_soon(_reword, event_log.knowledge)
        nursery.start_soon(surroundings.serve)
        if nearness is not None:
            nursery.start_soon(nearness.serve)
        for state in engine.waiting():
            desktop.remember(state)
        nursery.start_soon(desktop.serve)
        reload = partial(
            _reload, services, policies, engine, upkeep, saved_files, desktop, learner, suggester_of
        )
        nursery.start_soon(_heed_signals, reload, stopping)
        nursery.start_soon(notify.keep_watchdog_fed)
        await nursery.start(serve_socket, services, paths.socket, handed_over)
        notify.notify(f"READY=1\nSTATUS=serving {paths.socket}")
        log.info("flowd %s serves %s", flowd.__version__, paths.socket)
        await stopping.wait()
        notify.notify("STOPPING=1")
        log.info("flowd ends; %d running steps go on without it", engine.running_attempts())
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _known_to(ages: AgeClock, event_log: EventLog) -> AsyncIterator[None]:
    """Let the ages be counted from what was recorded last, before anything asks for one."""
    for newest in await event_log.summaries(limit=1):
        ages.recorded_before(newest.updated_at)
    yield


async def _reword(knowledge: ImportedKnowledge) -> None:
    """Have what was imported indexed anew where a newer Flow knows other words."""
    if await knowledge.sources():
        from flowd.suggest.imported import reword

        await reword(knowledge)


def nearness_of(config: Config, meanings: Meanings) -> Nearness | None:
    """Make what puts suggestions in order by a sentence model; None where there is no model."""
    if config.suggest.semantic_model == "off":
        return None
    folder = find_model(config.suggest.semantic_model)
    return Nearness(folder, meanings) if folder is not None else None


async def look_up_key(source: SecretSource) -> str:
    """Give a provider's key from where it is; ProviderFailed when it is not to be had."""
    try:
        key = await SecretSources({"api_key": source}).look_up("api_key", str(Path.home()))
    except NotToBeHad as error:
        raise ProviderFailed(
            f"the key is not to be had: {error}",
            cure="see api_key_command and api_key_keyring of this provider in config.toml",
        ) from error
    if not key:
        raise ProviderFailed("the key is empty", cure="see what prints or keeps it")
    return key


def _heed_run(desktop: Desktop, learner: Learner, state: RunState) -> None:
    """Tell those who want to know of a run that may need a person, or is over."""
    desktop.heed(state)
    learner.heed(state)


def judge_of(policies: PolicyFiles, config: Config) -> PolicedJudge:
    """Make the judge that goes by the policy files, which are looked at now for the log's sake."""
    policies.problems()
    return PolicedJudge(policies, files_are_kept=config.engine.saved_bytes_per_step > 0)


async def _heed_signals(reload: Callable[[], None], stopping: trio.Event) -> None:
    """SIGTERM and SIGINT end the daemon; SIGHUP has the settings read again."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
        async for number in signals:
            if number != signal.SIGHUP:
                stopping.set()
                return
            notify.notify_reloading()
            reload()
            notify.notify("READY=1")


def _reload(
    services: Services,
    policies: PolicyFiles,
    engine: RunEngine,
    upkeep: Upkeep,
    saved_files: SavedFiles,
    desktop: Desktop,
    learner: Learner,
    suggester_of: Callable[[Config, PolicedJudge], Suggester],
) -> None:
    """Take over changed settings; with mistakes in the file they stay as they were."""
    try:
        config = load_config(services.paths.config)
    except FlowError as error:
        log.error("%s (%s); the settings stay as they were", error.message, error.cure)
        return
    judge = judge_of(policies, config)
    engine.configure(config.engine, judge, SecretSources(config.secrets))
    upkeep.configure(config.retention)
    saved_files.config = config.engine
    desktop.config = config.notifications
    services.judge = judge
    learner.enabled = config.suggest.learn
    services.suggester = suggester_of(config, judge)
    services.config = config
    log.info("settings are read again from %s", services.paths.config)


if __name__ == "__main__":
    main()
