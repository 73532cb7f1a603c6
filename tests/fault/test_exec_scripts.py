"""Scripts that do odd things, worlds that refuse, and the traces none of it may leave."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio

from flowd.domain.ports import Executor, Exited, Vanished
from flowd.engine.attempts import carry_out
from flowd.engine.output import OutputCursor
from flowd.errors import SpawnFailed
from flowd.exec.holder import PATIENCE_SECONDS
from flowd.exec.process import open_executor
from flowd.exec.records import Ended, Running, read_record
from flowd.safety.masking import SecretMasker
from support.attempts import (
    ENVIRONMENT,
    children,
    folder_of,
    key_of,
    launch_of,
    lines_of,
    lives,
    open_files,
    run_script,
    until,
    written,
)
from support.doomed_daemon import die_at


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    return tmp_path / "steps"


@pytest.fixture
async def executor(steps: Path) -> AsyncIterator[Executor]:
    async with open_executor(steps) as executor:
        yield executor
        for key in executor.leftovers():
            await executor.terminate(key, 0)


async def code_of(executor: Executor, script: str, **more: object) -> int:
    ending = await run_script(executor, script, **more)
    assert isinstance(ending, Exited), ending
    return ending.exit_code


# ------------------------------------------------------------------------------- odd scripts


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("", 0),
        ("exit 255", 255),
        ("false; echo not reached; true", 1),
        ("false | true", 0),
        ("set -o pipefail; false | true", 1),
        ("exec sh -c 'exit 4'", 4),
        ("trap 'exit 5' EXIT; false", 5),
        ("trap '' TERM; kill -TERM $$; exit 6", 6),
        ("kill -KILL $$", 137),
        ("kill -TERM 0", 143),
        ("kill -KILL 0", 137),
        ("kill -SEGV $$", 139),
        ("exec 0<&- 1>&- 2>&-; exit 7", 7),
        ("kill -TERM $PPID; kill -INT $PPID; kill -HUP $PPID; exit 8", 8),
        ("no-such-command", 127),
        ("if then", 2),
        ("rm -- $0; exit 9", 9),
        ("(setsid sleep 3600 &) ; exit 11", 11),
        ("cat", 0),
        ("test ! -t 0 && test ! -t 1 && ! : > /dev/tty", 0),
    ],
)
async def test_the_exit_code_is_that_of_the_script(executor, script, code):
    assert await code_of(executor, script) == code


@pytest.mark.parametrize(
    ("shell", "script", "code"),
    [
        ("sh", "false; true", 1),
        ("sh", "test $0 -ef script || exit 3", 3),
        ("python", "import sys; print('hi'); sys.exit(4)", 4),
        ("python", "raise SystemExit('no')", 1),
    ],
)
async def test_other_shells(executor, shell, script, code):
    assert await code_of(executor, script, shell=shell) == code


async def test_output_is_kept_byte_by_byte(executor):
    assert await code_of(executor, r"printf '\000\377\n\r\001'; head -c 300000 /dev/zero >&2") == 0
    assert written(executor) == b"\x00\xff\n\r\x01"
    assert written(executor, stream="stderr") == bytes(300_000)


async def test_python_does_not_hold_its_output_back(executor):
    launch = launch_of("import time; print('now'); time.sleep(3600)", shell="python")
    executor.prepare(launch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(executor.run, launch)
        await until(lambda: written(executor) == b"now\n")
        await executor.terminate(launch.key, 5)


async def test_a_script_of_a_megabyte(executor):
    script = "# " + "x" * 1_048_000 + "\necho the end"
    assert await code_of(executor, script) == 0
    assert written(executor) == b"the end\n"


async def test_text_for_stdin(executor):
    assert await code_of(executor, "cat; wc -c", stdin="grün\n$(date)\n") == 0
    assert written(executor).decode() == "grün\n$(date)\n0\n"


async def test_the_environment_arrives_as_it_was_given(executor):
    odd = {
        "NEWLINES": "one\ntwo\n",
        "QUOTES": "'\"`$(touch /tmp/flow-was-here)`\\",
        "A.DOT": "x",
        "BASH_FUNC_greet%%": "() { echo hello; }",
        "EMPTY": "",
        "UMLAUT": "ü",
        "BYTES": os.fsdecode(b"\xff"),
        "IFS": "/",
    }
    script = "import sys; sys.stdout.buffer.write(open('/proc/self/environ', 'rb').read())"
    environment = {**odd, "PATH": str(Path(sys.executable).parent)}
    assert await code_of(executor, script, environment=environment, shell="python") == 0
    found = dict(entry.split(b"=", 1) for entry in written(executor).split(b"\0") if entry)
    assert {name: found[os.fsencode(name)] for name in odd} == {
        name: os.fsencode(value) for name, value in odd.items()
    }
    ours = {name for name in found if os.fsdecode(name) not in environment}
    assert ours == {
        b"PWD", b"FLOW_RUN", b"FLOW_STEP", b"FLOW_ATTEMPT", b"FLOW_ATTEMPT_ID", b"FLOW_OUTPUT"
    }  # fmt: skip
    assert not Path("/tmp/flow-was-here").exists()


async def test_exported_functions_reach_bash(executor):
    environment = {**ENVIRONMENT, "BASH_FUNC_greet%%": "() { echo hello; }"}
    assert await code_of(executor, "greet", environment=environment) == 0
    assert written(executor) == b"hello\n"


@pytest.mark.parametrize("name", ["a b", "$(touch x)", "'\"", "new\nline", "-e", "ü", "~"])
async def test_a_folder_of_any_name(executor, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    assert await code_of(executor, 'pwd; test "$PWD" -ef .', cwd=str(folder)) == 0
    assert written(executor).decode() == f"{folder}\n"
    assert list(folder.iterdir()) == []


GLIBC_SIGNALS = 0b11 << 31  # 32 and 33: ignored in whatever posix_spawn makes


@pytest.fixture
def sloppy_daemon() -> Iterator[None]:
    """A daemon that lets files be inherited and that nobody else may read what it writes."""
    inherited = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    umask = os.umask(0o077)
    yield
    os.umask(umask)
    os.close(inherited)


async def test_a_script_starts_with_a_clean_slate(sloppy_daemon, executor):
    script = """
        grep -E 'Sig(Ign|Blk)|Umask' /proc/self/status
        ls -l /proc/$$/fd | grep -c -v -E ' (0|1|2|255) -> |total'
    """
    assert await code_of(executor, script) == 1  # grep -c counted none
    lines = dict(line.split(":\t") for line in written(executor).decode().splitlines()[:-1])
    assert int(lines["SigIgn"], 16) & ~GLIBC_SIGNALS == 0
    assert int(lines["SigBlk"], 16) == 0
    assert lines["Umask"] == "0022"
    assert written(executor).endswith(b"\n0\n")


async def test_a_script_leads_a_session_and_a_group_of_its_own(executor):
    assert await code_of(executor, "echo $$; cut -d' ' -f5,6 /proc/$$/stat") == 0
    pid, ids = written(executor).decode().splitlines()
    assert ids == f"{pid} {pid}"
    assert int(pid) != os.getsid(0)


async def test_values_are_published(executor):
    script = """
        echo "single=a=b" >> "$FLOW_OUTPUT"
        { echo "many<<EOF"; printf 'x\\ny\\n'; echo EOF; } >> "$FLOW_OUTPUT"
        echo "nonsense" >> "$FLOW_OUTPUT"
        echo "$FLOW_RUN $FLOW_STEP $FLOW_ATTEMPT $FLOW_ATTEMPT_ID"
    """
    ending = await run_script(executor, script)
    assert isinstance(ending, Exited)
    assert ending.outputs == {"single": "a=b", "many": "x\ny"}
    assert written(executor) == b"run0000001 step 1 run0000001/step/run/1\n"
    assert b"line 6 of $FLOW_OUTPUT" in written(executor, stream="stderr")


# Opening a file anew cuts off what it holds; a pipe has nothing to cut off.
@pytest.mark.parametrize(
    ("script", "out", "err"),
    [
        ("echo one; echo two > /dev/stdout; echo three", b"one\ntwo\nthree\n", b""),
        ("echo 1 >&2; echo two | tee /dev/stderr; echo 3 >&2", b"two\n", b"1\ntwo\n3\n"),
        ("echo one; sleep 0.1; echo two > /dev/fd/1; sleep 0.1; echo 3", b"one\ntwo\n3\n", b""),
        ("echo one; echo two > /proc/self/fd/1; exit 3", b"one\ntwo\n", b""),
        ("echo one; bash inner.sh; ./inner.sh", b"one\ntwo\ntwo\n", b""),
        ("echo one; make -s", b"one\ntwo\n", b""),
        ("tee /dev/stdout", b"given\ngiven\n", b""),
        (
            "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero > /dev/stdout",
            bytes(6_000_000),
            b"",
        ),
    ],
)
async def test_output_that_is_opened_anew_is_kept(executor, tmp_path, script, out, err):
    inner = tmp_path / "inner.sh"
    inner.write_text("#!/bin/sh\necho two > /dev/stdout\n")
    inner.chmod(0o755)
    (tmp_path / "Makefile").write_text("all:\n\t@echo two > /dev/stdout\n")
    await run_script(executor, script, cwd=str(tmp_path), stdin="given\n")
    assert written(executor) == out
    assert written(executor, stream="stderr") == err


async def test_what_follows_on_output_that_was_cut_off_is_kept(executor, tmp_path):
    """Where nobody foresees that a program opens it anew, what was not read by then is lost."""
    wait = "; while ! test -e {}; do sleep 0.01; done; "
    script = f"d=/dev; echo first line{wait}echo 2 > $d/stdout; touch cut{wait}echo later"
    launch = launch_of(script.format("go", "on"), cwd=str(tmp_path))
    cursor = OutputCursor(key_of(), 4096, SecretMasker)
    chunks = []
    executor.prepare(launch)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            await until(lambda: written(executor) == b"first line\n")
            chunks += cursor.read(executor)
            (tmp_path / "go").touch()
            await until((tmp_path / "cut").exists)
            chunks += cursor.read(executor)
            (tmp_path / "on").touch()
    chunks += cursor.finish(executor)
    assert [chunk.data for chunk in chunks] == [b"first line\n", b"2\n", b"later\n"]


async def test_what_copies_output_is_no_part_of_the_step(executor, tmp_path):
    """It does not keep the step's folder, and goes when all that wrote to it are gone."""
    known = children()
    launch = launch_of("echo begun > /dev/stdout; exec sleep 3600", cwd=str(tmp_path))
    executor.prepare(launch)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(executor.run, launch)
        await until(lambda: written(executor) == b"begun\n")
        (holder,) = children() - known
        task = Path(f"/proc/{holder}/task/{holder}/children")
        folders = [str(Path(f"/proc/{pid}/cwd").readlink()) for pid in task.read_text().split()]
        assert sorted(folders) == ["/", "/", str(tmp_path)]
        await executor.terminate(launch.key, 5)
    await until(lambda: not task.read_text().split())


