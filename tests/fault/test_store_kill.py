"""kill -9 in the middle of writing: everything that was acknowledged is there afterwards."""

import signal
import subprocess
import sys
from pathlib import Path

from flowd.store import open_log

TESTS = Path(__file__).parents[1]
WRITER = """
import sys
from pathlib import Path
import trio
from support.histories import run_finished, started, step_output, step_started
from flowd.store import open_log

async def write(log, run):
    version = 0
    for events in [[started(), step_started()], *[[step_output(b"x" * 300)]] * 8, [run_finished()]]:
        version = (await log.append(run, version, events))[-1].version
        print(run, version, flush=True)

async def main(path, prefix):
    async with open_log(Path(path)) as log:
        for lap in range(1000):
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(write, log, f"{prefix}-{lap}-{number}")

trio.run(main, *sys.argv[1:])
"""


def _write_until_killed(path: Path, prefix: str, acknowledgements: int) -> dict[str, int]:
    """Run a writer, kill it after so many acknowledgements; give the last version of each run."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), prefix],
        stdout=subprocess.PIPE,
        text=True,
        cwd=TESTS,
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(acknowledgements)]
    writer.kill()
    lines += writer.stdout.read().splitlines()
    writer.stdout.close()
    assert writer.wait(10) == -signal.SIGKILL
    versions: dict[str, int] = {}
    for line in lines:
        match line.split():
            case [run, version]:
                versions[run] = int(version)
    return versions


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "flow.db"
    acknowledged: dict[str, int] = {}
    for lap, count in enumerate((1, 37, 120)):
        acknowledged |= _write_until_killed(path, f"lap{lap}", count)
        async with open_log(path) as log:
            assert (await log.keeper.check()).damage == []
            for run, version in acknowledged.items():
                recorded = await log.read(run)
                assert len(recorded) >= version
                assert [r.version for r in recorded] == list(range(1, len(recorded) + 1))
            summaries = await log.summaries(limit=10_000)
            await log.rebuild_projections()
            assert await log.summaries(limit=10_000) == summaries
    assert len(acknowledged) >= 15
