"""The plugin in a real Neovim, against a real daemon."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowd.domain.parse import parse_workflow
from support.nvim import PLUGIN, Neovim, find_neovim, neovim
from support.real_daemon import BIN, RealDaemon, real_daemon

pytestmark = pytest.mark.skipif(find_neovim() is None, reason="Neovim is not installed")

FLOWD = str(BIN / "flowd")

# Menus and prompts are answered from lists, and what they asked is kept.
ANSWERS = """
asked, choices, replies = {}, {}, {}
vim.ui.select = function(items, options, on_choice)
  local shown = vim.tbl_map(options.format_item or tostring, items)
  table.insert(asked, { options.prompt, shown })
  local wanted = table.remove(choices, 1)
  for index, text in ipairs(shown) do
    if wanted and text:find(wanted, 1, true) then
      return on_choice(items[index], index)
    end
  end
  on_choice(nil)
end
vim.ui.input = function(options, on_reply)
  table.insert(asked, { options.prompt, {} })
  on_reply(table.remove(replies, 1))
end
"""
SETUP = f"{ANSWERS}\nrequire('flow').setup({{ cmd = {{ {FLOWD!r}, '--stdio' }} }})"

RELEASE = """\
flow: 1
name: release
steps:
  - id: build
    run: echo building; touch wheel
    undo: rm wheel
  - id: check
    run: test -e wheel
"""
GATED = """\
flow: 1
name: gated
steps:
  - id: wait
    run: |
      echo waiting
      while [ ! -e go ]; do sleep 0.05; done
      echo "went on" | tee -a ledger
