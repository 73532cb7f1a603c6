"""Process ids are used again; a process that was seen is not."""

import os
import signal
import time

import pytest
import trio

from flowd.exec.liveness import TICK_NS, Process, is_alive, open_pidfd, read_status, wait_gone


def now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


@pytest.fixture
def sleeper():
    pid = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    yield Process(pid, now_ns())
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_process_that_lives(sleeper):
    status = read_status(sleeper.pid)
    assert status is not None
    assert status.parent == os.getpid()
    assert now_ns() - 10_000_000_000 < status.started_ns <= sleeper.seen_ns
    assert is_alive(sleeper)


def test_another_process_with_the_same_id(sleeper):
    status = read_status(sleeper.pid)
    earlier = Process(sleeper.pid, status.started_ns - TICK_NS)
    assert not is_alive(earlier)
    assert open_pidfd(earlier) is None


async def test_waiting_for_another_process_with_the_same_id_is_over_at_once(sleeper):
    with trio.fail_after(2):
        await wait_gone(Process(sleeper.pid, 0))


async def test_waiting_ends_with_the_process_though_nobody_read_its_exit_code():
    pid = os.posix_spawn("/bin/sleep", ["sleep", "0.1"], {})
    process = Process(pid, now_ns())
    with trio.fail_after(5):
        await wait_gone(process)
    assert not is_alive(process)
    assert read_status(pid) is None
    os.waitpid(pid, 0)
    with trio.fail_after(2):
        await wait_gone(process)


async def test_a_shortage_of_descriptors_only_delays(sleeper):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = os.open("/dev/null", os.O_RDONLY)
    async with trio.open_nursery() as nursery:
        await trio.lowlevel.checkpoint()
        resource.setrlimit(resource.RLIMIT_NOFILE, (held, hard))
        try:
            with trio.move_on_after(0.15) as waiting:
                await wait_gone(sleeper)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            os.close(held)
        assert waiting.cancelled_caught
        nursery.cancel_scope.cancel()


def test_a_name_with_spaces_and_parentheses(tmp_path):
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    pid = os.posix_spawn(program, [str(program), "60"], {})
    try:
        status = read_status(pid)
        assert status is not None
        assert status.parent == os.getpid()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
