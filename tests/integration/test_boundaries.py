"""Every boundary of a policy, crossed on purpose by a step without a sandbox, and the control.

`tests/support/crossing.py` and `attack.py` make the attempts, through the real daemon. Without a
policy all of them get through; with one, those that cross it are kept out, and no others. As in
`test_sandbox.py`, root does everything a second time as any other user would.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from support.confined import GIT_AND_SHELL, IS_ROOT, WITHOUT_NAMESPACES, home, place
from support.flow_home import FLOWCTL, FlowHome
from support.outside import PYTHON, around

__all__ = ["around", "home", "place"]


pytestmark = pytest.mark.skipif(PYTHON is None, reason="the system has no Python of its own")


def draw(home: FlowHome, policy: str) -> None:
    """Write the user's policy; it counts from the next run on."""
    folder = Path(home.environment["FLOW_HOME"])
    folder.mkdir(exist_ok=True)
    (folder / "policy.yaml").write_text(policy)


def tried(home: FlowHome, policy: str, step: str = "") -> tuple[set[str], set[str]]:
    """Have a step try everything; give what it did and what it was kept from."""
    draw(home, policy)
    name = home.workflow(f"  - id: a\n    run: {PYTHON} crossing.py facts.json\n{step}")
    said = home.out("run", name, "--yes")
    lines = [line.partition("| ")[2].split(": ") for line in said.splitlines() if " | " in line]
    through = {words[1] for words in lines if words[0] == "got through"}
    return through, {words[1] for words in lines if words[0] == "kept out"}


BY_OTHERS = {  # by other processes, other users' programs, and other namespaces: by any boundary
    *("limit_a_process", "trace_a_process", "read_its_memory", "write_its_memory"),
    *("read_its_environment", "see_with_its_eyes", "read_with_the_eyes_of_another"),
    *("write_as_another_process_sees_it", "take_its_descriptor", "get_new_namespaces"),
    "become_another_by_a_program",
}
ASKING = {"ask_the_daemon", "ask_a_service", "ask_an_abstract_socket"}
RULES = {"change_the_rules", "move_the_rules_away", "loosen_the_policy", "read_the_runs"}
MOVING_IN = {"link_in", "rename_in", "read_by_moving_it_here"}
WRITING = {
    *("write_outside", "write_by_a_link", "overwrite_outside", "truncate_outside", "rename_out"),
    *("delete_outside", "change_mode_outside", "change_times_outside", "change_owner_outside"),
    *("write_by_an_open_folder", "write_to_start_up_file", "make_a_folder_outside", "link_out"),
    *("leave_something_running", "change_the_kernel", "read_a_device", "write_to_a_pipe"),
}
READING = {
    *("read_outside", "read_by_a_link", "read_by_proc", "list_outside", "run_a_program_outside"),
    *("read_a_key", "read_a_key_by_a_link", "read_a_token"),
    *("read_a_device", "write_by_an_open_folder", "write_to_a_pipe"),  # these open to read, too
}
NETWORK = {"connect_by_tcp", "be_answered_by_udp", "open_a_socket_of_another_kind"}
DEPENDS = {"become_another", "open_a_raw_socket"}  # on who we are, whatever is drawn
NOT_FOR_ALL = {"open_a_socket_of_another_kind", "become_another_by_a_program"}
OF_ROOT = {"change_the_kernel", "read_a_device"}

DRAWN = {
    "writable: ['.']\n": BY_OTHERS | ASKING | RULES | MOVING_IN | WRITING,
    "readable: ['.']\n": BY_OTHERS | ASKING | RULES | MOVING_IN | READING,
    "network: none\n": BY_OTHERS | ASKING | RULES | NETWORK | {"ask_the_agent"},
    "privilege: none\n": BY_OTHERS,
    "writable: ['.']\nreadable: ['.']\nnetwork: none\nprivilege: none\n": BY_OTHERS
    | ASKING
    | RULES
    | MOVING_IN
    | WRITING
    | READING
    | NETWORK
    | {"ask_the_agent"},
}


