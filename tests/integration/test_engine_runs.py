"""Runs carried out for real: shells, files, signals, time."""

import time

import pytest
import trio

from flowd.domain import events as e
from flowd.domain.ports import RunRequest
from flowd.errors import BlockedByPolicy, Conflict, InvalidInput, NotFound, Unsupported
from support.engines import open_workshop
from support.stories import tell


@pytest.fixture
async def shop(tmp_path):
    async with open_workshop(tmp_path) as workshop:
        yield workshop


async def test_a_run_from_start_to_end(shop):
    run = await shop.start(
        {"id": "a", "run": "echo out; echo err >&2; echo color=red >> $FLOW_OUTPUT"},
        {"id": "b", "run": "echo $steps_a_color", "if": "steps.a.outputs.color == 'red'"},
    )
    state = await shop.finish(run)
    assert state.status == "succeeded"
    assert await shop.output(run) == "out\nred\n"
    assert await shop.output(run, "stderr") == "err\n"
    assert state.steps["a"].exit_code == 0
    assert state.steps["a"].outputs == {"color": "red"}


async def test_inputs_reach_scripts_as_environment_and_cannot_break_out(shop):
    evil = "$(touch pwned); echo 'x\"y"
    run = await shop.start(
        {"id": "a", "run": 'printf %s "$who"'},
        inputs={"who": {}},
        request={"inputs": {"who": evil}},
    )
    await shop.finish(run)
    assert await shop.output(run) == evil
    assert not (shop.folder / "pwned").exists()


async def test_environment_of_workflow_and_step_and_working_folder(shop):
    (shop.folder / "sub").mkdir()
    run = await shop.start(
        {"id": "a", "run": "echo $ONE $TWO; pwd", "env": {"TWO": "2"}, "cwd": "sub"},
        env={"ONE": "1", "TWO": "no"},
    )
    await shop.finish(run)
    assert await shop.output(run) == f"1 2\n{shop.folder}/sub\n"


async def test_stdin_is_given_or_empty(shop):
    run = await shop.start({"id": "a", "run": "cat", "stdin": "hello"}, {"id": "b", "run": "cat"})
    await shop.finish(run)
    assert await shop.output(run) == "hello"


async def test_a_script_stops_at_its_first_failing_command(shop):
    state = await shop.carry_out({"id": "a", "run": "false\ntouch reached", "on_error": "stop"})
    assert state.status == "failed"
    assert state.steps["a"].exit_code == 1
    assert not (shop.folder / "reached").exists()


async def test_parallel_steps_really_run_side_by_side(shop):
    meet = "touch {0}; for i in $(seq 200); do [ -e {1} ] && exit 0; sleep 0.05; done; exit 1"
    state = await shop.carry_out(
        {"id": "a", "needs": [], "run": meet.format("here-a", "here-b")},
        {"id": "b", "needs": [], "run": meet.format("here-b", "here-a")},
    )
    assert state.status == "succeeded"


async def test_no_more_processes_than_allowed(tmp_path):
    async with open_workshop(tmp_path, max_processes=2) as shop:
        script = "echo + >> log; sleep 0.1; echo - >> log"
        await shop.carry_out(*[{"id": f"s{n}", "needs": [], "run": script} for n in range(6)])
        level = most = 0
        for line in (tmp_path / "log").read_text().split():
            level += 1 if line == "+" else -1
            most = max(most, level)
        assert most == 2


async def test_rollback_undoes_what_was_done(shop):
    state = await shop.carry_out(
        {"id": "a", "run": "touch a", "undo": "rm a"},
        {"id": "b", "run": "touch b", "undo": "test -e a && rm b"},
        {"id": "c", "run": "exit 9"},
    )
    assert state.status == "compensated"
    assert state.steps["c"].exit_code == 9
    assert not (shop.folder / "a").exists()
    assert not (shop.folder / "b").exists()


