"""Scripts that attack the daemon through the folder of their own attempt.

Each runs under a real engine and executor. Whatever a script does to its own files, its exit code
counts, it can be ended, nothing waits for ever, and the step that comes next is not touched.
"""

import os
import shutil
import signal
import stat

import pytest
import trio

from flowd.exec.outputs import MAX_BYTES, parse_outputs, read_outputs
from support.engines import open_workshop

FOLDER = 'D="$(dirname "$FLOW_OUTPUT")"\n'
NEXT = {"id": "next", "run": "echo unharmed; echo a=b > $FLOW_OUTPUT"}


@pytest.fixture
async def shop(tmp_path):
    async with open_workshop(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", ["output", "stdout", "stderr", "record", "script"])
@pytest.mark.parametrize(
    "instead",
    ["mkfifo", "mkdir", "ln -s /dev/zero", "ln -s .", "ln -s /nowhere", "true"],
)
async def test_something_else_in_place_of_a_file(shop, name, instead):
    script = f"{FOLDER}rm -f $D/{name}; {instead} $D/{name}; exit 7"
    with trio.fail_after(10):
        state = await shop.carry_out({"id": "a", "run": script, "on_error": "continue"}, NEXT)
    assert state.steps["a"].exit_code == 7
    assert state.status == "succeeded"
    assert state.steps["next"].outputs == {"a": "b"}
    assert "unharmed" in await shop.output(state.run)


@pytest.mark.parametrize(
    "act",
    [
        "rm -rf $D",
        "rm -rf $D; touch $D",
        "mv $D $D.away",
        "chmod 0 $D",
        "mkdir -p $D/deep/er; chmod 0 $D/deep",
        "head -c 300000 /dev/urandom | tee $D/record $D/output >/dev/null",
        "echo end 0 1 1 >> $D/record",
    ],
)
async def test_a_folder_that_its_script_ruins(shop, act):
    script = f"{FOLDER}{act}\nexit 7"
    with trio.fail_after(10):
        state = await shop.carry_out(
            {"id": "a", "run": script, "on_error": "continue"}, NEXT, request={"approve": True}
        )
    assert state.steps["a"].exit_code == 7
    assert state.steps["next"].outputs == {"a": "b"}


@pytest.mark.parametrize("act", ["rm -rf $D", "rm $D/record", "rm $D/record; mkfifo $D/record"])
@pytest.mark.parametrize("restart", [False, True])
async def test_a_script_without_a_folder_can_still_be_ended(tmp_path, act, restart):
    script = f"{FOLDER}{act}\necho $$ > pid; exec sleep 1000"
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": script})
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            await trio.sleep(0.02)
        if not restart:
            await _cancelled(shop, run)
    if restart:
        async with open_workshop(tmp_path) as shop:
            await _cancelled(shop, run)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def _cancelled(shop, run):
    await shop.engine.cancel(run)
    with trio.fail_after(10):
        state = await shop.finish(run)
    assert state.status == "cancelled"


async def test_a_run_is_not_lost_before_a_script_without_a_folder_has_ended(tmp_path):
    """To ask whether it was done while it still does it would be an invitation to do it twice."""
    script = f"{FOLDER}rm -rf $D; touch begun; while [ ! -e go ]; do sleep 0.02; done; touch done"
    async with open_workshop(tmp_path) as shop:
        run = await shop.start({"id": "a", "run": script})
        while not (tmp_path / "begun").exists():
            await trio.sleep(0.02)
    async with open_workshop(tmp_path) as shop:
        await trio.sleep(0.5)
        assert (await shop.engine.state(run)).status == "running"
        (tmp_path / "go").touch()
        await shop.until(run, "question_asked a lost")
        assert (tmp_path / "done").exists()


async def test_a_file_of_the_user_that_was_linked_is_not_written_to(shop, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    script = f"{FOLDER}ln -f {precious} $D/script; ln -f {precious} $D/record"
    await shop.carry_out({"id": "a", "run": script}, NEXT, NEXT | {"id": "last"})
    assert precious.read_text().startswith("mine\n")  # its own end may be recorded behind it
    assert "unharmed" not in precious.read_text()


async def test_the_folders_may_vanish_while_the_daemon_works(shop, tmp_path):
    """`rm -rf` of the state folder's insides costs nothing but what was running there."""
    await shop.carry_out(NEXT)
    shutil.rmtree(tmp_path / "steps")
    assert (await shop.carry_out(NEXT)).status == "succeeded"
    (boot,) = (tmp_path / "steps").iterdir()
    assert stat.S_IMODE(boot.stat().st_mode) == 0o700


# ------------------------------------------------------------------------------- published values


def test_many_small_blocks_are_read_in_no_time():
    blocks = b"key<<E\nE\n" * (MAX_BYTES // 9)
    with pytest.raises(TimeoutError):  # so that the assertion below can fail
        _within(0.0, blocks)
    assert _within(20.0, blocks) == {"key": ""}


def _within(seconds, content):
    def too_slow(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, too_slow)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        return parse_outputs(content)[0]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_complaints_are_few(tmp_path):
    (tmp_path / "output").write_bytes(b"!\n" * 100_000 + b"good=1\n")
    (tmp_path / "stderr").touch()
    assert read_outputs(str(tmp_path)) == {"good": "1"}
    assert len((tmp_path / "stderr").read_text().splitlines()) < 30


async def test_zero_bytes_in_a_value_do_not_keep_later_steps_from_starting(shop):
    state = await shop.carry_out(
        {"id": "a", "run": r"printf 'key=x\0y\n' > $FLOW_OUTPUT"},
        {"id": "b", "run": 'echo "got $steps_a_key"'},
    )
    assert state.status == "succeeded"
    assert "got x\ufffdy" in await shop.output(state.run)
