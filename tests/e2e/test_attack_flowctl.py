"""flowctl as programs and hostile surroundings meet it: exit codes, shapes, text, streams."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowctl.text import wrap
from flowd.server.limits import FILES_OF_OUR_OWN
from support.flow_home import FLOWCTL, FlowHome, borrowed, flow_home


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


# ------------------------------------------------------------------------------------ exit codes


def test_0_done(home: FlowHome) -> None:
    home.out("run", home.workflow("  - {id: a, run: 'true'}\n"), code=0)


def test_1_failed_and_1_rolled_back(home: FlowHome) -> None:
    home.out("run", home.workflow("  - {id: a, run: exit 3}\n"), code=1)
    steps = "  - {id: a, run: 'true', undo: 'true'}\n  - {id: b, run: exit 3}\n"
    home.out("run", home.workflow(steps), code=1)
    steps = "  - {id: a, run: 'true', undo: exit 9}\n  - {id: b, run: exit 3}\n"
    home.out("run", home.workflow(steps), code=1)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "--nonsense",
        "nonsense",
        "run",
        "run a b",
        "show",
        "logs",
        "answer run step perhaps",
        "attach --from minus",
        "history --limit 0",
        "history --state happy",
        "check",
        "check a --command b",
        "suggest",
        "daemon",
        "daemon dance",
        "template dance",
        "completion tcsh",
        "ps --json --nonsense",
    ],
)
def test_2_usage(words: str, home: FlowHome) -> None:
    home.out(*words.split(), code=2)


def test_2_what_cannot_be_sent(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: 'true'}\n", head="inputs: {v: {type: string}}\n")
    home.out("run", file, "--input", "v=\udcff", code=2)
    home.out("run", file, "--input", "v=" + "x" * 70_000, code=2)
    home.out("run", file, code=2)  # no value, and nobody to ask for one


def test_3_invalid_workflow(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, rum: 'true'}\n")
    for words in (["run", file], ["check", file], ["run", "-"]):
        home.out(*words, code=3, input="steps: []\n")


def test_4_blocked(home: FlowHome) -> None:
    home.out("check", "--command", "rm -rf /", code=4)
    home.out("run", home.workflow("  - {id: a, run: rm -rf /}\n"), "--yes", code=4)


def test_5_needs_an_answer(home: FlowHome) -> None:
    home.out("run", home.workflow("  - {id: a, confirm: sure?, run: 'true'}\n"), code=5)
    home.out("check", "--command", "git push --force", code=5)


@pytest.mark.parametrize("command", ["show", "logs", "attach", "cancel", "resume", "retry", "undo"])
@pytest.mark.parametrize("run", ["nosuchrun", "' OR 1=1 --"])
def test_6_no_such_run(command: str, run: str, home: FlowHome) -> None:
    home.out(command, run, code=6)


def test_6_a_conflict_and_an_ambiguous_name(home: FlowHome) -> None:
    run = json.loads(home.out("run", home.workflow("  - {id: a}\n"), "--json", code=3))
    assert run["error"]["code"] == "invalid_workflow"
    finished = home.json("run", home.workflow("  - {id: a, run: 'true'}\n"))["run"]
    home.out("cancel", finished, code=6)
    home.out("undo", finished, code=6)
    home.out("retry", finished, code=6)
    home.out("answer", finished, "a", "yes", code=6)
    home.out("answer", finished, "nosuchstep", "yes", code=6)
    home.out("logs", finished, "nosuchstep", code=6)
    home.out("run", "nosuchfile", code=6)
    home.out("template", "show", "nosuchtemplate", code=6)


def test_8_nobody_answers(home: FlowHome) -> None:
    home.out("ps", "--socket", "/nowhere/flowd.sock", code=8)
    home.environment["FLOW_HOME"] = str(home.project / "another")
    home.out("ps", "--no-start", code=8)
    home.out("daemon", "status", code=8)
    home.out("daemon", "stop")  # what was wanted is the case


def test_130_cancelled(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: sleep 60}\n")
    run = home.out("run", file, "--detach").strip()
    home.out("cancel", run)
    home.out("attach", run, code=130)


@pytest.mark.parametrize("words", ["show nosuchrun", "run nosuchfile", "check", "ps --nonsense"])
def test_errors_have_a_shape_too(words: str, home: FlowHome) -> None:
    ran = home.flowctl(*words.split(), "--json")
    (line,) = ran.stdout.splitlines()
    error = json.loads(line)["error"]
    assert {"code", "message", "cure"} <= set(error)
    assert error["message"]
    assert error["cure"]
    assert "Traceback" not in ran.stderr


# --------------------------------------------------------------------- the shapes of the contract


def test_the_shapes_of_runs(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: 'echo k=v >> $FLOW_OUTPUT', undo: 'true'}\n"
        "  - {id: b, run: exit 3, retry: {attempts: 2, delay: 10ms}}\n"
    )
    events = [json.loads(line) for line in home.out("run", file, "--json", code=1).splitlines()]
    for event in events:
        assert_fields(event, position=int, run=str, type=str)
    assert_fields(events[-1], type=str, state=str)
    assert (events[-1]["type"], events[-1]["state"]) == ("run_finished", "compensated")
    run = events[0]["run"]

    shown = home.json("show", run)
    assert_fields(shown, id=str, name=str, state=str, steps=list)
    for step in shown["steps"]:
        assert_fields(step, id=str, state=str, exit_code=int, duration_ms=int, attempts=list)
        for attempt in step["attempts"]:
            assert_fields(attempt, attempt=int, kind=str, state=str, started_at=int)
    assert [len(step["attempts"]) for step in shown["steps"]] == [2, 2]  # a: and its undo

    second = home.json("run", file, code=1)["run"]
    for words in (["ps", "--all"], ["history"]):
        rows = home.json(*words)["runs"]
        for row in rows:
            assert_fields(row, id=str, name=str, state=str)
        assert [row["id"] for row in rows][:2] == [second, run]  # newest first


def test_the_shapes_of_judgements(home: FlowHome) -> None:
    dangerous = "cd /tmp && rm -rf /"
    judged = home.json("check", "--command", dangerous, code=4)
    assert judged["verdict"] == "block"
    for finding in judged["findings"]:
        assert_fields(finding, rule=str, verdict=str, message=str, span=list)
        start, end = finding["span"]
        assert 0 <= start < end <= len(dangerous)
    lines = [{"command": "ls"}, {"command": dangerous}, {"command": "ls"}]
    batch = "".join(json.dumps(line) + "\n" for line in lines)
    answers = home.out("check", "--batch", "-", "--json", input=batch).splitlines()
    verdicts = [json.loads(line)["verdict"] for line in answers]
    assert verdicts == ["allow", "block", "allow"]


def test_the_shapes_of_suggestions(home: FlowHome) -> None:
    answer = home.json("suggest", "find the largest files")
    assert_fields(answer, suggestions=list, elapsed_ms=float)
    assert answer["suggestions"]
    for made in answer["suggestions"]:
        assert_fields(made, id=str, title=str, provider=str, score=float, verdict=str)
        assert made["workflow"]["flow"] == 1
        assert made["workflow"]["steps"]
    batch = '{"task": "find the largest files"}\n{"task": "show disk usage"}\n'
    answers = home.out("suggest", "--batch", "-", "--json", input=batch).splitlines()
    assert len(answers) == 2
    for line in answers:
        assert_fields(json.loads(line), suggestions=list, elapsed_ms=float)


def test_the_shape_of_the_status(home: FlowHome) -> None:
    home.out("ps")
    status = home.json("daemon", "status")
    assert_fields(status, pid=int, socket=str, version=str, uptime_s=float, runs=int)


def assert_fields(shape: dict[str, Any], **wanted: type) -> None:
    for name, kind in wanted.items():
        assert isinstance(shape[name], kind | int if kind is float else kind), (name, shape)


# --------------------------------------------------------------------------------- hostile text

EVIL = r"x\e]0;EVIL\a\e[2J\e[31mred\r\nnext\u202Etxet\x9b31m"
OBEYED = re.compile("\x1b|\x07|\r|\x9b|\u202e")


@pytest.fixture(scope="module")
def evil(shared: FlowHome, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A project with a hostile workflow, and a run of it that waits."""
    project = tmp_path_factory.mktemp("evil")
    with borrowed(shared, project) as home:
        file = home.workflow(
            f'  - id: a\n    name: "{EVIL}"\n    run: printf "\\033]0;EVIL\\007\\033[2Jout\\r\\n"\n'
            f'  - id: b\n    confirm: "{EVIL} ${{v}}"\n    run: echo\n',
            name="evil",
            head=f'description: "{EVIL}"\ninputs: {{v: {{default: "{EVIL}"}}}}\n',
        )
        text = (project / file).read_text(encoding="utf-8")
        (project / file).write_text(text.replace("name: evil", f'name: "{EVIL}"', 1))
        ran = home.flowctl("run", file)
        assert ran.returncode == 5, ran.stderr
        assert OBEYED.search(ran.stdout + ran.stderr) is None
        run = home.json("history")["runs"][0]["id"]
    return project, run


