"""Reading workflow files: what is accepted, and every problem with its place and cure."""

from pathlib import Path

import pytest

from flowd.domain import nodes
from flowd.domain.parse import (
    parse_workflow,
    problems_in,
    read_workflow,
    to_object,
    to_yaml,
    workflow_from_object,
)
from flowd.domain.problems import MAX_PROBLEMS
from flowd.domain.workflow import Goto, Retry, Undo
from flowd.errors import InvalidWorkflow

HEAD = "flow: 1\nname: demo\n"
ONE_STEP = HEAD + "steps:\n  - id: a\n    run: echo\n"

RELEASE = r"""flow: 1
name: release
description: Build, tag and push a release
inputs:                       # reach scripts as environment variables
  version: {type: string, pattern: '^\d+\.\d+\.\d+$'}
env: {PYTHONUNBUFFERED: "1"}
cwd: .
defaults: {shell: bash, timeout: 10m, on_interrupt: ask}
steps:
  - id: test
    run: pytest -q
    retry: {attempts: 3, delay: 2s, backoff: 2, jitter: 0.1}
  - id: tag
    needs: [test]
    if: steps.test.exit_code == 0 && inputs.version != ""      # CEL
    run: git tag "v$version"
    undo: git tag -d "v$version"
    check: git rev-parse "v$version"
    on_interrupt: check
  - id: push
    confirm: Push v${version} to origin?
    run: git push origin "v$version"
    undo: git push origin ":v$version"
    on_error: rollback
"""


def step_with(line: str, *, head: str = "") -> str:
    """A workflow whose second step has one more line."""
    steps = f"steps:\n  - id: a\n    run: echo\n  - id: b\n    run: echo\n    {line}\n"
    return HEAD + head + steps


def test_the_example_of_the_language_reads_as_meant() -> None:
    workflow = parse_workflow(RELEASE)
    test, tag, push = workflow.steps
    assert test.retry == Retry(attempts=3, delay="2s", backoff=2.0, jitter=0.1)
    assert tag.needs == ["test"]
    assert tag.if_ == 'steps.test.exit_code == 0 && inputs.version != ""'
    assert tag.on_interrupt == "check"
    assert push.undo_plan == Undo(run='git push origin ":v$version"')
    assert workflow.inputs["version"].pattern == r"^\d+\.\d+\.\d+$"
    assert workflow.env == {"PYTHONUNBUFFERED": "1"}
    assert problems_in(RELEASE) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("env: {V: 1.10}", {"V": "1.10"}),
        ("env: {V: yes}", {"V": "yes"}),
        ("env: {V: on}", {"V": "on"}),
        ("env: {V: 0x1F}", {"V": "0x1F"}),
        ("env: {V: 012}", {"V": "012"}),
        ("env: {V: 2024-01-01}", {"V": "2024-01-01"}),
        ("env: {V: true}", {"V": "true"}),
        ("env: {V: ''}", {"V": ""}),
        ("env: {V: 1e3}", {"V": "1e3"}),
    ],
)
def test_a_scalar_is_kept_as_written_where_text_is_wanted(
    written: str, read: dict[str, str]
) -> None:
    assert parse_workflow(step_with(written)).steps[1].env == read


@pytest.mark.parametrize(
    ("line", "attribute", "value"),
    [
        ("timeout: 30", "timeout", 30),
        ("timeout: 0.5", "timeout", 0.5),
        ("timeout: 1h30m", "timeout", "1h30m"),
        ("tty: TRUE", "tty", True),
        ("finally: true", "finally_", True),
        ("on_error: {goto: c}", "on_error", Goto(goto="c")),
        ("on_error: continue", "on_error", "continue"),
        ("needs: []", "needs", []),
        ("needs:", "needs", None),
        ("needs: ~", "needs", None),
        ("undo: {run: x, timeout: 5s}", "undo", Undo(run="x", timeout="5s")),
        ("run_: x\n    name: yes", "name", "yes"),
    ],
)
def test_a_scalar_becomes_what_the_key_wants(line: str, attribute: str, value: object) -> None:
    text = step_with(line.replace("run_: x\n    ", "")) + "  - id: c\n    run: echo\n"
    assert getattr(parse_workflow(text).steps[1], attribute) == value


