"""kill -9 in the middle of a backup: no half file under its name, and the next one succeeds."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flowd.store import open_log
from support.histories import run_finished, started, step_output

TESTS = Path(__file__).parents[1]
COPIER = """
import sys
from pathlib import Path
import trio
from flowd.store import backup, open_log

backup.PAGES_AT_ONCE = 1
step = backup.Copying.step
backup.Copying.step = lambda copying: print("step", flush=True) or step(copying)

async def main(path, target):
    async with open_log(Path(path)) as log:
        await log.keeper.back_up(Path(target))

trio.run(main, *sys.argv[1:])
"""


@pytest.mark.parametrize("steps", [1, 20, 60])
async def test_a_killed_backup_leaves_no_half_file_under_its_name(
    tmp_path: Path, steps: int
) -> None:
    path, target = tmp_path / "flow.db", tmp_path / "copy.db"
    async with open_log(path) as log:
        recorded = await log.append("run-a", 0, [started()])
        for version in range(1, 200):
            recorded += await log.append("run-a", version, [step_output(bytes([version]) * 1000)])
    copier = subprocess.Popen(
        [sys.executable, "-c", COPIER, str(path), str(target)], stdout=subprocess.PIPE, cwd=TESTS
    )
    assert copier.stdout is not None
    for _ in range(steps):
        assert copier.stdout.readline() == b"step\n"
    copier.kill()
    copier.stdout.close()
    assert copier.wait(10) == -signal.SIGKILL
    assert not target.exists()

    async with open_log(path) as log:
        recorded += await log.append("run-a", 200, [run_finished()])
        await log.keeper.back_up(target)
    assert not list(tmp_path.glob("copy.db.*"))
    async with open_log(target) as copy:
        assert await copy.read("run-a") == recorded
        assert (await copy.keeper.check()).damage == []