# A `tee` or `sed` that the script writes through ends after it, and nobody waits for it.
_THROUGH = 'exec > >(while read -r line; do sleep 0.05; echo "$line, late"; done)\necho one\n'


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (_THROUGH, b"one, late\n"),
        (f"echo first\n{_THROUGH}", b"first\none, late\n"),
        (f"{_THROUGH}exit 3", b"one, late\n"),
        ("(sleep 0.05; echo late) & echo first", b"first\nlate\n"),
    ],
)
async def test_what_is_written_for_a_script_after_its_end_is_kept(executor, script, expected):
    await run_script(executor, script)
    assert written(executor) == expected


async def test_what_stays_in_the_background_is_not_waited_for(executor):
    with trio.fail_after(20):
        assert await code_of(executor, "sleep 3600 & echo begun") == 0
    assert written(executor) == b"begun\n"
    assert b"what it writes from here on is not kept" in written(executor, stream="stderr")


async def test_what_stays_in_the_background_and_writes_elsewhere_is_nobodys_business(executor):
    assert await code_of(executor, "sleep 3600 > log 2>&1 & echo begun") == 0
    assert written(executor, stream="stderr") == b""


@pytest.mark.parametrize(("script", "too_long"), [("sleep 3600 &", False), ("sleep 3600", True)])
async def test_the_time_of_a_step_is_that_of_its_script(executor, script, too_long):
    """What it left in the background is neither waited for nor ended then."""
    launch = launch_of(script)
    executor.prepare(launch)
    timeout = PATIENCE_SECONDS / 2
    ending, overdue = await carry_out(launch.key, launch, executor, timeout=timeout, grace=9)
    assert isinstance(ending, Exited)
    assert (ending.exit_code, overdue) == ((143, True) if too_long else (0, False))