async def test_an_undo_sees_the_outputs_of_its_step(shop):
    state = await shop.carry_out(
        {
            "id": "make",
            "run": "echo name=x1 >> $FLOW_OUTPUT; touch x1",
            "undo": "rm $steps_make_name",
        },
        {"id": "c", "run": "exit 1"},
    )
    assert state.status == "compensated"
    assert not (shop.folder / "x1").exists()


async def test_undo_of_a_finished_run(shop):
    run = await shop.start({"id": "a", "run": "touch a", "undo": "rm a"})
    await shop.finish(run)
    await shop.engine.undo(run, by="ann")
    assert (await shop.finish(run)).status == "compensated"
    assert not (shop.folder / "a").exists()
    assert shop.engine.live_runs() == 0


async def test_timeout_ends_the_step_and_its_children(shop):
    begun = time.monotonic()
    state = await shop.carry_out(
        {
            "id": "a",
            "run": "sleep 30 & echo $! > child; wait",
            "timeout": "300ms",
            "on_error": "stop",  # or what it wrote would be taken back
        }
    )
    assert state.steps["a"].status == "timed_out"
    assert time.monotonic() - begun < 15
    assert not _alive(int((shop.folder / "child").read_text()))


async def test_retries_until_it_works(shop):
    state = await shop.carry_out(
        {
            "id": "a",
            "run": "echo x >> tries; [ $(wc -l < tries) = 3 ]",
            "retry": {"attempts": 3, "delay": "10ms"},
        }
    )
    assert state.status == "succeeded"
    assert len(state.steps["a"].attempts) == 3


async def test_cancel_ends_what_runs_and_keeps_what_was_done(shop):
    run = await shop.start(
        {"id": "a", "run": "touch a", "undo": "rm a"},
        {"id": "b", "run": "sleep 30 & echo $! > child; wait"},
        {"id": "z", "run": "touch z", "finally": True},
    )
    await shop.until(run, "step_started b")
    while not (shop.folder / "child").exists():
        await trio.sleep(0.01)
    await shop.engine.cancel(run)
    state = await shop.finish(run)
    assert state.status == "cancelled"
    assert state.steps["b"].status == "cancelled"
    assert (shop.folder / "a").exists()
    assert (shop.folder / "z").exists()
    assert not _alive(int((shop.folder / "child").read_text() or 0))


async def test_cancel_after_a_rollback_ends_what_finally_is_left(shop):
    """Compensations are shielded; a `finally` step that hangs behind them need not be."""
    run = await shop.start(
        {"id": "a", "run": "touch a", "undo": "rm a; until [ -e go ]; do sleep 0.02; done"},
        {"id": "b", "run": "exit 1"},
        {"id": "z", "run": "touch z; sleep 60", "finally": True},
    )
    await shop.until(run, "compensation_started a")
    with pytest.raises(Conflict, match="not interrupted"):
        await shop.engine.cancel(run)
    (shop.folder / "go").touch()
    await shop.until(run, "step_started z")
    assert await shop.engine.cancel(run) == "compensating"
    [summary] = await shop.log.summaries()
    assert summary.state == "compensating"
    state = await shop.finish(run)
    assert state.status == "compensated"
    assert state.steps["z"].status == "cancelled"


async def test_cancel_reaches_a_step_that_waits_for_its_turn(tmp_path):
    async with open_workshop(tmp_path, max_processes=1) as shop:
        run = await shop.start(
            {"id": "a", "needs": [], "run": "sleep 30"},
            {"id": "b", "needs": [], "run": "touch b"},
        )
        await shop.engine.cancel(run)
        state = await shop.finish(run)
        assert state.status == "cancelled"
        assert not (tmp_path / "b").exists()


async def test_confirmation_waits_for_an_answer(shop):
    run = await shop.start({"id": "a", "run": "touch a", "confirm": "Really?"})
    state = await shop.engine.state(run)
    assert state.status == "waiting"
    assert not (shop.folder / "a").exists()
    with pytest.raises(NotFound, match="no step"):
        await shop.engine.answer(run, "b", "yes")
    assert await shop.engine.answer(run, "a", "yes", by="ann") == "running"
    assert (await shop.finish(run)).status == "succeeded"