@pytest.mark.parametrize(
    ("text", "place", "said", "fix"),
    [
        # not YAML, or not the part of it the language uses
        ("", (1, 1), "the file is empty", "flow: 1"),
        ("# only a comment\n", (1, 1), "the file is empty", "flow: 1"),
        ("\tflow: 1", (1, 1), "a tab", "spaces"),
        ("flow: 1\nname: a: b\n", (2, 8), "a colon", "quotes"),
        ("flow: 1\nname: 'abc\n", (2, 7), "never closed", "close"),
        ("flow: 1\nenv: {a: b\n", (3, 1), "never closed", "close"),
        ("flow: 1\nname: @x\n", (2, 7), "may not begin with @", "quotes"),
        ('flow: 1\nname: "a\\qb"\n', (2, 9), "backslash", "single quotes"),
        ("flow: 1\n---\nflow: 1\n", (2, 1), "second document", "one workflow a file"),
        ("flow: 1\nname: !!str x\n", (2, 7), "tag", "remove the tag"),
        ("flow: 1\nname: *x\n", (2, 7), "*x refers to nothing", "&x"),
        ("flow: 1\nenv: &e {a: *e}\n", (2, 13), "inside &e itself", "write it out"),
        ("flow: 1\n? [a]\n: b\n", (2, 3), "a key must be text", "key: value"),
        ("flow: 1\nname: a\x01b\n", (2, 8), "U+0001", "remove"),
        ("flow: 1\nname: a\udcffb\n", (2, 8), "not UTF-8", "remove"),
        ("[" * 100, (1, 33), "nested more than 32", "stray"),
        ("- a\n", (1, 3), "a workflow is a map", "flow: 1"),
        ("just text\n", (1, 1), "a workflow is a map", "flow: 1"),
        # keys
        (HEAD, (1, 1), "'steps' is missing", "- id"),
        ("flow: 2\n" + ONE_STEP[8:], (1, 7), "language version 1", "flow: 1"),
        ("flow: '1'\n" + ONE_STEP[8:], (1, 7), "language version 1", "flow: 1"),
        (ONE_STEP + "nam: x\n", (6, 1), "unknown key 'nam'", "did you mean 'name'"),
        (step_with("neds: [a]"), (8, 5), "unknown key 'neds' in a step", "'needs'"),
        (step_with("run: again"), (8, 5), "'run' is here twice", "remove"),
        (HEAD + "steps: []\n", (3, 8), "'steps' is empty", "- id"),
        (HEAD + "steps:\n", (3, 7), "must be a list, and this is nothing", ""),
        (HEAD + "steps:\n  - run: x\n", (4, 5), "'id' is missing in a step", "id:"),
        (HEAD + "steps:\n  - id: a\n", (4, 5), "'run' is missing in a step", "run:"),
        (HEAD + "steps:\n  - echo\n", (4, 5), "this item must be a map", "key: value"),
        # types
        (step_with("tty: yes"), (8, 10), "true or false, and this is yes", "write true"),
        (step_with("tty: 'true'"), (8, 10), "this is the text 'true'", "without quotes"),
        (step_with("needs: a"), (8, 12), "'needs' must be a list", "write [a]"),
        (step_with("retry: {attempts: '3'}"), (8, 23), "a whole number", "quotes"),
        (step_with("retry: {attempts: 0}"), (8, 23), "'attempts' is 0", "at least 1"),
        (step_with("retry: {attempts: 101}"), (8, 23), "'attempts' is 101", "at most 100"),
        (step_with("retry: {jitter: 1.5}"), (8, 21), "'jitter' is 1.5", "at most 1"),
        (step_with("retry: 3"), (8, 12), "'retry' must be a map", "key: value"),
        (step_with("undo: [x]"), (8, 12), "text or a map, and this is a list", "one value"),
        (step_with("env: {1a: x}"), (8, 11), "'1a' is not a name", "letters"),
        (step_with("env: {A: }"), (8, 14), "this is nothing", "remove the key"),
        (step_with("shell: bsh"), (8, 12), "'bsh' is not a value", "did you mean 'bash'"),
        (step_with("on_error: halt"), (8, 15), "'halt' is not a value", "known here"),
        (step_with("on_error: {goto: 7}"), (8, 22), "'7' is not a name", "letters"),
        (step_with("secrets: [A-B]"), (8, 15), "'A-B' is not a name", "letters"),
        (step_with('stdin: "a\\0b"'), (8, 12), "a zero byte", "remove"),
        (HEAD + "steps:\n  - id: a b\n    run: x\n", (4, 9), "'a b' is not a name", "letters"),
        ("flow: 1\nname: ''\n" + ONE_STEP[len(HEAD) :], (2, 7), "'name' is empty", "some text"),
        (ONE_STEP.replace("demo", "x" * 201), (2, 7), "longer than 200", "shorten"),
        # meaning
        (step_with("timeout: 3 minutes"), (8, 14), "not a duration", "30s"),
        (step_with("timeout: -1"), (8, 14), "not a duration", "0 or more"),
        (step_with("timeout: 0"), (8, 14), "`timeout` is 0", "time"),
        (step_with("retry: {delay: soon}"), (8, 20), "not a duration", "30s"),
        (step_with("limits: {memory: much}"), (8, 22), "not a size", "512M"),
        (step_with("limits: {output: 0}"), (8, 22), "not a size", "512M"),
        (step_with("undo: ''"), (8, 11), "`undo` is empty", "remove it"),
        (step_with("if: ''"), (8, 9), "`if` is empty", "condition"),
        (step_with("on_interrupt: check"), (8, 19), "needs a `check:`", "on_interrupt: ask"),
        (step_with("on_interrupt: undo"), (8, 19), "needs a `undo:`", "on_interrupt: ask"),
        (step_with("needs: [c]"), (8, 13), "no step is called 'c'", ""),
        (step_with("needs: [b]"), (8, 13), "step 'b' needs itself", "remove"),
        (step_with("on_error: {goto: a}"), (8, 22), "only goes forward", "retry"),
        (step_with("on_error: {goto: z}"), (8, 22), "no step is called 'z'", ""),
        (step_with("id_: 1").replace("id_: 1", "tty: no").replace("id: b", "id: a"),
         (6, 9), "two steps are called 'a'", "a-2"),
        (step_with("confirm: Ship ${versoin}?", head="inputs: {version: {}}\n"),
         (9, 14), "${versoin} is neither", "did you mean ${version}"),
        (step_with("confirm: Ship ${x}?"), (8, 14), "${x} is neither", "declare it"),
        (step_with("confirm: Ship ${steps.aa.stdout}?"), (8, 14), "'aa'", "'a'"),
        (ONE_STEP + "inputs: {n: {pattern: '('}}\n", (6, 23), "is not a pattern", ""),
        (ONE_STEP + "inputs: {n: {pattern: 'a', default: b}}\n", (6, 37), "must match a", ""),
        (ONE_STEP + "inputs: {n: {choices: [a], default: b}}\n", (6, 37), "one of a", ""),
        (ONE_STEP + "inputs: {n: {choices: []}}\n", (6, 23), "`choices` is empty", "list"),
        (ONE_STEP + "inputs: {n: {type: integer, default: x}}\n", (6, 38), "whole number", ""),
        (ONE_STEP + "inputs: {n: {type: integer, pattern: x}}\n", (6, 38), "is for text", ""),
        (ONE_STEP + "inputs: {n: {type: boolean, choices: [1]}}\n", (6, 39), "true or", ""),
        (ONE_STEP + "inputs: {n: {type: strin}}\n", (6, 20), "'strin' is not", "'string'"),
    ],
)  # fmt: skip
def test_a_problem_is_shown_where_it_is_with_its_cure(
    text: str, place: tuple[int, int], said: str, fix: str
) -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        parse_workflow(text)
    problems = caught.value.data["problems"]
    here = [p for p in problems if (p["line"], p["column"]) == place and said in p["message"]]
    assert here, problems
    assert fix in here[0]["fix"]


