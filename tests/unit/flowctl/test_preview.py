"""A preview shows every script and its undo, with what the judge says at the place it is about."""

from flowctl.preview import overall_reversibility, script_lines, workflow_lines
from flowproto.check import CheckResult, FindingRow, StepPreview
from support.recorded_runs import FixedConsole


def finding(start: int, end: int, message: str = "told", **more: str) -> FindingRow:
    return FindingRow(rule="rule", verdict="confirm", message=message, span=(start, end), **more)


def test_a_span_is_underlined_below_its_line() -> None:
    script = "ls\nrm -rf build\necho done"
    lines = script_lines(script, [finding(3, 9, safer="rm -r build")], FixedConsole(80, 24))
    assert lines == [
        "ls",
        "rm -rf build",
        "~~~~~~",
        "confirm: told [rule]",
        "safer: rm -r build",
        "echo done",
    ]


def test_what_is_beyond_the_edge_is_shown_with_its_part_of_the_line() -> None:
    script = "echo " + "a" * 100 + "; rm -rf /; echo " + "b" * 100
    at = script.index("rm")
    first, part, under, *_ = script_lines(script, [finding(at, at + 8)], FixedConsole(80, 24))
    assert first.startswith("echo aaa")
    assert part.startswith("…aaa")
    assert part[under.index("~") :].startswith("rm -rf /; echo bbb")
    assert under.strip() == "~" * 8


def test_the_underline_counts_columns_not_characters() -> None:
    lines = script_lines("echo 漢字\t; rm x", [finding(10, 14)], FixedConsole(80, 24))
    column = lines[0].index("rm") + 2  # two wide characters before it
    assert lines[1] == " " * column + "~~~~"


def test_a_finding_on_a_far_line_is_shown_although_the_script_is_cut() -> None:
    script = "\n".join(f"echo {number}" for number in range(60))
    at = script.index("echo 55")
    lines = script_lines(script, [finding(at, at + 7)], FixedConsole(80, 24))
    assert lines[40:43] == ["echo 55", "~~~~~~~", "confirm: told [rule]"]
    assert lines[-1] == "… 20 more lines"


def test_a_finding_without_a_place_comes_last() -> None:
    lines = script_lines("echo", [finding(4, 4, "undo: told")], FixedConsole(80, 24))
    assert lines == ["echo", "confirm: undo: told [rule]"]


def test_scripts_cannot_hide_anything_in_the_preview() -> None:
    lines = script_lines("echo a\rrm -rf /\x1b[8m", [], FixedConsole(80, 24, colour=True))
    assert lines == ["echo a^Mrm -rf /"]


def test_reversibility_in_words() -> None:
    assert overall_reversibility(["reversible", "reversible"]) == "changes nothing"
    assert overall_reversibility(["reversible", "compensable"]) == "can be undone"
    assert overall_reversibility(["reversible", "saved"]) == "can be undone"
    assert overall_reversibility(["irreversible", "compensable"]) == "cannot be undone completely"


def test_a_whole_workflow() -> None:
    workflow = {
        "name": "release",
        "inputs": {"version": {"description": "which one"}, "dry": {"default": True}},
        "steps": [
            {"id": "tag", "run": 'git tag "$version"', "undo": {"run": "git tag -d\necho gone"}},
            {"id": "push", "run": "git push", "needs": ["tag"], "confirm": "Push?"},
        ],
    }
    checked = CheckResult(
        verdict="confirm",
        findings=[
            FindingRow(rule="r", verdict="confirm", message="sends", span=(0, 8), step="push")
        ],
        steps=[
            StepPreview(id="tag", verdict="allow", reversibility="compensable"),
            StepPreview(id="push", verdict="confirm", reversibility="irreversible"),
        ],
    )
    assert workflow_lines(workflow, checked, FixedConsole(80, 24)) == [
        "release  2 steps, cannot be undone completely, confirm",
        "    input version  which one",
        "    input dry = True",
        "  1 tag  allow  compensable",
        '      git tag "$version"',
        "      undo: git tag -d",
        "            echo gone",
        "  2 push  confirm  irreversible",
        "      after: tag",
        "      asks: Push?",
        "      git push",
        "      ~~~~~~~~",
        "      confirm: sends [r]",
    ]