async def test_the_same_token_twice_is_the_same_run(shop):
    request = {"client_token": "t1"}
    first = await shop.start({"id": "a", "run": "echo x >> witness"}, request=request)
    assert await shop.start({"id": "a", "run": "echo x >> witness"}, request=request) == first
    await shop.finish(first)
    assert (shop.folder / "witness").read_text() == "x\n"


async def test_the_same_token_at_the_same_time_is_the_same_run(shop):
    runs = []

    async def begin():
        runs.append(
            await shop.start({"id": "a", "run": "echo x >> witness"}, request={"client_token": "t"})
        )

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(begin)
    assert len(set(runs)) == 1
    await shop.finish(runs[0])
    assert (shop.folder / "witness").read_text() == "x\n"


async def test_much_output_keeps_its_head_and_its_tail(tmp_path):
    async with open_workshop(tmp_path, output_bytes_per_attempt=64 * 1024) as shop:
        run = await shop.start({"id": "a", "run": "seq 1 100000"})
        await shop.finish(run)
        text = await shop.output(run)
        assert text.startswith("1\n2\n3\n")
        assert text.endswith("\n99999\n100000\n")
        assert len(text) <= 64 * 1024
        whole = sum(len(str(n)) + 1 for n in range(1, 100_001))
        skipped = sum(getattr(r.event, "skipped", 0) for r in await shop.history(run))
        assert len(text) + skipped == whole


async def test_a_step_has_its_own_limit_on_output(shop):
    script = "head -c 100000 /dev/zero | tr '\\0' x; echo the end"
    state = await shop.carry_out(
        {"id": "a", "run": script, "limits": {"output": "8K"}}, {"id": "b", "run": script}
    )
    kept = {"a": 0, "b": 0}
    for item in await shop.history(state.run):
        kept[getattr(item.event, "step", "")] = kept.get(getattr(item.event, "step", ""), 0) + len(
            getattr(item.event, "data", b"")
        )
    assert kept["a"] <= 8192
    assert kept["b"] == 100_008
    assert state.steps["a"].attempts[0].output_bytes == 100_008
    assert (await shop.output(state.run)).count("the end\n") == 2


async def test_what_held_limits_and_which_of_them_ended_a_step_is_recorded(shop):
    state = await shop.carry_out(
        {"id": "a", "run": "while :; do :; done", "limits": {"cpu": 1}, "on_error": "stop"}
    )
    (attempt,) = state.steps["a"].attempts
    assert attempt.limits == "cpu 1 s (rlimit, counts each process)"
    assert state.steps["a"].reason == "killed: over its limit of 1 s of CPU time"
    assert state.status == "failed"


async def test_output_is_binary_safe_and_arrives_while_the_step_runs(shop):
    run = await shop.start({"id": "a", "run": r"printf '\0\377first'; sleep 30"})
    await shop.until(run, "step_output a")
    (chunk,) = [r.event for r in await shop.history(run) if hasattr(r.event, "data")]
    assert chunk.data == b"\0\xfffirst"
    await shop.engine.cancel(run)
    await shop.finish(run)


@pytest.mark.parametrize(
    ("steps", "keys", "error", "says"),
    [
        ([{"id": "a", "sandbox": "strict"}], {"cwd": "/"}, Unsupported, "sandbox"),
        ([{"id": "a", "secrets": ["TOKEN"]}], {}, InvalidInput, "TOKEN"),
        ([{"id": "a"}], {"inputs": {"v": {}}}, InvalidInput, "needs a value for v"),
        ([{"id": "a"}], {"cwd": "nowhere"}, InvalidInput, "not a folder"),
        ([{"id": "a", "run": "rm -rf /"}], {}, BlockedByPolicy, "must not run"),
        ([{"id": "a", "undo": "rm -rf ~"}], {}, BlockedByPolicy, "must not run"),
    ],
)
async def test_what_must_not_start_is_refused_and_leaves_nothing(shop, steps, keys, error, says):
    with pytest.raises(error, match=says) as caught:
        await shop.start(*steps, **keys)
    assert caught.value.cure
    assert await shop.log.summaries() == []