@pytest.mark.parametrize(
    ("condition", "said", "fix"),
    [
        ("1 +", "not a valid condition", "CEL"),
        ("steps.aa.exit_code == 0", "no step is called 'aa'", "did you mean 'a'"),
        ("steps.a.exitcode == 0", "a step has no 'exitcode'", "did you mean 'exit_code'"),
        ('steps.a.outputs.dgest == ""', "does not declare the output 'dgest'", "'digest'"),
        ('inputs.vers == ""', "there is no input 'vers'", "did you mean 'version'"),
        ("step.a.exit_code == 0", "'step' is not known", "did you mean 'steps'"),
        ('version == ""', "'version' is not known by itself", "inputs.version"),
        ("a.exit_code == 0", "'a' is not known by itself", "steps.a"),
        ('siz(inputs.version) == 0', "no function 'siz'", "did you mean 'size'"),
        ("steps.b.exit_code == 0", "asks about itself", "earlier"),
        ('steps.clean-up.status == ""', "minus something", 'steps["clean-up"]'),
        ("(" * 30 + "true" + ")" * 30, "nests more than", "script"),
        ("true" + " && true" * 300, "longer than", "script"),
        ("[1].all(x, [1].all(y, [1].all(z, true)))", "loops more than", "script"),
        ("steps.a.outputs.digest > 3", "the types do not go together", "of one type"),
        ("steps.a.exit_code && true", "the types do not go together", "of one type"),
        ("inputs.version", "neither true nor false", 'inputs.x != ""'),
        ("steps.a.exit_code", "neither true nor false", "steps.test.exit_code == 0"),
    ],
)  # fmt: skip
def test_a_condition_is_checked(condition: str, said: str, fix: str) -> None:
    text = (
        f"{HEAD}inputs: {{version: {{}}}}\nsteps:\n"
        "  - id: clean-up\n    run: echo\n"
        "  - {id: a, run: echo, outputs: [digest]}\n"
        f"  - id: b\n    run: echo\n    if: {condition!r}\n"
    )
    (problem,) = (p for p in problems_in(text) if p.severity == "error")
    assert problem.path == "steps[2].if"
    assert said in problem.message
    assert fix in problem.fix


