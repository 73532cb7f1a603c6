"""A step on a terminal, as a person has it: flowctl on one terminal, and on another one later."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, borrowed, flow_home
from support.terminal import Terminal

ASK = """\
  - id: ask
    tty: true
    run: |
      read -r -p 'name? ' name
      read -r -s -p 'word? ' word
      echo
      echo "hello $name ${#word}"
"""
SIZES = """\
  - id: a
    tty: true
    run: |
      trap 'echo "now $(stty size)"' WINCH
      echo "ready $(stty size)"
      until read -r -t 60 line && [ "$line" = stop ]; do :; done
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


@pytest.fixture
def beside() -> Iterator[ExitStack]:
    """A second terminal is ended after the first."""
    with ExitStack() as stack:
        yield stack


def terminal(home: FlowHome, *words: str, columns: int = 80, rows: int = 24) -> Terminal:
    return Terminal(
        [FLOWCTL, *words],
        cwd=home.project,
        environment=home.environment,
        columns=columns,
        rows=rows,
    )


def text_of(shown: Terminal) -> str:
    return "\n".join(shown.screen.text)


def begun(home: FlowHome, steps: str) -> str:
    """Start a run that nobody watches."""
    return home.out("run", home.workflow(steps), "--detach").strip()


def test_a_person_answers_a_program_s_questions(home: FlowHome) -> None:
    with terminal(home, "run", home.workflow(ASK)) as shown:
        shown.wait_for("name?")
        shown.type("bob\r")
        shown.wait_for("word?")
        shown.type("hunter2\r")
        assert shown.wait() == 0
        assert shown.screen.cursor_shown
        assert shown.echoes
        text = text_of(shown)
    assert "ask has the terminal; Ctrl-] d leaves it" in text
    assert "hello bob 7" in text
    assert "hunter2" not in text
    assert "✓ ask" in text


def test_the_daemon_is_killed_in_the_middle_of_a_prompt(home: FlowHome) -> None:
    with terminal(home, "run", home.workflow(ASK)) as shown:
        shown.wait_for("name?")
        shown.type("bob\r")
        shown.wait_for("word?")
        home.kill_daemon()
        shown.type("hunter2\r")
        shown.wait_for("hello bob 7", 60)
        assert shown.wait(60) == 0
        assert "hunter2" not in text_of(shown)


def test_the_daemon_is_stopped_for_a_while_in_the_middle_of_a_prompt(home: FlowHome) -> None:
    with terminal(home, "run", home.workflow(ASK)) as shown:
        shown.wait_for("name?")
        home.out("daemon", "stop")
        shown.wait_for("waiting up to 60 s")
        shown.type("bob\r")  # waits, too
        home.out("daemon", "start")
        shown.wait_for("word?", 60)
        shown.type("hunter2\r")
        assert shown.wait(60) == 0
        assert "hello bob 7" in text_of(shown)


def test_it_is_left_and_gone_on_with_from_another_terminal_after_a_restart(home: FlowHome) -> None:
    with terminal(home, "run", home.workflow(ASK)) as shown:
        shown.wait_for("name?")
        shown.type("bob\r")
        shown.wait_for("word?")
        shown.type("\x1dd")
        assert shown.wait() == 130
        assert shown.echoes
        run = home.json("ps")["runs"][0]["id"]
        assert f"flowctl attach {run}" in text_of(shown)
    home.out("daemon", "restart")
    assert home.json("ps")["runs"][0]["terminals"] == ["ask"]
    with terminal(home, "attach", run, columns=60) as shown:
        shown.wait_for("word?")
        assert "name? bob" in text_of(shown)
        shown.type("hunter2\r")
        assert shown.wait() == 0
        assert "hello bob 7" in text_of(shown)


def test_the_second_looks_on_until_it_takes_the_keyboard_over(
    home: FlowHome, beside: ExitStack
) -> None:
    run = begun(home, ASK)
    with terminal(home, "attach", run) as first:
        first.wait_for("name?")
        second = beside.enter_context(terminal(home, "attach", run, columns=100))
        second.wait_for(f"ask: flowctl (process {first.pid}) types; Ctrl-] t takes over")
        first.type("b")
        first.wait_for("name? b")
        second.wait_for("name? b")
        second.type("x")
        second.type("\x1dt")
        second.wait_for("you type now")
        second.type("ill\r")
        second.wait_for("word?")
        first.type("y")
        first.wait_for(f"flowctl (process {second.pid}) types")
        first.type("\x03")
        assert first.wait() == 130
        second.type("hunter2\r")
        assert second.wait() == 0
        assert "hello bill 7" in text_of(second)


