"""Limits of steps, by whatever holds them here; and that a control group lets nobody slip away."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from flowd.domain.ports import Executor, Exited
from flowd.domain.workflow import Limits
from flowd.exec import groups, limits
from flowd.exec.process import open_executor
from support.attempts import (
    ENVIRONMENT,
    children,
    key_of,
    launch_of,
    lives,
    run_script,
    until,
    written,
)

OOM = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}"
FORK_BOMB = "for i in $(seq 50); do sleep 5 & done; wait"
SLIPS_AWAY = """
    setsid env -i sh -c "setsid sh -c 'echo \\$\\$ >> $PIDS; exec sleep 3600' &" >&- 2>&- <&-
    echo $$ >> $PIDS; exec sleep 99
"""
"""Leaves its group and session, drops its environment, loses its parent, closes its files."""


@pytest.fixture
async def executor(tmp_path: Path) -> AsyncIterator[Executor]:
    async with open_executor(tmp_path / "steps") as executor:
        yield executor
        for key in executor.leftovers():
            await executor.terminate(key, 0)
            executor.forget(key)


@pytest.fixture
def rlimits_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nobody may make control groups."""
    monkeypatch.setattr(groups, "mount_point", lambda: None)


def _reason_without_groups() -> str:
    root = groups.mount_point()
    if root is None:
        return "control groups version 2 are not mounted"
    at_root = os.geteuid() == 0 and not Path(root, "cgroup.type").exists()
    if not at_root and groups.scope_here(root) is None:
        return "neither root nor a systemd that gives scopes"
    return ""


def _reason_without_controllers() -> str:
    if reason := _reason_without_groups():
        return reason
    there = Path(str(groups.mount_point()), "cgroup.controllers").read_text().split()
    missing = {"memory", "pids"} - set(there)
    return f"version 1 has the controllers {' '.join(sorted(missing))}" if missing else ""


needs_groups = pytest.mark.skipif(bool(_reason_without_groups()), reason=_reason_without_groups())
needs_controllers = pytest.mark.skipif(
    bool(_reason_without_controllers()), reason=_reason_without_controllers()
)


async def ending_of(executor: Executor, script: str, limits: Limits, **more: object) -> Exited:
    ending = await run_script(executor, script, limits=limits, **more)
    assert isinstance(ending, Exited)
    return ending


@pytest.mark.parametrize("by", ["whatever is here", "rlimits"])
@pytest.mark.parametrize(
    ("limits", "script", "code"),
    [
        (Limits(memory="64M"), OOM, None),
        (Limits(cpu="1s"), "while :; do :; done", 152),
        (Limits(memory="1G", cpu="10s"), "exit 3", 3),
        (Limits(processes=1000), "exit 3", 3),
    ],
)
async def test_limits(executor, request, by, limits, script, code):
    if by == "rlimits":
        request.getfixturevalue("rlimits_only")
    ending = await ending_of(executor, script, limits)
    assert ending.exit_code == code if code is not None else ending.exit_code not in (0, None)
    given = [name for name in ("memory", "processes", "cpu") if getattr(limits, name) is not None]
    assert [part.split()[0] for part in ending.limits.split("; ")] == given


async def test_who_is_over_its_cpu_time_is_told_so(executor):
    ending = await ending_of(executor, "while :; do :; done", Limits(cpu="1s"))
    assert ending.reason == "killed: over its limit of 1s of CPU time"


async def test_a_step_on_a_terminal_has_its_limits(executor):
    ending = await ending_of(executor, "tty; ulimit -St; exit 3", Limits(cpu="90s"), terminal=True)
    assert ending.exit_code == 3
    assert written(executor).startswith(b"/dev/pts/")
    assert written(executor).endswith(b"\r\n90\r\n")
    assert ending.limits == "cpu 90s (rlimit, counts each process)"


async def test_a_limit_on_processes_is_set(executor, rlimits_only):
    ending = await ending_of(executor, "ulimit -u", Limits(processes=50))
    assert ending.exit_code == 0
    assert 50 < int(written(executor)) < 50_000
    assert "does not bind root" in ending.limits


