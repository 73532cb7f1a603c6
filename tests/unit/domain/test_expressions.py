"""Conditions: what they see, and how they fail."""

import subprocess
import sys
import time

import pytest

from flowd.domain.expressions import (
    Scope,
    evaluate,
    linear_match,
    references,
    steps_whose_stdout_is_read,
)
from flowd.errors import InvalidInput

SCOPE: Scope = {
    "steps": {
        "build": {
            "status": "succeeded",
            "exit_code": 0,
            "outputs": {"digest": "abc"},
            "stdout": "all good\n",
        },
        "clean-tree": {"status": "failed", "exit_code": 3, "outputs": {}, "stdout": ""},
        "later": {"status": "pending", "exit_code": None, "outputs": {}, "stdout": ""},
    },
    "inputs": {"version": "1.2.3", "count": 3, "dry": True},
    "env": {"CI": "1"},
}


@pytest.mark.parametrize(
    ("expression", "truth"),
    [
        ("steps.build.exit_code == 0", True),
        ('steps.build.status == "succeeded" && inputs.count > 2', True),
        ('steps["clean-tree"].exit_code == 3', True),
        ('steps.build.outputs.digest.startsWith("a")', True),
        ("has(steps.build.outputs.other)", False),
        ('steps.build.stdout.contains("good")', True),
        ("steps.later.exit_code == null", True),
        ("inputs.dry", True),
        ('env.CI == "1" && !has(env.HOME)', True),
        ('inputs.version.matches("^[0-9.]+$")', True),
        ("steps.exists(id, steps[id].exit_code == 3)", True),
        ('int(inputs.version.size()) == 5 || steps.nobody.status == ""', True),
    ],
)
def test_a_condition_sees_steps_inputs_and_env(expression: str, truth: bool) -> None:
    assert evaluate(expression, SCOPE) is truth


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("steps.nobody.exit_code == 0", "needs 'nobody'"),
        ('steps.build.outputs.other == ""', "needs 'other'"),
        ("inputs.count", "gives 3, not true or false"),
        ("inputs.count / 0 == 1", "division by zero"),
        ("inputs.count + inputs.version == 1", "No such overload"),
        ("[1][7] == 1", "out of bounds"),
        ("9223372036854775807 + inputs.count == 1", "overflow"),
        ("nothing(1)", "Undefined"),
        ("1 +", "not a valid condition: character 4"),
        ("", "not a valid condition"),
    ],
)
def test_a_condition_that_cannot_be_told_says_why(expression: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        evaluate(expression, SCOPE)
    assert said in caught.value.message
    assert caught.value.cure


@pytest.mark.parametrize(
    ("expression", "paths"),
    [
        ("steps.a.outputs.key == inputs.v", [("steps", "a", "outputs", "key"), ("inputs", "v")]),
        ("steps['x-y'].stdout.size() > 0", [("steps", "x-y", "stdout")]),
        ('"steps.a" == inputs.v // steps.b', [("inputs", "v")]),
        ("{'a': 1}.steps == 1", []),
        ("steps.all(s, true)", [("steps",)]),
    ],
)
def test_the_names_a_condition_uses_are_known(
    expression: str, paths: list[tuple[str, ...]]
) -> None:
    assert [name.path for name in references(expression).names] == paths


def test_names_know_where_they_stand() -> None:
    expression = 'true && steps["a"].exit_code == 0'
    (name,) = references(expression).names
    assert [expression[start:end] for start, end in name.spans] == ["steps", '"a"', "exit_code"]


@pytest.mark.parametrize(
    ("expression", "steps"),
    [
        ("steps.a.exit_code == 0", set()),
        ('steps.a.stdout != "" && steps["b-c"].stdout != ""', {"a", "b-c"}),
        ("size(steps.a) > 0", {"a"}),
        ('steps.exists(s, steps[s].stdout != "")', {"*"}),
    ],
)
def test_it_is_known_whose_output_must_be_kept(expression: str, steps: set[str]) -> None:
    assert steps_whose_stdout_is_read(expression) == steps


def test_a_pattern_that_would_stop_python_is_matched_at_once() -> None:
    started = time.process_time()
    assert not linear_match("(a+)+b", "a" * 5000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"\d+\.\d+", "1.2", True),
        (r"\d+\.\d+", "v1.2", False),
        (r"\d+", "1\n", False),
        ("a|b", "ab", False),
        ("^a$", "a", True),
    ],
)
def test_a_pattern_must_match_the_whole_text(pattern: str, text: str, matches: bool) -> None:
    assert linear_match(pattern, text) is matches


def test_a_pattern_without_meaning_is_told() -> None:
    with pytest.raises(ValueError, match="is not a pattern: look-around"):
        linear_match("(?!a)", "b")


def test_the_worst_condition_allowed_is_still_quick() -> None:
    steps = {f"s{n}": {"status": "succeeded", "exit_code": 0} for n in range(500)}
    condition = "steps.all(a, steps.all(b, steps[a].exit_code == steps[b].exit_code))"
    started = time.process_time()
    assert evaluate(condition, {"steps": steps, "inputs": {}, "env": {}})
    assert time.process_time() - started < 10


def test_nothing_is_imported_for_conditions_until_there_is_one() -> None:
    code = (
        "import sys; from flowd.domain import parse, expressions\n"
        "text = 'flow: 1\\nname: x\\nsteps:\\n- {id: a, run: b}\\n'\n"
        "parse.parse_workflow(text); assert 'cel.cel' not in sys.modules\n"
        "expressions.evaluate('true', {}); assert 'cel.cel' in sys.modules\n"
        "assert 'rich' not in sys.modules\n"
        "import cel; assert cel.evaluate('1 + 1') == 2  # the whole package still works beside it\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