@pytest.mark.usefixtures("around")
def test_without_a_boundary_everything_gets_through(home: FlowHome) -> None:
    through, kept_out = tried(home, "")
    assert kept_out <= DEPENDS | NOT_FOR_ALL | (set() if IS_ROOT else OF_ROOT)
    assert len(through) > 50


@pytest.mark.usefixtures("around")
@pytest.mark.parametrize("policy", DRAWN)
def test_a_boundary_keeps_out_what_crosses_it_and_nothing_else(home: FlowHome, policy: str) -> None:
    through, kept_out = tried(home, policy)
    beyond = NOT_FOR_ALL | (set() if IS_ROOT else OF_ROOT)
    assert through & DRAWN[policy] == set()
    assert kept_out - DRAWN[policy] <= DEPENDS | beyond
    if "network" in policy:
        assert "open_a_raw_socket" in kept_out
    if "privilege" in policy:
        assert "become_another" in kept_out


@pytest.mark.usefixtures("around")
@pytest.mark.parametrize("step", ["    limits: {processes: 5000, cpu: 1h}\n", "    tty: true\n"])
def test_boundaries_hold_together_with_limits_and_a_terminal(home: FlowHome, step: str) -> None:
    policy = "writable: ['.']\nreadable: ['.']\nnetwork: none\nprivilege: none\n"
    through, kept_out = tried(home, policy, step)
    assert through & DRAWN[policy] == set()
    assert len(kept_out) > 40


def test_a_workflow_cannot_name_the_agent(home: FlowHome, around: dict[str, Any]) -> None:
    step = f"    env: {{SSH_AUTH_SOCK: {around['service']}}}\n"
    through, kept_out = tried(home, "writable: ['.']\n", step)
    assert "ask_the_agent" in through
    assert "ask_a_service" in kept_out


@pytest.mark.usefixtures("around")
def test_what_may_be_read_bounds_a_step_with_a_sandbox_too(home: FlowHome) -> None:
    reading = {"read_outside", "read_by_a_link", "read_by_proc", "list_outside"}
    through, _ = tried(home, "", "    sandbox: project\n")
    assert through >= reading
    through, kept_out = tried(home, "readable: ['.']\n", "    sandbox: project\n")
    assert kept_out >= reading | {"run_a_program_outside"}
    assert "signal_a_process" in kept_out


WORK = """\
  - {id: parent, run: kill -0 $PPID}
  - id: python
    run: |
      /usr/bin/python3 -c 'import multiprocessing, tempfile; multiprocessing.Lock()
      tempfile.TemporaryFile().write(b"x")'
      pip --version
  - {id: as_python, shell: python, run: 'import json; open("made", "w").write(json.dumps(1))'}
  - id: node
    if: inputs.node
    run: node -e 'require("fs").writeFileSync("by-node", "x")'
"""


@pytest.mark.parametrize(
    "policy",
    [
        "writable: ['.', /tmp]\n",
        "writable: ['.']\n",
        "writable: ['.']\nreadable: ['.', '{bin}', '{python}']\nnetwork: none\nprivilege: none\n",
    ],
)
def test_ordinary_work_goes_on(home: FlowHome, policy: str) -> None:
    path = f"/usr/bin:/bin:{home.environment['PATH']}"
    home.environment["PATH"] = path
    draw(home, policy.format(bin=Path(sys.prefix), python=Path(sys.base_prefix)))
    node = "true" if shutil.which("node", path="/usr/bin:/usr/local/bin") else "false"
    head = f"inputs: {{node: {{type: boolean, default: {node}}}}}\n"
    home.out("run", home.workflow(GIT_AND_SHELL + WORK, head=head), "--yes")