async def test_many_that_leave_something_behind_wait_side_by_side(executor):
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(
                partial(run_script, executor, "sleep 9 &", key=key_of("many", number))
            )
    assert trio.current_time() - began < 20 * PATIENCE_SECONDS


async def test_a_signal_that_a_lease_can_bring_ends_no_holder(executor):
    known = children()
    assert await code_of(executor, "true", key=key_of("first")) == 0
    (holder,) = children() - known
    os.kill(holder, signal.SIGIO)
    assert await code_of(executor, "grep -E '^Sig(Ign|Cgt)' /proc/self/status") == 0
    assert holder in children()
    io = 1 << (signal.SIGIO - 1)
    masks = [int(line.split()[1], 16) for line in written(executor).decode().splitlines()]
    assert [mask & io for mask in masks] == [0, 0]


async def test_a_process_left_behind_writes_nothing_into_later_attempts(executor, tmp_path):
    script = (
        f"(while ! test -e {tmp_path}/go; do sleep 0.01; done; echo STRAY; touch {tmp_path}/done) &"
    )
    assert await code_of(executor, script) == 0
    executor.forget(key_of())
    assert await code_of(executor, "echo mine", key=key_of("next")) == 0
    (tmp_path / "go").touch()
    await until((tmp_path / "done").exists)
    assert written(executor, key_of("next")) == b"mine\n"


