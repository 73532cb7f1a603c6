"""The real flowctl and a server whose engine a test plays by hand: what rarely happens."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from flowd.domain import events as e
from flowd.errors import Bug, StoreUnavailable
from support.daemon import ScriptedRuns, output, services_in, serving

FLOWCTL = Path(sys.executable).parent / "flowctl"


async def flowctl(home: Path, *words: str) -> "subprocess.CompletedProcess[bytes]":
    with trio.fail_after(30):
        return await trio.run_process(
            [FLOWCTL, *words, "--no-start"],
            env={"FLOW_HOME": str(home), "PATH": "/usr/bin:/bin"},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )


async def test_a_parked_run_is_left_with_the_way_on(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    runs.begin("run1", "a")
    runs.write("run1", e.RunParked(at=3, reason="a mistake of ours"))
    async with serving(services_in(tmp_path, runs)):
        ran = await flowctl(tmp_path, "attach", "run1")
    assert ran.returncode == 8
    assert b"flowctl resume run1" in ran.stderr


async def test_events_that_were_told_are_not_told_again_after_steering(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    runs.begin("run1", "a")
    runs.write(
        "run1",
        e.StepStarted(at=2, step="a", attempt=1),
        output(b"old\n"),
        e.StepFinished(at=3, step="a", attempt=1, outcome="succeeded", exit_code=0),
        e.RunFinished(at=4, state="succeeded"),
    )
    async with serving(services_in(tmp_path, runs)), trio.open_nursery() as nursery:

        async def undo_when_asked() -> None:
            while ("undo", "run1", "flowctl") not in runs.asked:
                await trio.sleep(0.01)
            await runs.tell("run1", e.RollbackStarted(at=5, cause="undo", steps=[]))
            await runs.tell("run1", e.RunFinished(at=6, state="compensated"))

        nursery.start_soon(undo_when_asked)
        ran = await flowctl(tmp_path, "undo", "run1")
    assert ran.returncode == 0
    assert b"old" not in ran.stdout
    last, left = ran.stdout.splitlines()[-2:]
    assert last.startswith(b"run run1 rolled back (compensated)")
    assert left == b"a stays done: no undo, and nothing saved"


async def test_why_nothing_goes_on_is_told(tmp_path: Path) -> None:
    runs = ScriptedRuns()
    runs.begin("run1", "a")
    services = services_in(tmp_path, runs, store_error=lambda: "the disk is full")
    async with serving(services):
        told = await flowctl(tmp_path, "ps")
        data = await flowctl(tmp_path, "ps", "--json")
    assert (
        told.stdout.splitlines()[-1] == b"nothing can be recorded, so runs wait: the disk is full"
    )
    assert [row["id"] for row in json.loads(data.stdout)["runs"]] == ["run1"]


@pytest.mark.parametrize(
    "fault", [StoreUnavailable("the disk is full", cure="make room"), Bug("x")]
)
async def test_a_daemon_that_cannot_serve(fault: Exception, tmp_path: Path) -> None:
    runs = ScriptedRuns()
    runs.begin("run1", "a")
    runs.fault = fault
    async with serving(services_in(tmp_path, runs)):
        ran = await flowctl(tmp_path, "show", "run1", "--json")
    assert ran.returncode == 8
    error = json.loads(ran.stdout)["error"]
    assert error["code"] in ("store_unavailable", "bug")
    assert error["cure"]


async def test_progress_is_shown_as_it_comes(tmp_path: Path) -> None:
    """Output is written through: nothing waits in a buffer until the run is finished."""
    runs = ScriptedRuns()
    runs.begin("run1", "a")
    runs.write("run1", e.StepStarted(at=2, step="a", attempt=1))
    async with serving(services_in(tmp_path, runs)), trio.open_nursery() as nursery:
        with trio.fail_after(30):
            process = await nursery.start(
                partial(
                    trio.run_process,
                    [FLOWCTL, "attach", "run1", "--no-start"],
                    env={"FLOW_HOME": str(tmp_path)},
                    stdout=subprocess.PIPE,
                )
            )
            assert process.stdout is not None
            seen = b""
            while b"a started" not in seen:
                seen += await process.stdout.receive_some()
            await runs.tell("run1", output(b"half a line"), output(b", whole\n"))
            while b"a | half a line, whole\n" not in seen:
                seen += await process.stdout.receive_some()
            await runs.tell(
                "run1",
                e.StepFinished(at=3, step="a", attempt=1, outcome="succeeded", exit_code=0),
                e.RunFinished(at=4, state="succeeded"),
            )
