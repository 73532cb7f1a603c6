"""`flowctl explain` on commands and files, and `?` in the picker of suggestions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flow_home import FLOWCTL, FlowHome, borrowed, flow_home
from support.terminal import Terminal

PAGE = """\
.TH FROB 1
.SH NAME
frob \\- frobs files
.SH OPTIONS
.TP
.BR \\-a \", \" \\-\\-all
Frob all of them.
.TP
.BR \\-o \", \" \\-\\-out =\\fIFILE\\fR
Write to FILE.
"""
PRINTED = """\
  frob -ao x *.c | strange -q
  ──── ━━─── ━━━ ─ ━━━━━━━ ──

  Runs frob (frobs files), then from that runs strange.

  frob     frobs files  frob(1)
  -a       Frob all of them.
  -o x     Write to FILE.
  *.c      every file whose name matches
  |        passes what the command before prints on to the next one
  strange  no manual here says what this is
  -q       no manual here says what this is

  allow, not reversible
    does what nobody can tell from here: frob, strange
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowHome]:
    with flow_home(tmp_path_factory.mktemp("flow")) as made:
        usr = made.folder / "usr"
        (usr / "share/man/man1").mkdir(parents=True)
        (usr / "share/man/man1/frob.1").write_text(PAGE)
        (usr / "bin").mkdir()
        (usr / "bin/frob").write_text("#!/bin/sh\nexit 1\n")
        (usr / "bin/frob").chmod(0o755)
        made.environment["PATH"] = f"{usr / 'bin'}:{made.environment['PATH']}"
        yield made


@pytest.fixture
def home(shared: FlowHome, tmp_path: Path) -> Iterator[FlowHome]:
    with borrowed(shared, tmp_path) as lent:
        yield lent


def test_a_command_part_by_part(home: FlowHome) -> None:
    command = "frob -ao x *.c | strange -q"
    assert home.out("explain", command) == PRINTED
    assert home.out("explain", "--", *command.split()) == PRINTED
    answer = home.json("explain", command)
    assert answer["scripts"][0]["commands"][0]["source"] == "frob(1)"


def test_files(home: FlowHome) -> None:
    steps = "  - {id: a, run: frob --all x, undo: rm x}\n"
    file = home.workflow(steps, name="tidy")
    text = home.out("explain", file)
    assert text.startswith("tidy\n\na\n  frob --all x\n")
    assert "\na, undo\n  rm x\n  ── ━\n\n  Deletes x.\n" in text
    content = (home.project / file).read_text()
    assert home.out("explain", "-", input=content) == text
    (home.project / "go.sh").write_text("frob -a\nrm b\n")
    assert "Runs frob (frobs files), then deletes b." in home.out("explain", "go.sh")
    assert home.flowctl("explain", "none.flow.yaml").returncode == 6


def test_what_makes_no_sense(home: FlowHome) -> None:
    assert home.flowctl("explain").returncode == 2
    assert home.flowctl("explain", "ls", "--suggestion", "sabcd").returncode == 2
    assert home.flowctl("explain", "--suggestion", "sabcd").returncode == 6


def test_blocked_is_explained_all_the_same(home: FlowHome) -> None:
    text = home.out("explain", "rm -rf /")
    assert "Deletes / with all that is in it without asking." in text
    assert "\n  block\n    block: Deletes the whole machine (/)." in text


def test_the_picker_explains_the_selected_suggestion(home: FlowHome) -> None:
    words = [FLOWCTL, "suggest", "show disk usage of this folder"]
    where = {"cwd": home.project, "environment": home.environment}
    with Terminal(words, columns=100, **where) as shown:
        shown.wait_for("[q]uit ›")
        shown.type("?\n")
        shown.wait_for("gives it a score of")
        shown.wait_for("how much room")
        shown.type("q\n")
        assert shown.wait() == 0
