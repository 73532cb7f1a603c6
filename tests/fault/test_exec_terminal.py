"""Steps on a terminal: what the terminal is, what it carries, and what happens when parts die."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from flowd.domain.ports import AttemptKey, Executor, Exited, Launch, Vanished
from flowd.domain.workflow import Limits
from flowd.errors import Conflict, SpawnFailed
from flowd.exec.process import open_executor
from flowd.exec.records import Running, read_record
from support.attempts import (
    children,
    folder_of,
    key_of,
    launch_of,
    lives,
    run_script,
    until,
    written,
)

READY = b"ready\r\n"


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return tmp_path / "steps"


@pytest.fixture
async def executor(steps: Path) -> AsyncIterator[Executor]:
    async with open_executor(steps) as executor:
        yield executor
        for key in executor.leftovers():
            await executor.terminate(key, 0)


class OnTerminal:
    """An attempt on a terminal, run in the background of a test."""

    def __init__(self, executor: Executor, launch: Launch):
        self.executor = executor
        self.key = launch.key
        self.endings: list[object] = []

    async def see(self, text: bytes) -> None:
        """Wait until it wrote that."""
        await until(lambda: text in written(self.executor, self.key))

    def type(self, keys: bytes, size: tuple[int, int] | None = None) -> None:
        self.executor.type_nowait(self.key, keys, size)

    async def code(self) -> int:
        with trio.fail_after(20):
            ending = await self.executor.adopt(self.key)
        assert isinstance(ending, Exited), ending
        return ending.exit_code


def begin(
    nursery: trio.Nursery, executor: Executor, script: str, key: AttemptKey | None = None, **more
) -> OnTerminal:
    launch = launch_of(script, key, terminal=True, **more)
    executor.prepare(launch)
    nursery.start_soon(executor.run, launch)
    return OnTerminal(executor, launch)


async def said(executor: Executor, script: str, **more: object) -> tuple[int, str]:
    """Run a script on a terminal to its end; give its exit code and what was on the screen."""
    ending = await run_script(executor, script, terminal=True, **more)
    assert isinstance(ending, Exited), ending
    return ending.exit_code, written(executor).decode()


# --------------------------------------------------------------------------- what it is


async def test_it_is_a_terminal_and_the_controlling_one(executor):
    code, text = await said(
        executor,
        "test -t 0 && test -t 1 && test -t 2 && tty >/dev/null && echo there >/dev/tty\n"
        "read -r _ _ _ _ group session _ foreground _ </proc/$$/stat\n"
        'test "$group" = "$$" && test "$session" = "$$" && test "$foreground" = "$$" && echo mine\n'
        "stty size; echo $TERM; echo to stderr >&2; exit 3",
    )
    assert code == 3
    assert text.splitlines() == ["there", "mine", "24 80", "xterm-256color", "to stderr"]


async def test_the_run_s_own_name_for_the_terminal_goes_before_ours(executor):
    environment = {"PATH": os.environ["PATH"], "TERM": "vt100"}
    assert await said(executor, "echo $TERM", environment=environment) == (0, "vt100\r\n")


async def test_limits_hold_on_a_terminal_too(executor):
    code, text = await said(executor, "ulimit -St; test -t 0", limits=Limits(cpu="7s"))
    assert (code, text) == (0, "7\r\n")


async def test_a_folder_that_is_not_there_is_refused_as_for_others(executor):
    with pytest.raises(SpawnFailed, match="cannot be entered"):
        await run_script(executor, "true", terminal=True, cwd="/there is no such folder")


async def test_keys_are_read_and_the_size_is_seen(executor):
    async with trio.open_nursery() as nursery:
        step = begin(
            nursery,
            executor,
            "read -p 'name? ' name; read -s -p 'word? ' word; echo; echo $name ${#word}\n"
            "trap 'stty size; exit 5' WINCH; echo ready; while :; do read -t 1 || :; done",
        )
        await step.see(b"name? ")
        step.type(b"bob\r")
        await step.see(b"word? ")
        step.type(b"hunter2\r")
        await step.see(READY)
        step.type(b"", (120, 40))
        assert await step.code() == 5
    text = written(executor)
    assert b"bob 7\r\n" in text
    assert b"40 120\r\n" in text
    assert b"hunter2" not in text


@pytest.mark.parametrize(("key", "code"), [(b"\x03", 130), (b"\x1c", 131)])
async def test_an_interrupt_typed_ends_the_program_and_nothing_else(executor, key, code):
    async with trio.open_nursery() as nursery:
        other = begin(nursery, executor, "echo ready; read -r line; exit 9", key_of("other"))
        step = begin(nursery, executor, "ulimit -c 0; echo ready; sleep 3600")
        await other.see(READY)
        await step.see(READY)
        step.type(key)
        assert await step.code() == code
        other.type(b"\r")
        assert await other.code() == 9


async def test_the_end_of_input_is_typed(executor):
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, "echo ready; cat >/dev/null; exit 6")
        await step.see(READY)
        step.type(b"text\r\x04")
        assert await step.code() == 6


async def test_less_shows_its_page_turns_it_and_quits(executor):
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, "seq 1000 | LESS= less -X; echo left")
        await step.see(b"23\r\n")
        step.type(b" ")
        await step.see(b"46\r\n")
        step.type(b"q")
        assert await step.code() == 0
    assert written(executor).endswith(b"left\r\n")


# --------------------------------------------------------------------------- floods and dams


async def test_ten_megabytes_come_through_whole_and_hold_nobody_up(executor):
    size = 10 * 1024 * 1024
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, f"head -c {size} /dev/zero | tr '\\0' x; exit 2")
        for number in range(5):
            ending = await run_script(executor, "exit 4", key=key_of("other", number))
            assert isinstance(ending, Exited)
        assert await step.code() == 2
    assert executor.output_size(step.key, "stdout") == size


async def test_a_program_that_reads_nothing_is_told_of_and_holds_nobody_up(executor, tmp_path):
    script = (
        "stty -icanon -echo; echo ready; until [ -e go ]; do sleep 0.02; done\n"
        "head -c 8 >/dev/null; exit 3"
    )
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, script, cwd=str(tmp_path))
        await step.see(READY)
        typed = 0
        with pytest.raises(Conflict) as caught:
            while typed < 2**20:
                step.type(b"x" * 4000)
                typed += 4000
        assert caught.value.data == {"again": True}
        assert "does not read" in caught.value.message
        ending = await run_script(executor, "exit 4", key=key_of("other"))
        assert isinstance(ending, Exited)
        (tmp_path / "go").touch()
        assert await step.code() == 3


async def test_a_full_disk_holds_up_only_what_is_written(executor, steps):
    await run_script(executor, "true", key=key_of("before"))
    executor.forget(key_of("before"))  # so that there is a folder at once
    launch = launch_of("echo lost; read -r line; test $line = on; exit 3", terminal=True)
    executor.prepare(launch)
    (folder_of(steps) / "stdout").unlink(missing_ok=True)
    (folder_of(steps) / "stdout").symlink_to("/dev/full")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(executor.run, launch)
        await until(lambda: isinstance(read_record(str(folder_of(steps))), Running))
        executor.type_nowait(launch.key, b"on\r", None)
        ending = await run_script(executor, "exit 4", key=key_of("other"))
        assert isinstance(ending, Exited)
        assert ending.exit_code == 4
        assert await OnTerminal(executor, launch).code() == 3


# --------------------------------------------------------------------------- odd ends


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exec 0<&- 1>&- 2>&-; sleep 0.3; exit 7", 7),
        ("exec 0<&- 1>&- 2>&-; sleep 0.3; exec >/dev/tty; echo again; exit 8", 8),
        ("trap 'exit 9' HUP; kill -HUP $$; sleep 5", 9),
        ("kill -KILL $$", 137),
        ("kill -TERM $PPID; exit 10", 10),
        ("rm -- $(dirname $0)/keys; exit 11", 11),
    ],
)
async def test_the_exit_code_is_that_of_the_script(executor, script, code):
    found, text = await said(executor, script)
    assert found == code
    assert ("again" in text) == ("again" in script)


async def test_the_last_words_are_kept(executor):
    for number in range(20):
        key = key_of("words", number)
        ending = await run_script(executor, "seq 3000; echo end", key=key, terminal=True)
        assert isinstance(ending, Exited)
        assert written(executor, key).endswith(b"3000\r\nend\r\n")
        executor.forget(key)


async def test_what_is_left_behind_on_the_terminal_hears_the_hang_up(executor, tmp_path):
    script = (
        "bash -c \"trap 'touch hung; exit' HUP; touch set; while :; do sleep 0.05; done\" &"
        " until [ -e set ]; do sleep 0.02; done; exit 3"
    )
    code, _ = await said(executor, script, cwd=str(tmp_path))
    assert code == 3
    await until((tmp_path / "hung").exists)


async def test_a_flood_that_outlives_the_script_does_not_keep_it_from_ending(executor):
    code, _ = await said(executor, "(trap '' HUP; exec yes) & sleep 0.2; exit 3")
    assert code == 3
    await executor.terminate(key_of(), 0)


async def test_cancelling_ends_everything_on_the_terminal(executor):
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, "setsid sleep 3600 & echo ready; sleep 3600")
        await step.see(READY)
        with trio.fail_after(10):
            await executor.terminate(step.key, 5)
        assert await step.code() == 143


def open_in(pid: int) -> list[str]:
    """The numbers of a process's open files."""
    return sorted(entry.name for entry in Path(f"/proc/{pid}/fd").iterdir())