@pytest.mark.parametrize(
    "condition",
    [
        "int(steps.a.outputs.digest) > 3",
        'inputs.version.matches("^[0-9]")',
        "steps.a.exit_code == null",
        "size(steps.a.outputs) == 0 || steps.a.outputs.digest != inputs.version",
        'steps.exists(id, steps[id].status == "failed")',
        "10 / int(steps.a.exit_code) > 1",
        'env.HOME != ""',
    ],
)
def test_what_depends_on_values_is_not_called_a_mistake(condition: str) -> None:
    text = (
        f"{HEAD}inputs: {{version: {{}}}}\nsteps:\n"
        f"  - {{id: a, run: echo, outputs: [digest]}}\n  - id: b\n    run: echo\n"
        f"    if: {condition!r}\n"
    )
    assert [p for p in problems_in(text) if p.severity == "error"] == []


def test_what_is_kept_word_on_is_no_problem() -> None:
    assert problems_in(step_with("secrets: [TOKEN]")) == []
    assert problems_in(step_with("sandbox: strict")) == []


def test_a_step_on_a_terminal_has_no_text_for_stdin() -> None:
    (problem,) = problems_in(step_with("tty: true\n    stdin: yes please"))
    assert (problem.severity, problem.path) == ("error", "steps[1].stdin")
    assert "reads what is typed there" in problem.message
    assert "remove `tty`" in problem.fix
    assert problems_in(step_with("tty: true")) == []


def test_a_misspelled_name_in_a_condition_is_underlined_exactly() -> None:
    (problem,) = problems_in(step_with("if: steps.a.exit_cod == 0"))
    assert (problem.line, problem.column, problem.end_column) == (8, 17, 25)
    assert problem.replacement == "exit_code"


