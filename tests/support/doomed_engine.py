"""An engine that kills its own process at the moment it is told.

    python -m support.doomed_engine FOLDER SCRIPT

It starts a run of one step and dies when the step's process is about to be made: after everything
that comes before is on the disk.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from flowd.config import EngineConfig
from flowd.domain.ports import Ending, Executor, Launch, RunRequest
from flowd.engine.engine import open_engine
from flowd.engine.keeping import Keeper
from flowd.exec.preimages import SavedFiles
from flowd.exec.process import open_executor
from flowd.safety.footprint import foresee
from flowd.safety.judge import make_judge
from flowd.safety.masking import make_masker_for
from flowd.store.log import open_log
from flowproto.environment import looks_secret
from support.doomed_daemon import WITH_TEST_SUPPORT
from support.stories import workflow_of


def die_before_the_process(folder: Path, script: str) -> None:
    """Let an engine live up to that moment."""
    ended = subprocess.run(
        [sys.executable, "-m", "support.doomed_engine", str(folder), script],
        env=WITH_TEST_SUPPORT,
        check=False,
        timeout=60,
    )
    assert ended.returncode == -signal.SIGKILL, ended


class _Doomed:
    """A real executor but for the moment a process would be made."""

    def __init__(self, executor: Executor):
        self._executor = executor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    async def run(self, launch: Launch) -> Ending:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError(launch)


async def _live(folder: Path, script: str) -> None:
    config = EngineConfig()
    async with (
        open_log(folder / "flow.db") as log,
        open_executor(folder / "steps") as executor,
        open_engine(
            log,
            _Doomed(executor),
            make_judge(),
            config,
            environment={"PATH": os.environ["PATH"]},
            chance=lambda: 0.5,
            masker_for=make_masker_for(looks_secret, {}),
            keeper=Keeper(foresee, SavedFiles(folder / "saved", config)),
        ) as engine,
    ):
        await engine.start(
            RunRequest(workflow=workflow_of({"id": "a", "run": script}), cwd=str(folder))
        )
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(_live, Path(sys.argv[1]), sys.argv[2])
