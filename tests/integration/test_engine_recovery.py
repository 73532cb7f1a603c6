"""An engine that takes up what an earlier one left. Closing the engine leaves processes running."""

import os
import signal
from pathlib import Path

import pytest
import trio

from flowd.domain.commands import Cancel
from flowd.errors import Bug
from flowd.exec.folders import boot_id
from flowd.exec.records import Running, read_record
from support.engines import open_workshop


async def test_a_running_step_is_adopted_with_its_output_and_not_repeated(tmp_path):
    script = "echo x >> witness; echo first; while [ ! -e go ]; do sleep 0.02; done; echo second"
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": script}, {"id": "b", "run": "echo b >> witness"})
        await shop.until(run, "step_output a")
    async with open_workshop(tmp_path) as shop:
        assert shop.engine.live_runs() == 1
        (tmp_path / "go").touch()
        state = await shop.finish(run)
        assert state.status == "succeeded"
        assert await shop.output(run) == "first\nsecond\n"
    assert (tmp_path / "witness").read_text() == "x\nb\n"


async def test_a_step_that_ended_meanwhile_has_its_exit_code(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start(
            {"id": "a", "run": "while [ ! -e go ]; do sleep 0.02; done; touch done; exit 7"}
        )
        await shop.until(run, "step_started a")
        await trio.sleep(0.2)
    (tmp_path / "go").touch()
    while not (tmp_path / "done").exists():
        await trio.sleep(0.02)
    async with open_workshop(tmp_path) as shop:
        state = await shop.finish(run)
        assert state.steps["a"].exit_code == 7


async def test_a_compensation_is_adopted_too(tmp_path):
    undo = "echo u >> witness; while [ ! -e go ]; do sleep 0.02; done"
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "undo": undo}, {"id": "b", "run": "exit 1"})
        await shop.until(run, "compensation_started a")
        while not (tmp_path / "witness").exists():
            await trio.sleep(0.02)
    async with open_workshop(tmp_path) as shop:
        (tmp_path / "go").touch()
        assert (await shop.finish(run)).status == "compensated"
    assert (tmp_path / "witness").read_text() == "u\n"


async def test_questions_stay_open(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "confirm": "?"})
    async with open_workshop(tmp_path) as shop:
        await shop.engine.answer(run, "a", "yes")
        assert (await shop.finish(run)).status == "succeeded"


async def test_a_pause_before_a_retry_goes_on(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start(
            {"id": "a", "run": "[ -e go ]", "retry": {"attempts": 2, "delay": "1s"}}
        )
        await shop.until(run, "retry_scheduled a")
    (tmp_path / "go").touch()
    async with open_workshop(tmp_path) as shop:
        assert (await shop.finish(run)).status == "succeeded"


async def test_a_timeout_counts_from_the_recorded_start(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "sleep 60", "timeout": "1s"})
        await shop.until(run, "step_started a")
    await trio.sleep(0.5)
    async with open_workshop(tmp_path) as shop:
        with trio.fail_after(10):
            assert (await shop.finish(run)).steps["a"].status == "timed_out"


DEAF = """
setsid sh -c 'trap "" TERM; echo $$ > deaf; touch begun; while :; do sleep 0.1; done' &
sleep 60
"""


async def test_a_cancelled_step_has_not_ended_while_a_process_of_it_lives(tmp_path):
    async with open_workshop(tmp_path, grace_seconds=0.5) as shop:
        run = await shop.start({"id": "a", "run": DEAF})
        await _there_is(tmp_path / "begun")
        await shop.engine.cancel(run)
        assert (await shop.finish(run)).status == "cancelled"
        assert not _lives(int((tmp_path / "deaf").read_text()))


async def test_a_daemon_that_ends_while_it_cancels_leaves_no_process_behind(tmp_path):
    """The script ends of SIGTERM; what it left outlasts the daemon that would have killed it."""
    async with open_workshop(tmp_path, grace_seconds=2) as shop:
        run = await shop.start({"id": "a", "run": DEAF})
        await _there_is(tmp_path / "begun")
        await shop.engine.cancel(run)
        await trio.sleep(0.3)
    async with open_workshop(tmp_path, grace_seconds=2) as shop:
        assert (await shop.finish(run)).status == "cancelled"
    assert not _lives(int((tmp_path / "deaf").read_text()))