@pytest.mark.parametrize(
    ("needs", "doubtful"), [("[]", {"a", "b"}), ("[a]", {"b"}), ("[b]", set())]
)
def test_a_condition_may_only_count_on_steps_that_are_done_by_then(
    needs: str, doubtful: set[str]
) -> None:
    text = (
        f"{HEAD}steps:\n  - {{id: a, run: x}}\n  - {{id: b, run: x}}\n  - id: c\n    run: x\n"
        f"    needs: {needs}\n    if: steps.a.status == steps.b.status\n"
    )
    found = {p.message.split("'")[1] for p in problems_in(text)}
    assert found == doubtful


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (step_with("undo: x\n    finally: true"), "undo of a `finally` step"),
        (step_with("needs: [a]\n    finally: true"), "change nothing"),
        (step_with("needs: []\n    if: steps.a.exit_code == 0"), "may not be done"),
        (ONE_STEP + "inputs: {A: {}}\nenv: {A: b}\n", "the input wins"),
        (step_with("if: has(env.DEPLOY_TO)", head="env: {DEPLOYTO: x}\n"), "does not declare"),
    ],
)
def test_a_doubtful_thing_is_a_warning_and_still_runs(text: str, said: str) -> None:
    parse_workflow(text)
    (problem,) = problems_in(text)
    assert problem.severity == "warning"
    assert said in problem.message


def test_a_cycle_is_named() -> None:
    text = (
        HEAD
        + "steps:\n"
        + "".join(f"  - {{id: {a}, run: x, needs: [{b}]}}\n" for a, b in ("ab", "bc", "ca"))
    )
    (problem,) = problems_in(text)
    assert "a → b → c → a" in problem.message
    assert problem.line == 4


def test_an_ordinary_step_cannot_need_a_finally_step() -> None:
    text = HEAD + "steps:\n  - {id: a, run: x, finally: true}\n  - {id: b, run: x, needs: [a]}\n"
    (problem,) = problems_in(text)
    assert "runs after this one" in problem.message


def test_all_problems_are_collected_and_sorted() -> None:
    text = HEAD + "nme: x\nsteps:\n  - {id: a, rn: x, tty: 3}\n  - {id: b, run: x, needs: [q]}\n"
    found = problems_in(text)
    assert [p.line for p in found] == sorted(p.line for p in found)
    assert {p.path for p in found} == {
        "nme", "steps[0].rn", "steps[0]", "steps[0].tty", "steps[1].needs[0]"
    }  # fmt: skip


def test_the_error_says_the_first_problem_and_how_many_more() -> None:
    with pytest.raises(InvalidWorkflow) as caught:
        parse_workflow(step_with("neds: [a]\n    shel: sh"))
    assert caught.value.message == "line 8, column 5: unknown key 'neds' in a step (and 1 more)"
    assert caught.value.cure == "did you mean 'needs'?"


def test_columns_count_characters_and_lines_count_as_in_an_editor() -> None:
    text = "flow: 1\r\nname: '😀é'\r\nsteps: [{id: a, run: '😀', neds: []}]\r\n"
    (problem,) = problems_in(text)
    assert (problem.line, problem.column, problem.end_column) == (3, 27, 31)


@pytest.mark.parametrize(
    ("written", "marked"),
    [
        ("run: echo; rm -rf x", "rm -rf"),
        ("run: 'echo; rm -rf x'", "rm -rf"),
        ('run: "echo; rm -rf x"', "rm -rf"),
        ("run: |\n      echo\n      rm -rf x", "rm -rf"),
        ("run: |-\n        if x; then\n          rm -rf x\n        fi", "rm -rf"),
        ("run: |\n\n      # 😀\n\n      rm -rf x", "rm -rf"),
        ("run: |\r\n      echo\r\n      rm -rf x", "rm -rf"),
        ("run: >\n      echo;\n      rm -rf x", None),
        ('run: "\\x65cho; rm -rf x"', None),
        ("run: echo;\n      rm -rf x", None),
    ],
)
def test_a_piece_of_a_script_is_found_in_the_text(written: str, marked: str | None) -> None:
    text = f"{HEAD}steps:\n  - id: a\n    {written}\n"
    reading = read_workflow(text)
    assert reading.draft is not None
    assert reading.root is not None
    at = reading.draft.steps[0].run.index("rm -rf")
    script = nodes.find_node(reading.root, ("steps", 0, "run"))
    assert isinstance(script, nodes.Scalar)
    span = nodes.span_inside(script, text, at, at + 6)
    assert (text[slice(*span)] if span else None) == marked