def test_the_keyboard_of_who_left_is_free(home: FlowHome, beside: ExitStack) -> None:
    run = begun(home, ASK)
    with terminal(home, "attach", run) as first:
        first.wait_for("name?")
        second = beside.enter_context(terminal(home, "attach", run))
        second.wait_for("name?")
        first.type("b")
        second.wait_for("name? b")
        first.type("\x1dd")
        assert first.wait() == 130
        second.type("en\r")
        second.wait_for("word?")
        second.type("\r")
        assert second.wait() == 0
        assert "hello ben 0" in text_of(second)


def test_the_size_of_the_window_is_the_step_s(home: FlowHome) -> None:
    with terminal(home, "run", home.workflow(SIZES), columns=97, rows=31) as shown:
        shown.wait_for("ready 31 97")
        shown.resize(60, 20)
        shown.type("x\r")
        shown.wait_for("now 20 60")
        shown.type("stop\r")
        assert shown.wait() == 0


def test_a_terminal_opens_as_large_as_that_of_who_started_the_run(home: FlowHome) -> None:
    file = home.workflow("  - {id: a, tty: true, run: stty size}\n")
    with terminal(home, "run", file, "--detach", columns=97, rows=31) as shown:
        assert shown.wait() == 0
        run = text_of(shown).split()[0]
    home.out("attach", run)  # without a terminal, so that nobody else says a size
    assert home.out("logs", run, "a").split() == ["31", "97"]


def test_an_interrupt_is_the_program_s(home: FlowHome) -> None:
    steps = (
        "  - {id: a, tty: true, run: 'trap \"echo caught; exit 0\" INT; echo ready; read -r x'}\n"
    )
    with terminal(home, "run", home.workflow(steps)) as shown:
        shown.wait_for("ready")
        shown.type("\x03")
        assert shown.wait() == 0
        assert "caught" in text_of(shown)


def test_what_a_program_switched_on_is_switched_off(home: FlowHome) -> None:
    steps = "  - {id: a, tty: true, run: \"printf 'ready\\\\033[?25l'; read -r x\"}\n"
    with terminal(home, "run", home.workflow(steps)) as shown:
        shown.wait_for("ready")
        shown.wait_until(lambda: not shown.screen.cursor_shown, "a hidden cursor")
        os.kill(shown.pid, signal.SIGTERM)
        assert shown.wait() == 128 + signal.SIGTERM
        assert shown.screen.cursor_shown
        assert shown.echoes
    assert home.json("ps")["runs"][0]["state"] == "running"


@pytest.mark.parametrize(
    ("script", "dialogue"),
    [
        ("python3 -c 'print(input(\"more> \")[::-1])'", [("more>", "abc\r"), ("cba", "")]),
        (
            'sh -c \'printf "package name: "; read n; printf "version: (1.0.0) "; read v;'
            " echo $n@${v:-1.0.0}'",
            [("package name:", "flow\r"), ("version:", "\r"), ("flow@1.0.0", "")],
        ),
    ],
)
def test_programs_that_ask(home: FlowHome, script: str, dialogue: list[tuple[str, str]]) -> None:
    steps = f"  - id: a\n    tty: true\n    run: |\n      {script}\n"
    with terminal(home, "run", home.workflow(steps)) as shown:
        for wanted, keys in dialogue:
            shown.wait_for(wanted)
            shown.type(keys)
        assert shown.wait() == 0


def test_without_a_terminal_lines_say_how_to_type(home: FlowHome) -> None:
    file = home.workflow(
        "  - {id: a, tty: true, run: 'test -t 1 && echo -n \"go? \"; read -r x'}\n"
    )
    run = home.out("run", file, "--detach").strip()
    with terminal(home, "attach", run) as shown:
        shown.wait_for("go?")
        hint = f"on a terminal, type there with: flowctl attach {run}"
        assert f"{run} runs a {hint}" in home.out("ps")
        assert hint in home.out("show", run)
        shown.type("yes\r")
        assert shown.wait() == 0
    lines = home.out("attach", run).splitlines()
    assert f"a is {hint}" in lines
    assert "a | go? yes" in lines


def test_attaching_from_a_position_finds_the_terminal_too(home: FlowHome) -> None:
    run = begun(home, ASK)
    with terminal(home, "attach", run) as shown:
        shown.wait_for("name?")
        shown.type("\x1dd")
        shown.wait()
    newest = home.json("show", run)["position"]
    with terminal(home, "attach", run, "--from", str(newest)) as shown:
        shown.wait_for("name?")
        shown.type("eve\r")
        shown.wait_for("word?")
        shown.type("\r")
        assert shown.wait() == 0