async def test_nothing_stays_open_in_the_holder(executor):
    known = children()
    await run_script(executor, "true", key=key_of("warm"), terminal=True)
    [holder] = children() - known
    before = open_in(holder)
    for number in range(10):
        await run_script(executor, "true", key=key_of("n", number), terminal=True)
    with pytest.raises(SpawnFailed):
        await run_script(executor, "true", key=key_of("no"), terminal=True, cwd="/no")
    assert open_in(holder) == before
    await until(lambda: not Path(f"/proc/{holder}/task/{holder}/children").read_text().strip())


async def test_a_file_put_in_place_of_the_fifo_gets_no_keys(executor, steps):
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, "echo ready; sleep 3600")
        await step.see(READY)
        keys = folder_of(steps) / "keys"
        keys.unlink()
        keys.touch()
        with pytest.raises(Conflict):
            step.type(b"hunter2\r")
        assert keys.read_bytes() == b""
        await executor.terminate(step.key, 1)


async def test_folders_are_used_again_without_their_fifo(executor, steps):
    assert await said(executor, "echo one") == (0, "one\r\n")
    executor.forget(key_of())
    ending = await run_script(executor, "test ! -t 1; echo two", key=key_of("two"))
    assert isinstance(ending, Exited)
    assert not (folder_of(steps, key_of("two")) / "keys").exists()