@pytest.mark.parametrize(
    "words",
    [
        "check evil.flow.yaml",
        "check evil.flow.yaml --json",
        "run evil.flow.yaml --dry-run",
        "show RUN",
        "show RUN --json",
        "logs RUN --json",
        "history",
        "history --json",
        "ps --all",
    ],
)
def test_no_name_or_question_commands_the_terminal(
    words: str, evil: tuple[Path, str], shared: FlowHome
) -> None:
    project, run = evil
    with borrowed(shared, project) as home:
        ran = home.flowctl(*words.replace("RUN", run).split())
        assert OBEYED.search(ran.stdout + ran.stderr) is None, (ran.stdout, ran.stderr)
        if "--json" in words:
            assert isinstance(json.loads(ran.stdout.splitlines()[-1]), dict)


def test_text_is_wrapped_also_where_nothing_fits() -> None:
    """On a terminal of one column this went on for ever."""
    for columns in (-3, 0, 1, 2):
        assert wrap("ab 漢字", columns) == ["ab", "漢", "字"]


def test_a_tiny_dumb_or_strange_terminal_is_left_by_ctrl_c(home: FlowHome) -> None:
    run = home.out("run", home.workflow("  - {id: a, confirm: sure?, run: echo}\n"), "--detach")
    for environment in ({"COLUMNS": "1", "LINES": "1"}, {"LC_ALL": "C"}, {"TERM": "nonsense"}):
        assert attached_and_left(home, run.strip(), environment) == 130


