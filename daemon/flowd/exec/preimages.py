"""Files as they were before a step: `STATE/saved/RUN.STEP.ATTEMPT/`, one folder a step.

`saving.py` fills a folder in a thread, so the daemon goes on meanwhile; `restore.py` puts it back.
A folder appears complete under its name or not at all.
"""

import errno
import logging
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import trio

from flowd import faultpoints
from flowd.clocks import wall_clock_ms
from flowd.config import EngineConfig
from flowd.domain.files import Saved, Touch
from flowd.domain.ports import AttemptKey
from flowd.errors import SpawnFailed
from flowd.exec import restore
from flowd.exec.saving import save
from flowd.exec.survey import Caps, NotSaved, Survey

log = logging.getLogger(__name__)

SECONDS_A_DAY = 86_400
TICK_SECONDS = 0.02
MOST_THREADS = 4  # more would only make the disk slower, and starve who else needs threads


class SavedFiles:
    """See the port `Preimages`. `config` may be replaced at any time.

    `now_ms` is the time by which `saved_days` are counted, in milliseconds since the epoch.
    """

    def __init__(
        self,
        folder: Path,
        config: EngineConfig,
        now_ms: Callable[[], int] = wall_clock_ms,
    ):
        self._now_ms = now_ms
        self._folder = os.path.realpath(folder)
        self.config = config
        self._threads = trio.CapacityLimiter(MOST_THREADS)
        self._sweeping = trio.Lock()

    async def save(self, key: AttemptKey, touches: Sequence[Touch]) -> Saved:
        """Keep what the touches would change; see the port."""
        stop = threading.Event()
        caps = Caps(self.config.saved_bytes_per_step, self.config.saved_files_per_step)
        if not caps.bytes:
            return Saved()  # switched off
        try:
            return await trio.to_thread.run_sync(
                self._save, self._of(key.run, key.step, key.attempt), touches, caps, stop,
                abandon_on_cancel=True,
                limiter=self._threads,
            )  # fmt: skip
        finally:
            stop.set()

    def _save(
        self, folder: str, touches: Sequence[Touch], caps: Caps, stop: threading.Event
    ) -> Saved:
        survey = Survey(caps, avoid=self._folder)
        try:
            survey.take(touches)
            if survey.found:
                save(survey, folder, stop)
        except NotSaved as refused:
            return Saved(reason=str(refused))
        except RecursionError:
            return Saved(reason="it touches folders that lie too deep in one another")
        except OSError as error:
            return Saved(reason=_in_words(error))
        return Saved(len(survey.found), survey.bytes)

    def place(self, run: str, step: str, attempt: int) -> str:
        """Give the folder of what was saved; see the port."""
        return str(self._of(run, step, attempt))

    def restoring(self, run: str, step: str, attempt: int) -> str:
        """Give the script that puts everything back; see the port."""
        folder = self._of(run, step, attempt)
        if not Path(folder, restore.MANIFEST).is_file():
            raise SpawnFailed(
                f"the files saved before step {step} are gone",
                cure="they are kept for saved_days, and within saved_bytes_total, of [engine]",
            )
        words = (sys.executable, "-I", "-S", restore.__file__, folder)
        return f"exec {shlex.join(words)}"

    async def sweep(self, live: Collection[str], undone: Collection[str] = ()) -> None:
        """Remove what is no longer wanted; see the port."""
        about = (frozenset(live), frozenset(undone), time.time(), self._now_ms() / 1000)
        async with self._sweeping:
            try:
                await trio.to_thread.run_sync(self._sweep, *about, limiter=self._threads)
            except OSError:
                log.warning("%s cannot be tidied", self._folder, exc_info=True)

    def _sweep(
        self, live: frozenset[str], undone: frozenset[str], asked_at: float, now: float
    ) -> None:
        oldest = now - self.config.saved_days * SECONDS_A_DAY
        room = self.config.saved_bytes_total
        for saved_at, run, folder in sorted(self._kept(), reverse=True):
            # That one's run may have begun since; a file's time lags by a tick of the kernel.
            if run in live or saved_at > asked_at - TICK_SECONDS:
                continue
            if folder.endswith(".part") or saved_at < oldest:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            room -= _bytes_in(f"{folder}/{restore.FILES}")
            if run in undone or room < 0:
                _forget(folder)

    def _kept(self) -> Iterator[tuple[float, str, str]]:
        """When what was saved, for which run, and where."""
        try:
            with os.scandir(self._folder) as entries:
                for entry in entries:
                    yield entry.stat().st_mtime, entry.name.partition(".")[0], entry.path
        except FileNotFoundError:  # nothing was ever saved
            return

    def _of(self, run: str, step: str, attempt: int) -> str:
        return f"{self._folder}/{run}.{step}.{attempt}"


def _forget(folder: str) -> None:
    """Remove what was saved, but not what a restore took away: that is the user's."""
    Path(folder, restore.MANIFEST).unlink(missing_ok=True)
    faultpoints.reach("files.forgetting")
    shutil.rmtree(f"{folder}/{restore.FILES}", ignore_errors=True)
    try:
        Path(folder).rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            log.warning("%s cannot be removed", folder, exc_info=True)


def _bytes_in(folder: str) -> int:
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
    except FileNotFoundError:
        return 0


def _in_words(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "there is no room on the disk to keep its files"
    return f"{error.filename or 'a file'} cannot be kept: {error.strerror}"