@pytest.mark.parametrize("instead", ["true", "mkfifo record", "mkdir record", "ln -s / record"])
async def test_a_script_that_meddles_with_its_own_record(executor, instead):
    script = f'cd "$(dirname "$FLOW_OUTPUT")"; rm record; {instead}; exit 3'
    assert await code_of(executor, script) == 3
    executor.forget(key_of())
    assert executor.leftovers() == []
    assert await code_of(executor, "exit 4", key=key_of("next")) == 4


# ------------------------------------------------------------------------- worlds that refuse


@pytest.mark.parametrize(
    ("more", "words", "cure"),
    [
        ({"cwd": "/no/such/folder"}, "/no/such/folder cannot be entered: No such", "make the f"),
        ({"cwd": "/etc/passwd"}, "cannot be entered: Not a directory", "another `cwd`"),
        ({"cwd": "relative"}, "not absolute", "full path"),
        ({"shell": "fish", "environment": {"PATH": "/nowhere"}}, "fish is not ins", "install fish"),
        ({"environment": {"PATH": ENVIRONMENT["PATH"], "A=B": "c"}}, "no process could", ""),
        ({"environment": {"PATH": ENVIRONMENT["PATH"], "A": "b\0c"}}, "no process could", ""),
        ({"environment": {"PATH": ENVIRONMENT["PATH"], "A": "b" * 200_000}}, "too long", "files"),
    ],
)
async def test_what_cannot_be_started_says_why_and_can_be_tried_again(executor, more, words, cure):
    launch = launch_of("true", **more)
    executor.prepare(launch)
    with pytest.raises(SpawnFailed, match=words) as caught:
        await executor.run(launch)
    assert cure in caught.value.cure
    assert await code_of(executor, "true") == 0  # the same attempt, anew