def test_work_in_a_sandbox_and_a_rehearsal_go_on_where_not_all_may_be_read(
    home: FlowHome, place: Path
) -> None:
    (place / "precious").write_text("x")
    (home.project / "tries").write_text(
        f"! cat {place}/precious\ngit init -q .\ngit config user.name A\n"
        "git config user.email a@b\necho one > file\ngit add file\ngit commit -qm one\n"
        "at=$(mktemp)\necho x > $at\ncat $at < /dev/null\necho tried\n"
    )
    draw(home, "readable: ['.']\n")
    name = home.workflow("  - {id: a, run: bash -e tries, sandbox: project}\n")
    rehearsed = home.out("run", name, "--yes", "--rehearse")
    assert "a | tried" in rehearsed
    assert f"reads only {home.project} and the system's programs" in rehearsed
    assert not (home.project / "file").exists()
    assert "a | tried" in home.out("run", name, "--yes")
    (home.project / "tries").write_text(f"cat {place}/precious\n")
    home.out("run", name, "--yes", "--rehearse", code=1)


def test_temporary_files_go_where_they_may(home: FlowHome) -> None:
    file = home.workflow("  - id: a\n    run: 'echo \"in ${TMPDIR:-nothing}\"'\n")
    for policy, expected in (("", "in nothing"), ("writable: [/tmp]\n", "in nothing")):
        draw(home, policy)
        assert expected in home.out("run", file)
    for policy in ("writable: ['.']\n", "readable: ['.']\n"):
        draw(home, policy)
        assert "a.run.1/tmp" in home.out("run", file)


def test_a_terminal_works(home: FlowHome) -> None:
    draw(home, "writable: ['.']\nreadable: ['.']\n")
    name = home.workflow(
        "  - id: a\n    tty: true\n    run: |\n"
        "      test -t 0 && test -t 1\n      echo told > /dev/tty\n      stty size\n"
        "      echo again > /dev/stdout\n      head -c 0 /dev/stdin\n"
        "      /usr/bin/python3 -c 'import pty; pty.openpty(); print(\"new\")'\n",
    )
    said = home.out("run", name, "--yes")
    for line in ("a | told", "a | 24 80", "a | again", "a | new"):
        assert line in said


def test_an_undo_is_within_the_boundaries_as_well(home: FlowHome, place: Path) -> None:
    draw(home, "writable: ['.']\n")
    (home.project / "out.sh").write_text(f"echo x > {place}/$1\n")
    name = home.workflow(
        "  - {id: a, run: 'true', undo: 'echo y > undone; bash out.sh undone'}\n"
        "  - {id: b, run: 'false'}\n"
    )
    home.flowctl("run", name, "--yes")
    assert (home.project / "undone").read_text() == "y\n"
    assert not (place / "undone").exists()


def test_saved_files_are_put_back_within_the_boundaries(home: FlowHome, place: Path) -> None:
    """Wherever they are: an undo of Flow's own is no more confined than the step was."""
    (place / "other").mkdir()
    draw(home, f"writable: ['.', {place}/other]\nreadable: ['.']\nnetwork: none\n")
    for kept in (home.project / "kept", place / "other" / "kept"):
        kept.write_text("old")
        home.out("run", home.workflow(f"  - {{id: a, run: echo new > {kept}}}\n"), "--yes")
        assert kept.read_text() == "new\n"
        home.out("undo", home.json("history")["runs"][0]["id"])
        assert kept.read_text() == "old"


def test_artifacts_are_kept_from_where_the_step_works(home: FlowHome, place: Path) -> None:
    draw(home, "privilege: none\n")
    (place / "other").mkdir()
    step = f"  - {{id: a, run: echo x > made, cwd: {place}/other, artifacts: [made]}}\n"
    home.out("run", home.workflow(step))
    run = home.json("history")["runs"][0]["id"]
    assert [each["path"] for each in home.json("artifacts", run)["files"]] == ["made"]


@pytest.mark.parametrize(("policy", "kept"), [("network: none\n", 1), ("readable: ['.']\n", 0)])
def test_no_artifact_is_read_for_a_step_that_may_not_read_it(
    home: FlowHome, place: Path, policy: str, kept: int
) -> None:
    (place / "outside").mkdir()
    (place / "outside" / "precious").write_text("x")
    (home.project / "sub").mkdir()
    (home.project / "swap").write_text(f"cd ..; mv sub was; ln -s {place}/outside sub\n")
    draw(home, policy)
    step = "  - {id: a, run: bash ../swap, cwd: sub, artifacts: [precious]}\n"
    home.out("run", home.workflow(step), "--yes")
    run = home.json("history")["runs"][0]["id"]
    told = home.json("artifacts", run)
    assert len(told["files"]) == kept
    assert kept or "a policy" in str(told["notes"])