async def test_a_daemon_that_ends_while_a_timeout_is_carried_out_leaves_no_process(tmp_path):
    async with open_workshop(tmp_path, grace_seconds=2) as shop:
        run = await shop.start({"id": "a", "run": DEAF, "timeout": "500ms"})
        await _there_is(tmp_path / "begun")
        await trio.sleep(0.8)
    async with open_workshop(tmp_path, grace_seconds=2) as shop:
        assert (await shop.finish(run)).steps["a"].status == "timed_out"
    assert not _lives(int((tmp_path / "deaf").read_text()))


BESIDE = """
if [ -e begun ]; then cat /proc/$(cat left)/stat > beside; exit 0; fi
setsid sh -c 'echo $$ > left; touch begun; while :; do sleep 0.1; done' &
sleep 60
"""


@pytest.mark.parametrize("rule", ["retry", "undo"])
async def test_nothing_of_a_lost_attempt_works_beside_what_follows(tmp_path, rule):
    step = {"id": "a", "run": BESIDE, "undo": BESIDE, "on_interrupt": rule}
    async with open_workshop(tmp_path) as shop:
        run = await shop.start(step)
        await _there_is(tmp_path / "begun")
        [folder] = (tmp_path / "steps" / boot_id()).glob(f"{run}.*")
        record = read_record(str(folder))
        assert isinstance(record, Running)
        for each in (record.holder, record.process):
            os.kill(each.pid, signal.SIGKILL)
        state = await shop.finish(run)
        assert state.status == ("succeeded" if rule == "retry" else "compensated")
    assert ") Z " in ((tmp_path / "beside").read_text() or ") Z ")  # nobody may reap it here


async def _there_is(path):
    with trio.fail_after(10):
        while not path.exists():
            await trio.sleep(0.02)


def _lives(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return ") Z " not in stat  # nobody may reap it here


async def test_the_record_of_a_vanished_attempt_asks_a_person(tmp_path):
    """As after a power cut: the start is recorded, and of the process there is no trace."""
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "sleep 3"})
        await shop.until(run, "step_started a")
    _erase(tmp_path / "steps")
    async with open_workshop(tmp_path) as shop:
        state = await shop.until(run, "question_asked a lost")
        assert state.status == "waiting"
        assert await shop.engine.answer(run, "a", "no") == "failed"


async def test_a_mistake_of_ours_parks_one_run_and_resume_goes_on(tmp_path, monkeypatch):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "sleep 0.3"}, {"id": "b"})
        bystander = await shop.start({"id": "a", "run": "sleep 0.5"})
        live = next(live for live in shop.engine._runs if live.state.run == run)
        with monkeypatch.context() as patch:
            patch.setitem(live.state.steps, "b", None)  # a state that no rule could have made
            while not (await shop.engine.state(run)).parked:
                with trio.fail_after(10):
                    await trio.sleep(0.05)
        assert (await shop.engine.state(run)).status == "waiting"
        assert (await shop.finish(bystander)).status == "succeeded"
        await shop.engine.resume(run)
        assert (await shop.finish(run)).status == "succeeded"


async def test_a_parked_run_stays_parked_after_a_restart(tmp_path):
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "echo x >> witness; sleep 0.3"})
        live = next(iter(shop.engine._runs))
        async with live.lock:
            await shop.engine._park(live, Bug("for the test"))
    async with open_workshop(tmp_path) as shop:
        assert (await shop.engine.state(run)).parked
        await shop.engine.resume(run)
        assert (await shop.finish(run)).status == "succeeded"
    assert (tmp_path / "witness").read_text() == "x\n"


async def test_nothing_is_kept_of_recorded_attempts(tmp_path):
    async with open_workshop(tmp_path) as shop:
        await shop.carry_out({"id": "a"}, {"id": "b"})
        assert shop.executor.leftovers() == []


@pytest.mark.parametrize("command", [Cancel()])
async def test_a_cancelled_requester_leaves_the_run_whole(tmp_path, command):
    """A client that goes away in the middle of its request: all of it happens, or nothing."""
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": "sleep 30"})
        with trio.move_on_after(0):
            await shop.engine.cancel(run)
        with trio.move_on_after(0.0005):
            await shop.engine.cancel(run)
        if not (await shop.engine.state(run)).cancelling:
            await shop.engine.cancel(run)
        assert (await shop.finish(run)).status == "cancelled"


def _erase(folder):
    import shutil

    shutil.rmtree(folder)
