"""Workflow files with `for_each`: what is accepted, and every mistake with its cure."""

import pytest

from flowd.domain.expressions import loops_within_loops, steps_whose_stdout_is_read
from flowd.domain.parse import parse_workflow, problems_in, to_object, to_yaml, workflow_from_object

HEAD = "flow: 1\nname: demo\n"


def each(*lines: str, head: str = "") -> str:
    """A workflow whose second step has these lines, after one that finds something."""
    more = "".join(f"    {line}\n" for line in lines)
    return HEAD + head + f"steps:\n  - id: find\n    run: ls\n  - id: b\n    run: echo\n{more}"


def test_items_are_text_as_it_is_written():
    step = parse_workflow(each("for_each: [3.10, 007, true, a b, '']")).steps[1]
    assert step.for_each == ["3.10", "007", "true", "a b", ""]
    assert step.parallel == 1


def test_it_is_written_and_read_again():
    text = each("for_each: [a, b]", "as: target", "parallel: 4")
    workflow = parse_workflow(text)
    assert parse_workflow(to_yaml(workflow)) == workflow
    assert workflow_from_object(to_object(workflow)) == workflow
    assert to_object(workflow)["steps"][1]["as"] == "target"


@pytest.mark.parametrize(
    "expression",
    [
        "steps.find.stdout",
        "steps.find.outputs.list",
        "inputs.targets",
        "['a', inputs.targets]",
        "steps.find.outputs.list == '' ? [] : ['x']",
    ],
)
def test_an_expression_gives_the_items(expression):
    head = "inputs: {targets: {type: string}}\n"
    assert problems_in(each(f'for_each: "{expression}"', head=head)) == []


@pytest.mark.parametrize(
    ("lines", "said", "cure"),
    [
        (["for_each: a b c"], "not a valid condition", "write a list, such as [a, b]"),
        (["for_each: steps.fnd.stdout"], "no step is called 'fnd'", "'find'"),
        (["for_each: steps.find.items"], "a step without `for_each` has no 'items'", ""),
        (["for_each: steps.find.exit_code"], "neither a list nor text", "steps.find.stdout"),
        (["for_each: steps.b.stdout"], "asks about itself", "earlier"),
        (["for_each: {a: 1}"], "must be a list or text", ""),
        (["for_each: [[a]]"], "this item must be text", ""),
        (['for_each: ""'], "`for_each` is empty", "write a list"),
        (["parallel: 3"], "there is no `for_each`", "remove `parallel`"),
        (["as: x"], "there is no `for_each`", "remove `as`"),
        (["for_each: [a]", "parallel: 0"], "'parallel' is 0", "at least 1"),
        (["for_each: [a]", "parallel: 1001"], "'parallel' is 1001", "at most 1000"),
        (["for_each: [a]", "tty: true"], "on a terminal", "remove `tty`"),
        (["for_each: [a]", "finally: true"], "runs once", "ordinary step"),
        (["for_each: [a]", "as: PATH"], "means something to the shell", "choose another"),
        (["for_each: [a]", "as: LD_PRELOAD"], "means something to the shell", ""),
        (["for_each: [a]", "as: FLOW_OUTPUT"], "means something to the shell", ""),
        (["for_each: [a]", "as: given"], "'given' is an input, too", "another name"),
        (["for_each: [a]", "env: {FLOW_ITEM: x}"], "what `env` says is never seen", "remove it"),
        (["for_each: [a]", "confirm: 'Do ${FLOW_ITEM}?'"], "neither an input nor", ""),
        (["for_each: [" + "a, " * 1001 + "]"], "1,001 items: at most 1,000", ""),
        (["for_each: [" + "a" * 65_537 + "]"], "item 0 is larger than 65,536 bytes", ""),
        (["for_each: ['a\0b']"], "", ""),
    ],
)
def test_a_mistake_is_told_with_its_cure(lines, said, cure):
    text = each(*lines, head="inputs: {given: {type: string}}\n")
    found = [p for p in problems_in(text) if p.severity == "error"]
    assert found
    assert said in found[0].message
    assert cure in found[0].fix


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("/etc/passwd", "not within the step's folder"),
        ("~/x", "not within the step's folder"),
        ("a/../../x", "leads out of"),
        ("..", "leads out of"),
        ("''", "is empty"),
        ("$x/y", "hold no variables"),
        ("'**/a/**'", "has ** twice"),
        ("a" * 1025, "too long"),
    ],
)
def test_a_pattern_of_artifacts_stays_in_the_folder(pattern, said):
    (problem,) = problems_in(each(f"artifacts: [{pattern}]"))
    assert said in problem.message
    assert problem.path == "steps[1].artifacts[0]"


def test_patterns_of_artifacts_are_read_and_written():
    workflow = parse_workflow(each("artifacts: [dist/*.whl, '**/junit.xml', 'a..b']"))
    assert workflow.steps[1].artifacts == ["dist/*.whl", "**/junit.xml", "a..b"]
    assert parse_workflow(to_yaml(workflow)) == workflow


def test_an_empty_list_is_doubtful():
    (problem,) = problems_in(each("for_each: []"))
    assert problem.severity == "warning"


def test_facts_of_items_are_known():
    steps = (
        "steps:\n  - {id: a, run: ls, for_each: [x]}\n"
        "  - {id: b, run: ls, if: 'steps.a.items.all(i, i.outputs.k == \"\")'}\n"
        "  - {id: c, run: ls, if: 'steps.a.items[0].exit_code == 0 && size(steps.a.items) > 1'}\n"
    )
    assert problems_in(HEAD + steps) == []


def test_a_loop_over_items_within_a_loop_is_refused():
    nested = "steps.a.items.all(i, steps.a.items.exists(j, j.item == i.item))"
    steps = (
        f"steps:\n  - {{id: a, run: ls, for_each: [x]}}\n  - {{id: b, run: ls, if: '{nested}'}}\n"
    )
    (problem,) = problems_in(HEAD + steps)
    assert "within a loop" in problem.message
    assert loops_within_loops(nested)
    assert not loops_within_loops("steps.a.items.filter(i, (i.x)).map(i, i.x)")


def test_output_of_items_is_kept_where_it_is_read():
    assert steps_whose_stdout_is_read("steps.a.items.map(i, i.stdout)") == {"a"}
    assert steps_whose_stdout_is_read("steps.a.items.map(i, i.item)") == set()