def test_the_shell_of_a_script_may_be_read_wherever_it_is(home: FlowHome, place: Path) -> None:
    (place / "bin").mkdir()
    shutil.copy("/bin/bash", place / "bin" / "bash")
    shutil.copy("/bin/true", place / "bin" / "another")
    home.environment["PATH"] = f"{place}/bin:{home.environment['PATH']}"
    draw(home, "readable: ['.']\n")
    name = home.workflow("  - id: a\n    run: |\n      echo $BASH\n      another || echo no\n")
    said = home.out("run", name, "--yes")
    assert f"a | {place}/bin/bash" in said
    assert "a | no" in said


def test_every_policy_holds(home: FlowHome) -> None:
    """The user's and the project's: only what both let be written is."""
    for name in ("one", "two", "three"):
        (home.project / name).mkdir()
    (home.project / ".flow").mkdir()
    (home.project / ".flow" / "policy.yaml").write_text("writable: [two, three]\nnetwork: none\n")
    draw(home, "writable: [one, two]\n")
    home.out("trust")
    (home.project / "tries").write_text(
        "for at in one two three; do (echo x > $at/file) 2>/dev/null; done; ls one two three\n"
    )
    home.out("run", home.workflow("  - {id: a, run: bash tries}\n"), "--yes")
    assert [(home.project / name / "file").exists() for name in ("one", "two", "three")] == [
        False,
        True,
        False,
    ]


def test_a_pattern_of_names_means_what_is_there(home: FlowHome) -> None:
    (home.project / "a.log").write_text("")
    (home.project / "b.txt").write_text("")
    (home.project / "deep" / "made").mkdir(parents=True)
    draw(home, "writable: ['*.log', '*/made/**']\n")
    (home.project / "tries").write_text(
        "for at in a.log b.txt new.log deep/made/x deep/x; do\n"
        "  (echo x > $at) 2>/dev/null && echo $at done\ndone\ntrue\n"
    )
    said = home.out("run", home.workflow("  - {id: a, run: bash tries}\n"), "--yes")
    assert [line.partition("| ")[2] for line in said.splitlines() if line.endswith(" done")] == [
        "a.log done",
        "deep/made/x done",
    ]


def test_no_link_of_its_own_leads_the_next_step_out(home: FlowHome, place: Path) -> None:
    (place / "outside").mkdir()
    (home.project / "out").mkdir()
    (home.project / "reach").mkdir()
    draw(home, "writable: ['.', out, '*/reach/**']\n")
    (home.project / "plant").write_text(
        f"mv out was; ln -s {place}/outside out; mkdir sub; ln -s {place}/outside sub/reach\n"
    )
    (home.project / "use").write_text("echo x > out/file; echo x > sub/reach/file\n")
    name = home.workflow("  - {id: a, run: bash plant}\n  - {id: b, run: bash use}\n")
    home.out("run", name, "--yes", code=1)
    assert list((place / "outside").iterdir()) == []


def test_the_folder_of_the_rules_cannot_be_replaced(home: FlowHome, place: Path) -> None:
    (place / "work" / "mine" / ".flow").mkdir(parents=True)
    draw(home, f"writable: [{place}/work]\n")
    (place / "work" / "mine" / "tries").write_text(
        "mv .flow gone; mv ../mine ../was; mkdir ../mine; echo x > made; ls -a .. .\n"
    )
    (place / "work" / "mine" / "w.flow.yaml").write_text(
        "flow: 1\nname: w\nsteps:\n  - {id: a, run: bash tries}\n"
    )
    home.flowctl("run", "w.flow.yaml", "--yes", cwd=place / "work" / "mine")
    assert (place / "work" / "mine" / "made").exists()
    assert (place / "work" / "mine" / ".flow").is_dir()


