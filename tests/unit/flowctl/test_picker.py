"""The list of suggestions says what each of them would run."""

import pytest

from flowctl.picker import print_list
from flowproto.suggest import SuggestionRow, SuggestResult
from support.recorded_runs import FixedConsole

LONG = "grep -r " + "x" * 100


def answer(*scripts: list[str]) -> SuggestResult:
    rows = [
        SuggestionRow(
            id=f"s{number}",
            title="Look",
            provider="offline",
            score=0.5,
            verdict="allow",
            workflow={"steps": [{"id": f"a{at}", "run": run} for at, run in enumerate(steps)]},
            reversibility={"a0": "reversible"},
        )
        for number, steps in enumerate(scripts, 1)
    ]
    return SuggestResult(task="look", suggestions=rows, providers=[], elapsed_ms=1)


def test_below_each_suggestion_stands_what_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    print_list(answer(["ls -l"], ["make\nmake test\n", "echo \x1b[8mhidden"]), FixedConsole(80, 24))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[1] == "   ls -l"
    assert lines[3].startswith("   make … → echo ")
    assert "\x1b" not in lines[3]


def test_only_a_terminal_cuts_it(capsys: pytest.CaptureFixture[str]) -> None:
    console = FixedConsole(40, 24)
    print_list(answer([LONG]), console)
    assert len(capsys.readouterr().out.splitlines()[1]) == 40
    console.terminal = False
    print_list(answer([LONG]), console)
    assert capsys.readouterr().out.splitlines()[1] == f"   {LONG}"