"""


@pytest.fixture(scope="module")
def shared_daemon() -> Iterator[RealDaemon]:
    # A short path: it holds a socket.
    with tempfile.TemporaryDirectory(prefix="flow-") as home, real_daemon(Path(home)) as running:
        yield running


@pytest.fixture
def daemon(shared_daemon: RealDaemon) -> RealDaemon:
    """A daemon that is up, whatever the test before did to it."""
    assert shared_daemon.process is not None
    if shared_daemon.process.poll() is not None:
        shared_daemon.start()
    return shared_daemon


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The folder Neovim is in."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def editor(daemon: RealDaemon, tmp_path: Path, work: Path) -> Iterator[Neovim]:
    with neovim(tmp_path, {"FLOW_HOME": str(daemon.home)}, SETUP) as running:
        running.command(f"cd {work}")
        yield running


def edit(editor: Neovim, path: Path, text: str) -> None:
    path.write_text(text)
    editor.command(f"edit {path}")


def wait_for_line(editor: Neovim, text: str) -> None:
    """Wait until a line of the current buffer holds the text."""
    lines = "vim.api.nvim_buf_get_lines(0, 0, -1, false)"
    editor.wait(f"table.concat({lines}, '\\n'):find([==[{text}]==], 1, true) ~= nil")


def asked(editor: Neovim) -> list[tuple[str, list[str]]]:
    return [(prompt, list(shown)) for prompt, shown in editor.lua("return asked")]


def test_mistakes_are_marked_while_they_are_there(editor: Neovim, work: Path) -> None:
    edit(editor, work / "a.flow.yaml", "flow: 1\nname: a\nsteps:\n  - id: one\n    rnu: 'true'\n")
    editor.wait("#vim.diagnostic.get(0) > 0")
    marked = editor.lua("return vim.diagnostic.get(0)")
    assert any("rnu" in mark["message"] and mark["lnum"] == 4 for mark in marked)
    editor.command("%s/rnu/run/")
    editor.wait("#vim.diagnostic.get(0) == 0")


def test_a_mistake_is_put_right_from_anywhere_in_its_line(editor: Neovim, work: Path) -> None:
    edit(editor, work / "a.flow.yaml", "flow: 1\nname: a\nsteps:\n  - id: one\n    rnu: 'true'\n")
    editor.wait("#vim.diagnostic.get(0) > 0")
    editor.command("normal! 5G$")
    editor.lua("vim.lsp.buf.code_action({ apply = true, context = { only = { 'quickfix' } } })")
    wait_for_line(editor, "    run: 'true'")
    editor.wait("#vim.diagnostic.get(0) == 0")


def wait_for_workflow(editor: Neovim) -> None:
    """Wait until a suggested workflow is what the user sees."""
    editor.wait("vim.api.nvim_buf_get_name(0):match('%.flow%.yaml$') ~= nil")
    wait_for_line(editor, "flow: 1")


def test_a_line_becomes_a_workflow_to_read(editor: Neovim, work: Path) -> None:
    edit(editor, work / "notes.txt", "buy milk\n# TODO: show the biggest files in this folder\n")
    editor.command("2")
    editor.lua("choices = { 'files' }")
    editor.command("Flow suggest")
    wait_for_workflow(editor)
    [(prompt, shown)] = asked(editor)
    assert prompt == "Open which workflow? Nothing is run."
    assert all("  │ " in line for line in shown), "what the steps run is in the menu"
    assert not (work / ".flow").exists(), "nothing is written before the user saves"
    editor.command("write")
    editor.wait("#vim.lsp.get_clients({ bufnr = 0 }) == 1")
    [written] = (work / ".flow").iterdir()
    assert parse_workflow(written.read_text()).steps


def test_a_task_is_given_in_words(editor: Neovim) -> None:
    editor.lua("choices = { 'files' }")
    editor.command("Flow suggest show the biggest files in this folder")
    wait_for_workflow(editor)


def test_a_selection_becomes_a_workflow(editor: Neovim, work: Path) -> None:
    edit(editor, work / "notes.txt", "show the biggest files\nin this folder\nbuy milk\n")
    editor.lua("choices = { 'files' }")
    editor.command("1,2Flow suggest")
    wait_for_workflow(editor)


@pytest.mark.parametrize("choices", [["Flow: "], ["Suggest workflow", "files"]])
def test_what_a_code_action_makes_is_shown(editor: Neovim, work: Path, choices: list[str]) -> None:
    edit(editor, work / "notes.txt", "show the biggest files in this folder\n")
    editor.wait("#vim.lsp.get_clients({ bufnr = 0 }) == 1")
    editor.lua("choices = ...", choices)
    editor.lua("vim.lsp.buf.code_action()")
    wait_for_workflow(editor)


def lenses_shown(editor: Neovim) -> str:
    """Wait for the lenses of the current buffer, as they are drawn at the end of a line."""
    marks = "vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true, type = 'virt_text' })"
    editor.wait(f"#{marks} > 0")
    pieces = editor.lua(f"return {marks}[1][4].virt_text")
    return "".join(text for text, _ in pieces)


def test_the_lens_runs_what_is_on_the_screen(editor: Neovim, work: Path) -> None:
    inputs = "inputs: {who: {}}"
    text = f"flow: 1\nname: greet\n{inputs}\nsteps: [{{id: hi, run: echo hello $who}}]\n"
    edit(editor, work / "greet.flow.yaml", text)
    assert lenses_shown(editor) == "Run | Undo | Check"
    editor.command("%s/hello/goodbye/")
    editor.command("1")
    editor.lua("choices, replies = { 'Run' }, { 'you' }")
    editor.lua("vim.lsp.codelens.run()")
    wait_for_line(editor, "■ succeeded")
    assert "hi │ goodbye you" in editor.text()
    editor.command("wincmd p")
    assert lenses_shown(editor) == "Run | Undo | Check"


def test_the_lens_undoes_after_showing_how(editor: Neovim, work: Path) -> None:
    test_a_run_is_followed_to_its_end(editor, work)
    editor.command("quit")
    editor.command("1")
    lenses_shown(editor)
    editor.lua("asked, choices = {}, { 'Undo', 'Undo' }")
    editor.lua("vim.lsp.codelens.run()")
    wait_for_line(editor, "■ compensated")
    assert "This runs build: rm wheel" in asked(editor)[1][0]
    assert not (work / "wheel").exists()


def test_a_run_is_followed_to_its_end(editor: Neovim, work: Path) -> None:
    edit(editor, work / "release.flow.yaml", RELEASE)
    editor.command("Flow run")
    wait_for_line(editor, "■ succeeded")
    told = editor.text()
    assert told[0].startswith("release  ")
    assert told[0].endswith(f"in {work}")
    assert [line.split("  ")[0] for line in told[1:]] == [
        "● build",
        "build │ building",
        "✓ build",
        "● check",
        "✓ check",
        "■ succeeded",
    ]
    assert editor.lua("return vim.b.flow_state") == "succeeded"
    assert (work / "wheel").exists()


def test_what_is_on_the_screen_is_run(editor: Neovim, work: Path) -> None:
    edit(editor, work / "release.flow.yaml", RELEASE)
    editor.command("%s/building/changed but not saved/")
    editor.command("Flow run")
    wait_for_line(editor, "■ succeeded")
    assert "build │ changed but not saved" in editor.text()


def test_a_file_is_run_by_its_name_with_inputs(editor: Neovim, work: Path) -> None:
    (work / "greet.flow.yaml").write_text(
        "flow: 1\nname: greet\ninputs: {who: {}}\nsteps: [{id: hi, run: echo hello $who}]\n"
    )
    editor.command("Flow run greet.flow.yaml who=you")
    wait_for_line(editor, "■ succeeded")
    assert "hi │ hello you" in editor.text()


def test_missing_inputs_are_asked_for(editor: Neovim, work: Path) -> None:
    inputs = "inputs: {greeting: {}, who: {}}"
    (work / "greet.flow.yaml").write_text(
        f"flow: 1\nname: greet\n{inputs}\nsteps: [{{id: hi, run: echo $greeting $who}}]\n"
    )
    editor.lua("replies = { 'bonjour', 'monde' }")
    editor.command("Flow run greet.flow.yaml")
    wait_for_line(editor, "■ succeeded")
    assert "hi │ bonjour monde" in editor.text()
    assert [prompt for prompt, _ in asked(editor)] == ["greeting: ", "who: "]


def test_a_question_is_put_and_the_answer_taken(editor: Neovim, work: Path) -> None:
    edit(
        editor,
        work / "ask.flow.yaml",
        "flow: 1\nname: ask\nsteps: [{id: push, confirm: Push it?, run: echo pushed}]\n",
    )
    editor.lua("vim.notify = function(text) notified = text end")
    editor.lua("choices = { 'yes' }")
    editor.command("Flow run")
    wait_for_line(editor, "■ succeeded")
    assert editor.lua("return notified") is None, "who was asked need not be told of the question"
    assert asked(editor) == [("push: Push it?", ["yes", "no", "skip"])]
    assert "push │ pushed" in editor.text()


def test_a_question_left_open_can_be_answered_later(editor: Neovim, work: Path) -> None:
    edit(
        editor,
        work / "ask.flow.yaml",
        "flow: 1\nname: ask\nsteps: [{id: push, confirm: Push it?, run: echo pushed}]\n",
    )
    editor.command("Flow run")
    wait_for_line(editor, "Push it?")
    editor.wait("#asked == 1")
    editor.lua("choices = { 'yes' }")
    editor.command("Flow answer")
    wait_for_line(editor, "■ succeeded")


def test_who_types_elsewhere_is_not_asked(editor: Neovim, work: Path) -> None:
    edit(
        editor,
        work / "ask.flow.yaml",
        GATED + "  - {id: push, confirm: Push it?, run: echo pushed}\n",
    )
    editor.lua("vim.notify = function(text) notified = text end")
    editor.lua("choices = { 'yes' }")
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    editor.command("wincmd p")
    (work / "go").touch()
    editor.wait("notified == 'Flow: push asks: Push it?'")
    assert asked(editor) == []
    editor.command("wincmd p")
    wait_for_line(editor, "■ succeeded")


def test_a_step_on_a_terminal_says_how_to_reach_it(editor: Neovim, work: Path) -> None:
    edit(
        editor,
        work / "tty.flow.yaml",
        GATED + "  - {id: login, run: tty, tty: true}\n",
    )
    editor.lua("vim.notify = function(text) notified = text end")
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    (work / "go").touch()
    wait_for_line(editor, "■ succeeded")
    how = f":terminal flowctl attach {editor.lua('return vim.b.flow_run')}"
    assert f"  login  is on a terminal, type there with  {how}" in editor.text()
    assert editor.lua("return notified") == f"Flow: login is on a terminal: {how}"


def test_old_questions_are_not_asked_again(editor: Neovim, work: Path) -> None:
    test_a_question_is_put_and_the_answer_taken(editor, work)
    run = editor.lua("return vim.b.flow_run")
    editor.command("quit")
    editor.command(f"Flow attach {run}")
    wait_for_line(editor, "■ succeeded")
    assert len(asked(editor)) == 1


def test_a_run_is_cancelled(editor: Neovim, work: Path) -> None:
    edit(editor, work / "gated.flow.yaml", GATED)
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    editor.command("Flow cancel")
    wait_for_line(editor, "■ cancelled")


def test_a_finished_run_is_undone_after_showing_how(editor: Neovim, work: Path) -> None:
    test_a_run_is_followed_to_its_end(editor, work)
    editor.lua("choices = { 'undo' }")
    editor.command("Flow undo")
    wait_for_line(editor, "■ compensated")
    [(prompt, _)] = asked(editor)
    assert prompt.splitlines()[0].startswith("Undo release (")
    assert prompt.splitlines()[1:] == ["build: rm wheel"]
    assert not (work / "wheel").exists()


def test_nothing_is_undone_without_a_yes(editor: Neovim, work: Path) -> None:
    test_a_run_is_followed_to_its_end(editor, work)
    editor.lua("choices = { 'leave it' }")
    editor.command("Flow undo")
    editor.wait("#asked == 1")
    assert (work / "wheel").exists()


def test_runs_are_listed_and_one_is_picked(editor: Neovim, work: Path) -> None:
    test_a_run_is_followed_to_its_end(editor, work)
    run = editor.lua("return vim.b.flow_run")
    editor.command("quit")
    editor.command("Flow ps")
    editor.wait("vim.bo.filetype == 'flowruns'")
    windows = editor.lua("return #vim.api.nvim_list_wins()")
    editor.command("Flow ps")
    wait_for_line(editor, f"{run}  succeeded  release  2/2")
    assert editor.lua("return #vim.api.nvim_list_wins()") == windows, "there is one list"
    assert editor.lua("return vim.fn.search(..., 'cw')", run)
    editor.command("normal \r")
    wait_for_line(editor, "■ succeeded")


def test_a_list_that_comes_anew_leaves_cursor_and_window_alone(editor: Neovim, work: Path) -> None:
    edit(editor, work / "gated.flow.yaml", GATED)
    editor.lua("require('flow.view').list({ 'aaaaaaaaaa  one', 'bbbbbbbbbb  two' })")
    editor.command("normal G")
    editor.lua(
        "require('flow.view').list({ 'cccccccccc  new', 'aaaaaaaaaa  one', 'bbbbbbbbbb  two' })"
    )
    assert editor.lua("return vim.api.nvim_get_current_line()") == "bbbbbbbbbb  two"
    editor.command("wincmd p")
    editor.lua("require('flow.view').list({ 'bbbbbbbbbb  two' })")
    assert editor.lua("return vim.bo.filetype") != "flowruns", "an answer moves nobody"
    editor.lua("require('flow.view').go_to_list()")
    assert editor.text() == ["bbbbbbbbbb  two"]


def test_without_a_name_the_user_is_asked_which_run(editor: Neovim, work: Path) -> None:
    edit(editor, work / "gated.flow.yaml", GATED)
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    editor.command("quit")
    editor.lua("choices = { 'gated' }")
    editor.command("Flow attach")
    wait_for_line(editor, "wait │ waiting")
    (work / "go").touch()
    wait_for_line(editor, "■ succeeded")


def test_a_run_is_followed_across_a_killed_daemon(
    editor: Neovim, daemon: RealDaemon, work: Path
) -> None:
    edit(editor, work / "gated.flow.yaml", GATED)
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    daemon.kill()
    daemon.start()
    (work / "go").touch()
    wait_for_line(editor, "■ succeeded")
    told = editor.text()
    assert told.count("wait │ waiting") == 1
    assert told.count("wait │ went on") == 1
    assert (work / "ledger").read_text() == "went on\n"


def test_marks_come_back_after_a_killed_daemon(
    editor: Neovim, daemon: RealDaemon, work: Path
) -> None:
    edit(editor, work / "a.flow.yaml", "flow: 1\nname: a\nsteps: []\n")
    editor.wait("#vim.diagnostic.get(0) > 0")
    daemon.kill()
    editor.wait("#vim.lsp.get_clients({ name = 'flow' }) == 0")
    daemon.start()
    editor.command("Flow ps")
    editor.wait("vim.bo.filetype == 'flowruns'")
    editor.command("quit")
    editor.wait("#vim.diagnostic.get(0) > 0")


def test_closing_the_window_ends_the_following_and_not_the_run(editor: Neovim, work: Path) -> None:
    edit(editor, work / "gated.flow.yaml", GATED)
    editor.command("Flow run")
    wait_for_line(editor, "wait │ waiting")
    run = editor.lua("return vim.b.flow_run")
    editor.command("quit")
    (work / "go").touch()
    editor.command(f"Flow attach {run}")
    wait_for_line(editor, "■ succeeded")
    assert editor.text().count("wait │ waiting") == 1


def test_subcommands_runs_and_files_are_completed(editor: Neovim, work: Path) -> None:
    test_a_run_is_followed_to_its_end(editor, work)
    run = editor.lua("return vim.b.flow_run")

    def complete(line: str) -> list[str]:
        return list(editor.lua("return vim.fn.getcompletion(..., 'cmdline')", line))

    assert complete("Flow ") == ["answer", "attach", "cancel", "ps", "run", "suggest", "undo"]
    assert complete("Flow at") == ["attach"]
    assert complete(f"Flow attach {run[:4]}") == [run]
    assert complete("Flow run ") == ["release.flow.yaml"]


def test_a_refusal_is_shown_with_its_cure(editor: Neovim, work: Path) -> None:
    editor.lua("vim.notify = function(text) notified = text end")
    editor.command("Flow attach nosuchrun")
    editor.wait("notified ~= nil")
    assert "nosuchrun" in editor.lua("return notified")


def test_health_says_who_answers(editor: Neovim) -> None:
    editor.command("checkhealth flow")
    wait_for_line(editor, "answers, process")
    assert not [line for line in editor.text() if "ERROR" in line]


def test_health_says_what_is_missing(tmp_path: Path) -> None:
    setup = "require('flow').setup({ cmd = { '/no/such/flowd' } })"
    with neovim(tmp_path, {}, setup) as editor:
        editor.command("checkhealth flow")
        wait_for_line(editor, "/no/such/flowd is not on PATH")


def test_an_absent_daemon_is_told_once_and_not_with_every_file(tmp_path: Path) -> None:
    setup = """
      complaints = {}
      vim.notify = function(text) table.insert(complaints, text) end
      require('flow').setup({ cmd = { '/no/such/flowd' } })
    """
    with neovim(tmp_path, {}, setup) as editor:
        for name in ("a.txt", "b.txt"):
            edit(editor, tmp_path / name, "text\n")
        editor.wait("#complaints > 0")
        editor.command("Flow ps")
        editor.wait("#complaints > 1")
        assert (
            editor.lua("return complaints")
            == ["Flow: the daemon cannot be reached; :checkhealth flow"] * 2
        ), "one for all files, one for the command"


def test_the_daemon_is_reached_by_its_socket_too(
    daemon: RealDaemon, tmp_path: Path, work: Path
) -> None:
    setup = f"{ANSWERS}\nrequire('flow').setup({{ socket = {str(daemon.socket)!r} }})"
    with neovim(tmp_path, {}, setup) as editor:
        editor.command(f"cd {work}")
        test_a_run_is_followed_to_its_end(editor, work)


def test_every_subject_of_the_help_can_be_found(tmp_path: Path) -> None:
    copy = tmp_path / "plugin"
    shutil.copytree(PLUGIN, copy)
    with neovim(tmp_path, {}, f"vim.opt.runtimepath:prepend({str(copy)!r})") as editor:
        editor.command(f"helptags {copy / 'doc'}")
        subcommands = editor.lua("return require('flow.commands').complete('', 'Flow ')")
        for subcommand in subcommands:
            editor.command(f"help :Flow-{subcommand}")
