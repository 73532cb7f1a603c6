"""What the Neovim plugin writes for each event, without a daemon."""

from collections.abc import Iterator
from typing import Any

import pytest

from flowproto.events import WireEvent
from support.nvim import Neovim, find_neovim, neovim

pytestmark = pytest.mark.skipif(find_neovim() is None, reason="Neovim is not installed")

COMMON = {
    "files": 3,
    "position": 1,
    "run": "r1",
    "at": 0,
    "name": "release",
    "cwd": "/work",
    "steps": ["tag", "push"],
    "inputs": {},
    "step": "tag",
    "attempt": 1,
    "kind": "run",
    "stream": "stdout",
    "text": "done\n",
    "outcome": "failed",
    "exit_code": 3,
    "duration_ms": 1500,
    "delay_ms": 500,
    "reason": "because",
    "about": "approval",
    "question": "Really?",
    "answers": ["yes", "no"],
    "answer": "yes",
    "by": "me",
    "cause": "failure",
    "state": "failed",
}
TYPES = sorted(str(kind.__struct_config__.tag) for kind in WireEvent.__args__)


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neovim]:
    with neovim(tmp_path_factory.mktemp("nvim"), {}) as running:
        yield running


def lines_of(editor: Neovim, *events: dict[str, Any]) -> list[str]:
    code = """
      local lines, unfinished = {}, {}
      for _, event in ipairs(...) do
        vim.list_extend(lines, require("flow.transcript").lines(event, unfinished))
      end
      return lines
    """
    return list(editor.lua(code, [{**COMMON, **event} for event in events]))


def output(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "step_output", "text": text, **fields}


@pytest.mark.parametrize("kind", TYPES)
def test_every_event_of_the_protocol_is_told(editor: Neovim, kind: str) -> None:
    assert lines_of(editor, {"type": kind})


def test_an_unknown_event_is_passed_over(editor: Neovim) -> None:
    assert lines_of(editor, {"type": "from_the_future"}) == []


def test_a_run_reads_like_this(editor: Neovim) -> None:
    assert lines_of(
        editor,
        {"type": "run_started"},
        {"type": "step_started"},
        output("one\ntwo\n"),
        {"type": "step_finished", "outcome": "succeeded", "exit_code": 0},
        {"type": "step_started", "step": "push", "attempt": 2},
        {"type": "step_finished", "step": "push"},
        {"type": "run_finished"},
    ) == [
        "release  r1  in /work",
        "● tag",
        "tag │ one",
        "tag │ two",
        "✓ tag  1.50s",
        "● push  attempt 2",
        "✗ push  failed, exit 3, because, 1.50s",
        "■ failed",
    ]


def test_a_line_that_comes_in_pieces_is_one_line(editor: Neovim) -> None:
    assert lines_of(editor, output("he"), output("llo\nwor"), output("ld\n")) == [
        "tag │ hello",
        "tag │ world",
    ]


def test_pieces_of_two_streams_and_two_steps_do_not_mix(editor: Neovim) -> None:
    assert lines_of(
        editor,
        output("a"),
        output("b", stream="stderr"),
        output("c", step="push"),
        output("1\n"),
        output("2\n", stream="stderr"),
        output("3\n", step="push"),
    ) == ["tag │ a1", "tag │ b2", "push │ c3"]


def test_a_last_line_without_a_newline_is_not_lost(editor: Neovim) -> None:
    told = lines_of(editor, output("no newline"), {"type": "step_finished"})
    assert told[0] == "tag │ no newline"


def test_colours_and_progress_bars_are_taken_out(editor: Neovim) -> None:
    assert lines_of(
        editor,
        output("\x1b[1;32mgreen\x1b[0m\n"),
        output("10%\r50%\r100%\n"),
        output("dos\r\n"),
        output("\x1b]8;;http://x\x07link\x1b]8;;\x07\n"),
        output("nul\x00bell\x07\n"),
    ) == ["tag │ green", "tag │ 100%", "tag │ dos", "tag │ link", "tag │ nul�bell�"]


def test_output_that_was_left_out_is_said(editor: Neovim) -> None:
    assert lines_of(editor, output("end\n", skipped=70)) == [
        "tag │ … 70 bytes left out",
        "tag │ end",
    ]


@pytest.mark.parametrize(
    ("outcome", "code", "told"),
    [
        ("succeeded", 0, "it did"),
        ("failed", 1, "it did not"),
        ("failed", 127, "its check could not tell"),
        ("failed", None, "its check could not tell"),
        ("timed_out", 143, "its check could not tell"),
    ],
)
def test_a_check_that_could_not_tell_does_not_say_that_nothing_was_done(
    editor: Neovim, outcome: str, code: int | None, told: str
) -> None:
    event = {"type": "check_finished", "outcome": outcome, "exit_code": code}
    [line] = lines_of(editor, event)
    assert line.endswith(told)