async def test_what_the_judge_wants_confirmed_waits_and_is_preapproved_by_approve(shop):
    run = await shop.start({"id": "a", "run": "sudo -n true"})
    assert (await shop.engine.state(run)).status == "waiting"
    await shop.engine.cancel(run)
    second = await shop.start({"id": "a", "run": "sudo -n true"}, request={"approve": True})
    assert (await shop.engine.state(second)).status != "waiting"
    await shop.finish(second)


async def test_a_folder_that_vanished_fails_the_step_clearly(shop):
    state = await shop.carry_out({"id": "a", "run": "true", "cwd": "gone"})
    assert state.status == "failed"
    assert "gone" in state.steps["a"].reason + await shop.output(state.run, "stderr")


async def test_a_shell_that_is_not_there_fails_the_step_clearly(shop):
    elsewhere = {"PATH": "/nowhere"}
    state = await shop.carry_out({"id": "a", "run": "true", "shell": "fish", "env": elsewhere})
    assert state.status == "failed"
    assert "fish" in state.steps["a"].reason + await shop.output(state.run, "stderr")


async def test_requests_about_unknown_or_finished_runs(shop):
    with pytest.raises(NotFound):
        await shop.engine.cancel("nope")
    run = await shop.start({"id": "a"})
    await shop.finish(run)
    with pytest.raises(Conflict):
        await shop.engine.cancel(run)
    with pytest.raises(Conflict):
        await shop.engine.retry(run)
    assert shop.engine.live_runs() == 0


async def test_a_hundred_runs_at_once(shop):
    runs = []

    async def one(n):
        run = await shop.engine.start(
            RunRequest(
                workflow=_counting(n),
                cwd=str(shop.folder),
            )
        )
        runs.append((await shop.finish(run)).status)

    async with trio.open_nursery() as nursery:
        for n in range(100):
            nursery.start_soon(one, n)
    assert runs == ["succeeded"] * 100
    lines = (shop.folder / "witness").read_text().split()
    assert sorted(lines) == sorted(f"{n}{s}" for n in range(100) for s in "ab")


def _counting(n):
    from support.stories import workflow_of

    return workflow_of(
        {"id": "a", "run": f"echo {n}a >> witness"}, {"id": "b", "run": f"echo {n}b >> witness"}
    )


async def test_events_are_told_in_the_order_they_happened(shop):
    run = await shop.start({"id": "a", "run": "echo x"})
    await shop.finish(run)
    history = await shop.history(run)
    assert [tell(item.event) for item in history] == [
        "run_started",
        "step_started a 1",
        "step_output a b'x\\n'",
        "step_finished a 1 succeeded",
        "run_finished succeeded",
    ]
    assert [item.version for item in history] == [1, 2, 3, 4, 5]


def _alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_what_an_attempt_used_is_recorded_and_shown(tmp_path):
    busy = "for ((i = 0; i < 200000; i++)); do :; done; echo out; echo err >&2"
    async with open_workshop(tmp_path) as shop:
        state = await shop.carry_out(
            {"id": "a", "run": busy, "undo": busy}, {"id": "b", "run": "exit 1"}
        )
        assert await shop.engine.state(state.run) == state  # as the log tells it
        ends = [
            item.event
            for item in await shop.history(state.run)
            if isinstance(item.event, e.StepFinished | e.CompensationFinished)
        ]
    first, undone = state.steps["a"].attempts
    for attempt in (first, undone):
        assert attempt.cpu_ms
        assert attempt.output_bytes == 8
    assert [end.output_bytes for end in ends] == [8, 0, 8]
    assert ends[0].cpu_ms == first.cpu_ms