@pytest.mark.parametrize("command", [("/bin/false",), ("/bin/sleep", "60"), ("/no/program",)])
async def test_when_systemd_gives_no_scope_the_limits_hold_all_the_same(
    executor, monkeypatch, command, caplog
):
    monkeypatch.setattr(groups, "scope_here", lambda _root: groups.Scope(command, {}))
    monkeypatch.setattr(groups, "room_at_root", lambda _root: None)
    monkeypatch.setattr(groups, "mount_point", lambda: "/sys/fs/cgroup")
    monkeypatch.setattr(limits, "ROOM_SECONDS", 0.2)
    ending = await ending_of(executor, "while :; do :; done", Limits(cpu="1s", memory="1G"))
    assert ending.reason == "killed: over its limit of 1s of CPU time"
    assert "memory 1G (rlimit" in ending.limits
    assert "systemd" in caplog.text
    again = await ending_of(executor, "true", Limits(cpu="1s"), key=key_of("again"))
    assert again.exit_code == 0
    with trio.fail_after(5):
        while [pid for pid in children() if "sleep" in Path(f"/proc/{pid}/comm").read_text()]:
            await trio.sleep(0.01)


@needs_controllers
async def test_a_control_group_holds_memory_and_processes(executor):
    over = await ending_of(executor, OOM, Limits(memory="64M"), key=key_of("memory"))
    assert (over.exit_code, over.reason) == (137, "killed: over its memory limit of 64M")
    assert over.limits == "memory 64M (control group)"
    over = await ending_of(executor, FORK_BOMB, Limits(processes=5), key=key_of("processes"))
    assert over.exit_code != 0
    assert over.reason == "could not make a process: over its limit of 5"
    fits = await ending_of(executor, "exit 0", Limits(memory="64M", processes=5), key=key_of("c"))
    assert (fits.exit_code, fits.reason) == (0, "")


@needs_groups
async def test_nobody_slips_away_from_a_control_group(executor, tmp_path):
    """Without one this process would be found by nothing."""
    pids = tmp_path / "pids"
    environment = {**ENVIRONMENT, "PIDS": str(pids)}
    launch = launch_of(SLIPS_AWAY, environment=environment, limits=Limits(cpu="1h"))
    executor.prepare(launch)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, launch)
            await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
            both = [int(pid) for pid in pids.read_text().split()]
            group = _group_of(both[0])
            assert _group_of(both[1]) == group
            assert Path(group).name.startswith("run0000001.step.run.1.")
            await executor.terminate(launch.key, 10)
    assert [pid for pid in both if lives(pid)] == []
    executor.forget(launch.key)
    assert not Path(group).exists()


@needs_groups
async def test_a_later_daemon_knows_what_holds_the_limits(tmp_path):
    """It adopts the attempt, tells the same words, ends who slipped away, removes the group."""
    pids = tmp_path / "pids"
    environment = {**ENVIRONMENT, "PIDS": str(pids)}
    launch = launch_of(SLIPS_AWAY, environment=environment, limits=Limits(cpu="1h"))
    async with open_executor(tmp_path / "steps") as first, trio.open_nursery() as nursery:
        first.prepare(launch)
        nursery.start_soon(first.run, launch)
        await until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
        nursery.cancel_scope.cancel()
    both = [int(pid) for pid in pids.read_text().split()]
    group = Path(_group_of(both[0]))
    async with open_executor(tmp_path / "steps") as second:
        with trio.fail_after(20):
            await second.terminate(launch.key, 10)
            ending = await second.adopt(launch.key)
        assert isinstance(ending, Exited)
        assert ending.limits == "cpu 1h (rlimit, counts each process)"
        assert [pid for pid in both if lives(pid)] == []
        second.forget(launch.key)
    assert not group.exists()


def _group_of(pid: int) -> str:
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("0::")]
    return f"{groups.mount_point()}{line[3:]}"


async def test_a_step_without_limits_is_in_no_group_of_its_own(executor, tmp_path):
    """It pays nothing: groups are looked for when the first step with limits comes."""
    ending = await run_script(executor, 'cat /proc/self/cgroup; ls "${FLOW_OUTPUT%/*}"')
    assert isinstance(ending, Exited)
    assert ending.limits == ""
    told = written(executor).decode()
    assert "run0000001.step.run.1" not in told
    assert "limits" not in told.split()


@needs_groups
async def test_a_group_that_could_not_be_removed_is_removed_later(tmp_path):
    """A server that a step started may keep it; when that is gone, the next step tidies up."""
    pids = tmp_path / "pids"
    script = f"(setsid sleep 3600 >/dev/null 2>&1 & echo $! > {pids})"
    async with open_executor(tmp_path / "steps") as executor:
        await ending_of(executor, script, Limits(cpu="1h"))
        server = int(pids.read_text())
        group = Path(_group_of(server))
        executor.forget(key_of())
        assert group.exists()
        os.kill(server, signal.SIGKILL)
        await until(lambda: not lives(server))
        await until(lambda: not (group / "cgroup.procs").read_text())
        await ending_of(executor, "true", Limits(cpu="1h"), key=key_of("next"))
        assert not group.exists()
        executor.forget(key_of("next"))