async def test_a_shell_that_was_uninstalled_since(executor, tmp_path):
    shell = tmp_path / "bash"
    shutil.copy("/bin/bash", shell)
    environment = {**ENVIRONMENT, "PATH": f"{tmp_path}:{ENVIRONMENT['PATH']}"}
    assert await code_of(executor, "true", environment=environment) == 0
    shell.unlink()
    launch = launch_of("exit 4", key_of("next"), environment=environment)
    executor.prepare(launch)
    with pytest.raises(SpawnFailed, match="No such file"):
        await executor.run(launch)
    assert await code_of(executor, "exit 4", key=key_of("next"), environment=environment) == 4


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a file system")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(place: Path) -> Path:
    filler = place / "filler"
    with filler.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


async def test_a_full_disk_refuses_the_script(small_disk):
    async with open_executor(small_disk / "steps") as executor:
        assert await code_of(executor, "true", key=key_of("before")) == 0
        filler = fill(small_disk)
        launch = launch_of("x" * 10_000)
        with pytest.raises(SpawnFailed, match="No space left") as caught:
            executor.prepare(launch)
            await executor.run(launch)
        assert "make room" in caught.value.cure
        executor.forget(launch.key)
        assert executor.leftovers() == [key_of("before")]
        filler.unlink()
        assert await code_of(executor, "true") == 0


async def test_a_disk_that_fills_up_while_the_script_runs(small_disk):
    async with open_executor(small_disk / "steps") as executor:
        script = (
            f"echo before; cat /dev/zero > {small_disk}/filler || echo v=1 > $FLOW_OUTPUT; exit 5"
        )
        ending = await run_script(executor, script)
        assert isinstance(ending, Exited)
        assert ending.exit_code == 1  # the shell could not write the value either
        assert written(executor) == b"before\n"
        assert isinstance(read_record(str(folder_of(small_disk / "steps"))), Ended)


async def test_an_end_that_the_disk_refused_is_recorded_when_there_is_room(small_disk, tmp_path):
    steps = small_disk / "steps"
    holder = die_at(steps, "running", f"until test -e {tmp_path}/go; do sleep 0.01; done; exit 6")
    record = folder_of(steps) / "record"
    os.truncate(record, 4096)  # the next line needs a page of its own
    filler = fill(small_disk)
    (tmp_path / "go").touch()
    log = record.parent.parent / "holder.log"
    async with open_executor(steps) as executor:
        async with trio.open_nursery() as nursery:
            endings = []

            async def adopt() -> None:
                endings.append(await executor.adopt(key_of()))

            nursery.start_soon(adopt)
            running = read_record(str(folder_of(steps)))
            assert isinstance(running, Running)
            await until(lambda: not lives(running.process.pid))
            await trio.sleep(0.2)
            assert (endings, lives(holder)) == ([], True)
            filler.unlink()
        assert isinstance(endings[0], Exited)
        assert endings[0].exit_code == 6
    await until(lambda: not lives(holder))
    assert log.exists()


# ------------------------------------------------------------------------------ the holder dies


async def test_when_the_holder_is_killed_the_end_is_unknown_and_work_goes_on(executor, tmp_path):
    holders = children()
    assert await code_of(executor, "true", key=key_of("first")) == 0
    (holder,) = children() - holders
    witness = tmp_path / "witness"
    launch = launch_of(f"echo began >> {witness}; sleep 0.5; echo ended >> {witness}")
    executor.prepare(launch)
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:

            async def run() -> None:
                ending = await executor.run(launch)
                assert isinstance(ending, Vanished)
                assert lines_of(witness) == ["began", "ended"]  # we waited for the script

            nursery.start_soon(run)
            await until(lambda: lines_of(witness))
            os.kill(holder, signal.SIGKILL)
    assert holder not in children()
    assert await code_of(executor, "exit 3", key=key_of("next")) == 3