# --------------------------------------------------------------------------- when parts die


def running(steps: Path) -> Running:
    record = read_record(str(folder_of(steps)))
    assert isinstance(record, Running)
    return record


def keeper_of(holder: int, step: int) -> int:
    """The process that keeps the terminal of a step."""
    listed = Path(f"/proc/{holder}/task/{holder}/children").read_text().split()
    [keeper] = [int(pid) for pid in listed if int(pid) != step]
    return keeper


async def test_without_its_holder_the_step_goes_on_and_its_end_is_lost(executor, steps):
    endings: list[object] = []
    launch = launch_of("echo ready; read -r line; echo got $line", terminal=True)
    executor.prepare(launch)

    async def run() -> None:
        endings.append(await executor.run(launch))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await until(lambda: READY in written(executor))
        record = running(steps)
        keeper = keeper_of(record.holder.pid, record.process.pid)
        os.kill(record.holder.pid, signal.SIGKILL)
        executor.type_nowait(launch.key, b"on\r", None)
        await until(lambda: b"got on\r\n" in written(executor))
    assert isinstance(endings[0], Vanished)
    await until(lambda: not lives(keeper))


async def test_a_terminal_that_is_killed_hangs_up(executor, steps):
    async with trio.open_nursery() as nursery:
        step = begin(nursery, executor, "echo ready; sleep 3600")
        await step.see(READY)
        record = running(steps)
        os.kill(keeper_of(record.holder.pid, record.process.pid), signal.SIGKILL)
        assert await step.code() == 129
        with pytest.raises(Conflict):
            step.type(b"x")


async def test_the_next_daemon_finds_the_terminal(steps):
    launch = launch_of("echo ready; read -r line; echo got $line; exit 4", terminal=True)
    async with open_executor(steps) as first, trio.open_nursery() as nursery:
        first.prepare(launch)
        nursery.start_soon(first.run, launch)
        await until(lambda: READY in written(first))
        nursery.cancel_scope.cancel()
    async with open_executor(steps) as second:
        second.type_nowait(launch.key, b"it\r", (90, 20))
        with trio.fail_after(20):
            ending = await second.adopt(launch.key)
        assert isinstance(ending, Exited)
        assert ending.exit_code == 4
        assert b"got it\r\n" in written(second)