def wait_until_begun(home: FlowHome) -> None:
    """Wait for the file by which a step says that it runs."""
    deadline = time.monotonic() + 30
    while not (home.project / "began").exists():
        assert time.monotonic() < deadline, "the step did not begin"
        time.sleep(0.02)  # another process: no clock of ours can be turned


def test_a_run_keeps_the_boundaries_that_it_began_with(home: FlowHome, place: Path) -> None:
    """Neither a daemon that was killed nor another policy changes them."""
    draw(home, "writable: ['.']\n")
    (home.project / "wait").write_text("touch began; while [ ! -e go ]; do sleep 0.05; done\n")
    (home.project / "out").write_text(f"echo x > {place}/out\n")
    name = home.workflow("  - {id: a, run: bash wait}\n  - {id: b, run: bash out}\n")
    run = home.json("run", name, "--yes", "--detach")["run"]
    wait_until_begun(home)
    home.kill_daemon()
    draw(home, "")
    (home.project / "go").touch()
    home.out("attach", run, code=1)
    assert not (place / "out").exists()
    home.out("run", name, "--yes")
    assert (place / "out").exists()


def test_a_daemon_that_starts_anew_cannot_be_asked_either(home: FlowHome) -> None:
    draw(home, "network: none\n")
    (home.project / "ask").write_text(
        "touch began; while [ ! -e go ]; do sleep 0.05; done\n"
        "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("
        f'"{home.environment["FLOW_HOME"]}/flowd.sock")\'\n'
    )
    name = home.workflow("  - {id: a, run: bash ask}\n")
    run = home.json("run", name, "--yes", "--detach")["run"]
    wait_until_begun(home)
    home.kill_daemon()
    home.out("ps")  # which starts another one
    (home.project / "go").touch()
    home.out("attach", run, code=1)


def test_people_are_told_what_holds(home: FlowHome) -> None:
    draw(home, "writable: ['.']\nnetwork: none\n")
    name = home.workflow("  - {id: a, run: 'true'}\n")
    words = f"writes only to {home.project}, no network, no new privileges"
    assert f"boundaries of policy: {words}; by own mounts" in home.out("run", name)
    shown = home.json("show", home.json("history")["runs"][0]["id"])
    assert shown["sandbox"].startswith(f"boundaries of policy: {words}; by ")
    assert f"boundaries: held by the kernel: {words}" in home.out("policy", "show")
    assert home.json("check", name)["boundaries"] == words
    assert "boundaries of policy: writes only to" in home.out("check", name)
    failed = home.out("run", home.workflow("  - {id: a, run: 'false'}\n", "f"), code=1)
    assert "was held within your policy's boundaries" in failed
    (check,) = [row for row in home.json("doctor")["checks"] if row["name"] == "isolation"]
    assert "boundaries of policies: held for steps without a sandbox, too" in check["message"]
    draw(home, "confirm: [make]\n")  # which draws nothing
    home.out("run", name)
    assert home.json("show", home.json("history")["runs"][0]["id"])["sandbox"] == ""
    assert home.json("check", name)["boundaries"] == ""
    assert "held by the kernel" not in home.out("policy", "show")


def test_a_machine_that_cannot_hold_a_boundary_refuses_the_run(home: FlowHome) -> None:
    """As in `test_sandboxed_work.py`: our own filter forbids the namespaces."""
    home.flowctl("daemon", "stop")
    subprocess.run(
        [sys.executable, "-c", WITHOUT_NAMESPACES, FLOWCTL, "daemon", "start"],
        env=home.environment,
        check=True,
        capture_output=True,
    )
    name = home.workflow("  - {id: a, run: touch began}\n")
    draw(home, "writable: ['.']\n")
    ran = home.flowctl("run", name)
    told = "the boundaries of policy.yaml cannot be held on this machine: no user namespace"
    assert told in ran.stderr
    assert "flowctl doctor" in ran.stderr
    assert not (home.project / "began").exists()
    assert "cannot be held on this machine" in home.out("policy", "show")
    draw(home, "privilege: none\n")  # which takes none
    assert "held by the kernel: no new privileges" in home.out("policy", "show")
