"""How limits become a command, and words for people."""

import pytest

from flowd.domain.ports import Exited, Usage
from flowd.domain.workflow import Limits
from flowd.exec import groups
from flowd.exec.held import Held, command_within, held_in, note_held, with_limits_told, words_of

LIMITS = Limits(memory="1G", processes=10, cpu="1.5s")


def rules(held: Held) -> str:
    return command_within(held, ("/bin/bash", "-e", "/s"))[2]


def test_limits_are_set_by_a_shell_that_becomes_the_script():
    program, option, text, _, *command = command_within(Held("", LIMITS), ("/bin/bash", "-e", "/s"))
    assert (program, option) == ("/bin/sh", "-c")
    assert command == ["/bin/bash", "-e", "/s"]
    assert "ulimit -v 1048576 " in text
    assert "ulimit -St 2 " in text
    assert "ulimit -u " in text
    assert text.endswith('exec "$@"')


def test_what_a_control_group_holds_is_no_rlimit():
    text = rules(Held("", LIMITS, "/groups/it's", ["memory"]))
    assert text.startswith("""echo $$ > '/groups/it'"'"'s'/cgroup.procs || exit 126\n""")
    assert "ulimit -v" not in text
    assert "ulimit -u" in text
    assert "ulimit -St 2" in text


def test_people_are_told_what_holds_a_limit():
    assert words_of(Limits(memory="64M", cpu=90), ["memory", "pids"]) == (
        "memory 64M (control group); cpu 90 s (rlimit, counts each process)"
    )
    assert words_of(Limits(memory="64M", processes=3), []) == (
        "memory 64M (rlimit, counts the address space of each process); "
        "processes 3 (rlimit, counts all processes of this user and does not bind root)"
    )


@pytest.mark.parametrize(
    ("size", "kibibytes"),
    [(2048, 2), (2049, 3), ("1", 1), ("64K", 64), ("64 kB", 64), ("1MiB", 1024), ("2g", 2097152)],
)
def test_sizes(size, kibibytes):
    assert f"ulimit -v {kibibytes} " in rules(Held("", Limits(memory=size)))


@pytest.mark.parametrize(
    ("code", "cpu_ms", "reason"),
    [
        (152, 1500, "killed: over its limit of 1.5s of CPU time"),
        (137, 7000, "killed: over its limit of 1.5s of CPU time"),
        (137, 100, ""),
        (0, 7000, ""),
    ],
)
def test_who_was_over_its_cpu_time_is_told_so(code, cpu_ms, reason):
    told = with_limits_told(Exited(code, 10, usage=Usage(cpu_ms)), Held("words", LIMITS))
    assert (told.reason, told.limits) == (reason, "words")


def test_a_control_group_that_a_script_made_up_is_not_believed(tmp_path, monkeypatch):
    """Else ending one attempt could end whatever else is in a group."""
    monkeypatch.setattr(groups, "mount_point", lambda: "/groups")
    assert held_in(str(tmp_path), "run.a.run.1") is None
    for group, believed in (
        ("/groups/base/run.a.run.1", True),
        ("/groups/base/run.b.run.1", False),
        ("/elsewhere/run.a.run.1", False),
        ("/groups/../etc/run.a.run.1", False),
        ("", True),
    ):
        held = Held("words", LIMITS, group, ["pids"])
        note_held(str(tmp_path), held)
        assert held_in(str(tmp_path), "run.a.run.1") == (held if believed else None)
    (tmp_path / "limits").write_text("nonsense")
    assert held_in(str(tmp_path), "run.a.run.1") is None
