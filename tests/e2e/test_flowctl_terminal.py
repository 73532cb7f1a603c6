"""What a person sees: the real flowctl on a terminal."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, borrowed, flow_home
from support.terminal import Terminal

SLOW = """\
  - {id: a, run: for i in $(seq 200); do echo line $i; sleep 0.1; done}
  - {id: b, run: ls}
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


def terminal(home: FlowHome, *words: str, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal(
        [FLOWCTL, *words],
        cwd=home.project,
        environment=home.environment,
        columns=columns,
        rows=rows,
    )


def is_given_back(shown: Terminal) -> bool:
    return shown.screen.cursor_shown and shown.echoes


def test_the_end_of_a_run_stays_on_the_screen(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: build, run: echo hidden}\n  - {id: test, run: echo why; exit 3}\n"
    )
    with terminal(home, "run", file) as shown:
        assert shown.wait() == 1
        lines = shown.screen.text
        assert is_given_back(shown)
    assert lines[0].startswith("✓ build")
    assert lines[1].startswith("✗ test")
    assert lines[1].endswith("failed (exit 3)")
    assert lines[2] == "  │ why"
    assert lines[3].startswith("w failed in ")
    assert len(lines) == 4


@pytest.mark.parametrize(("columns", "rows"), [(20, 8), (80, 24)])
def test_ctrl_c_cancels_the_run_and_gives_the_terminal_back(
    home: FlowHome, columns: int, rows: int
) -> None:
    with terminal(home, "run", home.workflow(SLOW), columns=columns, rows=rows) as shown:
        shown.wait_for("line 3")
        assert not is_given_back(shown)
        assert len(shown.screen.text) < rows
        shown.type("\x03")
        assert shown.wait() == 130
        assert is_given_back(shown)
        assert "cancelled in" in " ".join(shown.screen.text)
    assert home.json("history")["runs"][0]["state"] == "cancelled"


def test_ctrl_c_leaves_an_attached_run(home: FlowHome) -> None:
    run = home.out("run", home.workflow(SLOW), "--detach").strip()
    with terminal(home, "attach") as shown:
        shown.wait_for("line 3")
        shown.type("\x03")
        assert shown.wait() == 130
        assert f"flowctl attach {run}" in " ".join(shown.screen.text)
    assert home.json("show", run)["state"] == "running"


def test_a_signal_gives_the_terminal_back_too(home: FlowHome) -> None:
    run = home.out("run", home.workflow(SLOW), "--detach").strip()
    with terminal(home, "attach", run) as shown:
        shown.wait_for("line 3")
        os.kill(shown.pid, signal.SIGTERM)
        assert shown.wait() == 128 + signal.SIGTERM
        assert is_given_back(shown)


def test_a_question_is_put_and_the_answer_counts(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, confirm: Push it to origin?, run: echo pushed}\n")
    with terminal(home, "run", file) as shown:
        shown.wait_for("[y]es [n]o [s]kip [l]ater ›")
        assert is_given_back(shown)
        shown.type("what\n")
        shown.wait_for("one of yes, no, skip, later ›")
        shown.type("y\n")
        assert shown.wait() == 0
        assert "✓ push" in "\n".join(shown.screen.text)


def test_a_question_answered_elsewhere_closes(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, confirm: Push it?, run: echo pushed}\n")
    with terminal(home, "run", file) as shown:
        shown.wait_for("[l]ater ›")
        shown.type("ye")
        home.out("answer", home.json("ps")["runs"][0]["id"], "push", "no")
        shown.wait_for("answered elsewhere")
        assert shown.wait() == 1


def test_later_leaves_the_run_waiting(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, confirm: Push it?, run: echo pushed}\n")
    with terminal(home, "run", file) as shown:
        shown.wait_for("[l]ater ›")
        shown.type("\x04")
        assert shown.wait() == 5
    assert home.json("ps")["runs"][0]["state"] == "waiting"


def test_missing_inputs_are_asked_for_until_they_fit(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, run: 'echo is $version'}\n", head="inputs:\n  version: {pattern: '^v[0-9]$'}\n"
    )
    with terminal(home, "run", file) as shown:
        shown.wait_for("version ›")
        shown.type("1\n")
        shown.wait_for("it must match")
        shown.type("v1\n")
        assert shown.wait() == 0
    run = home.json("history")["runs"][0]["id"]
    assert home.out("logs", run) == "is v1\n"


def test_a_resized_terminal_is_drawn_anew(home: FlowHome) -> None:
    run = home.out("run", home.workflow(SLOW), "--detach").strip()
    with terminal(home, "attach", run, columns=100) as shown:
        shown.wait_for("line 3")
        shown.resize(30, 10)
        shown.wait_for("line 12")
        assert sum("✓" in line or "⠋" in line for line in shown.screen.text) <= 1
        assert len(shown.screen.text) <= 10
        assert sum(line.startswith("w 0/2") for line in shown.screen.text) == 1


def test_the_daemon_may_be_replaced_while_a_terminal_watches(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo one; sleep 4; echo two}\n")
    with terminal(home, "run", file) as shown:
        shown.wait_for("│ one")
        home.kill_daemon()
        shown.wait_for("looking for it again")
        assert shown.wait(60) == 0
        assert "✓ a" in "\n".join(shown.screen.text)


def test_without_colours_no_colour_is_written(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: \"printf '\\\\033[31mred\\\\033[0m\\\\n'; exit 1\"}\n")
    written: list[str] = []
    home.environment["NO_COLOR"] = "1"
    with terminal(home, "run", file) as shown:
        feed = shown.screen.feed
        shown.screen.feed = lambda text: (written.append(text), feed(text))[1]  # type: ignore[method-assign,func-returns-value]
        assert shown.wait() == 1
        assert "  │ red" in shown.screen.text
    assert "\x1b[3" not in "".join(written)


def test_a_dumb_terminal_gets_plain_lines(home: FlowHome) -> None:
    home.environment["TERM"] = "dumb"
    with terminal(home, "run", home.workflow("  - {id: a, run: echo hi}\n")) as shown:
        assert shown.wait() == 0
        assert "a | hi" in shown.screen.text


def test_a_yes_may_hold_for_the_project_and_the_next_run_does_not_ask(home: FlowHome) -> None:
    file = home.workflow("  - {id: push, run: git push --force || true}\n")
    with terminal(home, "run", file) as shown:
        shown.wait_for("[s]kip yes in this [r]un in this [p]roject [a]lways [l]ater ›")
        shown.type("p\n")
        assert shown.wait() == 0
    approvals = home.json("policy", "approvals")["approvals"]
    assert [row["project"] for row in approvals] == [str(home.project)]
    with terminal(home, "run", file) as shown:
        assert shown.wait() == 0
    assert home.json("policy", "approvals")["approvals"][0]["uses"] == 1


def test_a_file_of_somebody_elses_repository_is_asked_about_once(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, run: echo done}\n")
    for words in (("init", "-q"), ("add", "."), ("remote", "add", "origin", "elsewhere")):
        subprocess.run(["git", *words], cwd=home.project, check=True)
    with terminal(home, "run", file, columns=300) as shown:
        shown.wait_for("and all below it from now on? [y/N] ›")
        shown.type("\n")
        assert shown.wait() == 5
    with terminal(home, "run", "--yes", file, columns=300) as shown:
        shown.wait_for("from now on? [y/N] ›")
        shown.type("y\n")
        assert shown.wait() == 0
    with terminal(home, "run", file, columns=300) as shown:
        assert shown.wait() == 0