def attached_and_left(home: FlowHome, run: str, environment: dict[str, str]) -> int:
    """Attach on a terminal of one column, wait for the question, press Ctrl-C."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 1, 1, 0, 0))
    process = subprocess.Popen(
        [FLOWCTL, "attach", run],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**home.environment, **environment},
        cwd=home.project,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    written = b""
    deadline = time.monotonic() + 20
    try:
        while b"\xe2\x80\xba" not in written and b">" not in written:  # the prompt
            assert time.monotonic() < deadline, written
            if select.select([ours], [], [], 0.1)[0]:
                written += os.read(ours, 65536)
        os.write(ours, b"\x03")
        return process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


# -------------------------------------------------------------------------------- strange streams


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(closed: str, home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo hello; touch done}\n")
    ran = in_shell(home, f"flowctl run {file} {closed}")
    assert ran.returncode == 0, ran.stderr
    assert (home.project / "done").exists()
    assert in_shell(home, f"flowctl show nosuchrun {closed}").returncode == 6


@pytest.mark.parametrize("words", ["history", "history --json", "run w.flow.yaml", "logs RUN"])
def test_a_full_disk_for_the_output(words: str, home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: seq 10000}\n")
    run = home.json("run", file)["run"]
    ran = in_shell(home, f"flowctl {words.replace('RUN', run)} > /dev/full")
    assert ran.returncode == 74
    assert ran.stderr == "flowctl: the output cannot be written: No space left on device\n"


@pytest.mark.parametrize("words", ["logs RUN", "logs RUN --json", "attach RUN --json"])
def test_a_reader_that_stops_reading(words: str, home: FlowHome) -> None:
    run = home.json("run", home.workflow("  - {id: a, run: seq 100000}\n"))["run"]
    command = f"set -o pipefail; flowctl {words.replace('RUN', run)} | head -c 10"
    ran = in_shell(home, command)
    assert ran.returncode == 141
    assert ran.stderr == ""


def in_shell(home: FlowHome, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-c", command],
        env=home.environment,
        cwd=home.project,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_daemon_that_turns_clients_away_is_heard(tmp_path: Path) -> None:
    """Its reason is read, also when it hung up before the request was out."""
    with flow_home(tmp_path) as home:
        start = ["sh", "-c", f'ulimit -n {FILES_OF_OUR_OWN + 50} && exec "$0" ps', FLOWCTL]
        subprocess.run(start, env=home.environment, check=True, capture_output=True)
        _crowd_out(home)


def _crowd_out(home: FlowHome) -> None:
    address = home.json("daemon", "status")["socket"]
    crowd = []
    try:
        for _ in range(50):
            crowd.append(socket.socket(socket.AF_UNIX))
            crowd[-1].connect(address)
        for _ in range(8):
            ran = home.flowctl("ps")
            assert ran.returncode == 8
            assert "clients are connected" in ran.stderr
    finally:
        for one in crowd:
            one.close()
    for _ in range(100):
        if home.flowctl("ps").returncode == 0:
            break
    home.out("ps")


def test_what_is_no_text_on_standard_input(home: FlowHome) -> None:
    for junk in (b"\xff\xfe\x00", b"x" * 9_000_000):
        ran = subprocess.run(
            [FLOWCTL, "run", "-"],
            input=junk,
            env=home.environment,
            cwd=home.project,
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 2
        assert b"Traceback" not in ran.stderr


def test_sigterm_ends_flowctl_and_not_the_run(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: 'while [ ! -e go ]; do sleep 0.02; done'}\n")
    with subprocess.Popen(
        [FLOWCTL, "run", file, "--json"],
        env=home.environment,
        cwd=home.project,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        run = json.loads(watching.stdout.readline())["run"]
        watching.send_signal(signal.SIGTERM)
    (home.project / "go").touch()
    home.out("attach", run, code=0)