def test_a_byte_order_mark_is_passed_over() -> None:
    (problem,) = problems_in("\ufeff" + step_with("neds: [a]"))
    assert (problem.line, problem.column) == (8, 5)
    assert parse_workflow("\ufeff" + ONE_STEP).name == "demo"


@pytest.mark.parametrize(("count", "fits"), [(500, True), (501, False)])
def test_at_most_500_steps(count: int, fits: bool) -> None:
    text = HEAD + "steps:\n" + "".join(f"  - {{id: s{n}, run: x}}\n" for n in range(count))
    found = problems_in(text)
    assert fits == (not found)
    if not fits:
        assert (found[0].line, found[0].message) == (504, "501 steps: at most 500 are allowed")


def test_a_script_holds_at_most_a_megabyte() -> None:
    long = "x" * 1_048_577
    (problem,) = problems_in(f"{HEAD}steps:\n  - id: a\n    run: {long}\n")
    assert "larger than 1,048,576 bytes" in problem.message
    assert problems_in(f"{HEAD}steps:\n  - id: a\n    run: {long[:-1]}\n") == []


def test_a_huge_text_is_refused_before_it_is_read() -> None:
    (problem,) = problems_in("# " + "x" * nodes.MAX_TEXT_CHARACTERS)
    assert "longer than" in problem.message


def test_aliases_may_repeat_a_piece_but_not_without_bound() -> None:
    shared = HEAD + "steps:\n  - {id: a, run: x, retry: &r {attempts: 2}}\n"
    assert parse_workflow(shared + "  - {id: b, run: x, retry: *r}\n").steps[1].retry == Retry(2)
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    (problem,) = problems_in(laughs)
    assert "aliases count each time" in problem.message


def test_problems_are_capped() -> None:
    text = HEAD + "steps:\n" + "".join(f"  - {{id: s{n}, run: x, z: 1}}\n" for n in range(400))
    assert len(problems_in(text)) == MAX_PROBLEMS


def test_an_object_is_checked_like_a_file_with_paths_for_places() -> None:
    shaped = {
        "flow": 1,
        "name": "demo",
        "steps": [{"id": "a", "run": "x"}, {"id": "b", "run": "x", "retry": {"attempts": "3"}}],
    }
    with pytest.raises(InvalidWorkflow) as caught:
        workflow_from_object(shaped)
    (problem,) = caught.value.data["problems"]
    assert problem["path"] == "steps[1].retry.attempts"
    assert (problem["line"], problem["column"]) == (1, 1)
    assert caught.value.message.startswith("steps[1].retry.attempts: ")


@pytest.mark.parametrize(
    "shaped",
    [{}, {"flow": 1}, {"flow": object()}, {"flow": True}, {"flow": 10**5000}, {1: 2}, {"x": {1}}],
    ids=range(7),
)
def test_an_object_that_is_no_workflow_is_invalid_not_a_crash(shaped: dict[str, object]) -> None:
    with pytest.raises(InvalidWorkflow):
        workflow_from_object(shaped)


def test_an_object_may_hold_numbers_where_text_is_wanted() -> None:
    step = {"id": "a", "run": "x", "env": {"PORT": 8080, "ON": True}}
    workflow = workflow_from_object({"flow": 1, "name": "demo", "steps": [step]})
    assert workflow.steps[0].env == {"PORT": "8080", "ON": "true"}


def test_what_equals_a_default_is_left_out_of_the_object() -> None:
    assert to_object(parse_workflow(ONE_STEP)) == {
        "flow": 1,
        "name": "demo",
        "steps": [{"id": "a", "run": "echo"}],
    }


def test_scripts_are_written_as_blocks() -> None:
    text = ONE_STEP.replace("run: echo", "run: |\n      one\n      two")
    assert "run: |\n      one\n      two\n" in to_yaml(parse_workflow(text))


def test_parsing_opens_no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    parse_workflow(RELEASE.replace("cwd: .", "cwd: /does/not/exist"))
    assert list(tmp_path.iterdir()) == []


def test_runs_of_one_text_share_one_workflow_and_a_mistake_is_told_each_time() -> None:
    assert parse_workflow(ONE_STEP) is parse_workflow(ONE_STEP)
    for _ in range(2):
        with pytest.raises(InvalidWorkflow):
            parse_workflow(HEAD)