async def test_orders_that_a_killed_holder_had_not_read_never_start(executor, tmp_path):
    known = children()
    assert await code_of(executor, "true", key=key_of("first")) == 0
    (holder,) = children() - known
    os.kill(holder, signal.SIGSTOP)
    witness = tmp_path / "witness"
    script = "echo ran >> witness"  # which names no file that would be looked into first
    launches = [launch_of(script, key_of("many", n), cwd=str(tmp_path)) for n in range(100)]
    endings = []

    async def run(launch) -> None:
        endings.append(await executor.run(launch))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for launch in launches:
                executor.prepare(launch)
                nursery.start_soon(run, launch)
            await trio.testing.wait_all_tasks_blocked()
            os.kill(holder, signal.SIGKILL)
    assert {type(ending).__name__ for ending in endings} == {"NeverStarted"}
    assert len(endings) == 100
    assert lines_of(witness) == []


async def test_a_script_that_kills_its_parent_is_lost_and_nothing_else_breaks(executor):
    ending = await run_script(executor, "kill -KILL $PPID; exit 3", key=key_of("killer"))
    assert isinstance(ending, Vanished)
    assert await code_of(executor, "exit 4") == 4


async def test_no_holder_can_be_started(steps, monkeypatch):
    monkeypatch.setattr("sys.executable", "/no/such/python")
    async with open_executor(steps) as executor:
        launch = launch_of("true")
        executor.prepare(launch)
        with pytest.raises(SpawnFailed, match="cannot be started"):
            await executor.run(launch)


# ----------------------------------------------------------------------------------- no traces


async def test_200_at_once_with_big_environments_leave_nothing(steps):
    files, known = open_files(), children()
    environment = {**ENVIRONMENT, "BIG": "x" * 20_000}  # more than the socket takes at once
    codes: dict[int, int] = {}
    async with open_executor(steps) as executor:

        async def run(number: int) -> None:
            key = key_of("many", number)
            script = f"echo {number}; sleep 0.1; exit {number % 100}"
            codes[number] = await code_of(executor, script, key=key, environment=environment)
            assert written(executor, key) == b"%d\n" % number
            executor.forget(key)

        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(run, number)
        assert codes == {number: number % 100 for number in range(200)}
        assert executor.leftovers() == []
        assert len(children() - known) == 1  # the holder
    assert children() == known
    assert open_files() == files


async def test_cancelled_runs_and_terminations_leave_nothing(steps):
    files, known = open_files(), children()
    async with open_executor(steps) as executor:
        for number in range(10):
            launch = launch_of("sleep 3600", key_of("step", number))
            executor.prepare(launch)
            with trio.move_on_after(0.02):
                await executor.run(launch)
            await executor.terminate(launch.key, 5)
            if number % 2:
                assert isinstance(await executor.adopt(launch.key), Exited)
            executor.forget(launch.key)
        assert executor.leftovers() == []
    assert children() == known
    assert open_files() == files


async def test_closing_leaves_a_running_script_to_its_holder(steps, tmp_path):
    known = children()
    async with open_executor(steps) as executor:
        script = f"touch {tmp_path}/begun; until test -e {tmp_path}/go; do sleep 0.01; done; exit 3"
        launch = launch_of(script)
        executor.prepare(launch)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            while not (tmp_path / "begun").exists():
                await trio.sleep(0.01)
            nursery.cancel_scope.cancel()
    (holder,) = children() - known
    async with open_executor(steps) as executor:
        (tmp_path / "go").touch()
        ending = await executor.adopt(launch.key)
        assert isinstance(ending, Exited)
        assert ending.exit_code == 3
    os.waitpid(holder, 0)  # it ends by itself, now that it has nothing left to do
