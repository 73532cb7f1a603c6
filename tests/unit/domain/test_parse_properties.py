"""What holds for every text and every workflow, not only for those somebody thought of."""

import os
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowd.domain.expressions import evaluate
from flowd.domain.graph import find_cycle, needs_of, order
from flowd.domain.parse import (
    parse_workflow,
    problems_in,
    to_object,
    to_yaml,
    workflow_from_object,
)
from flowd.domain.workflow import Defaults, Goto, Input, Limits, Retry, Step, Undo, Workflow
from flowd.errors import InvalidInput, InvalidWorkflow

EXAMPLES = int(os.environ.get("FLOW_FUZZ_EXAMPLES", "500"))

few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
ids = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,12}", fullmatch=True)
# Everything a text may hold in YAML; zero bytes cannot be written, nor lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
awkward = st.sampled_from(
    ["yes", "on", "~", "null", "1.10", "true", " lead", "trail ", "a: b", "# no", "- x", "'", '"',
     "\ttab", "a\n", "\n", "a\n\n", "a \nb", "a\r\nb", "|", ">", "&a", "*a", "!t", "%", "@", "`",
     "\u2028", "\x85", "\ufeff", "\x7f", "😀", "0x1", "1e3", "=", "<<", "2024-01-01", "12:30:45"]
)  # fmt: skip
any_text = texts | awkward
script = any_text.filter(lambda text: text.strip() != "")
durations = st.sampled_from(["500ms", "30s", "1h30m", 5, 0.25, 10**6])
retries = st.builds(
    Retry,
    attempts=st.integers(1, 100),
    delay=durations,
    backoff=st.floats(1, 10),
    jitter=st.floats(0, 1),
    max_delay=durations,
)
undos = st.builds(Undo, run=script, timeout=st.none() | durations, retry=st.none() | retries)
limits = st.builds(
    Limits,
    memory=st.none() | st.sampled_from(["512M", 1024]),
    processes=st.none() | st.integers(1, 99),
    cpu=st.none() | durations,
)
environments = st.dictionaries(names, any_text, max_size=3)


@st.composite
def inputs(draw: st.DrawFn) -> Input:
    kind, values = draw(
        st.sampled_from(
            [
                ("string", any_text),
                ("integer", st.integers(-(10**17), 10**17)),
                ("number", st.floats(-1e15, 1e15)),
                ("boolean", st.booleans()),
            ]
        )
    )
    choices = draw(st.none() | st.lists(values, min_size=1, max_size=4))
    default = draw(st.none() | (st.sampled_from(choices) if choices else values))
    return Input(type=kind, description=draw(any_text), default=default, choices=choices)


@st.composite
def workflows(draw: st.DrawFn) -> Workflow:
    step_ids = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    last = draw(st.integers(0, len(step_ids)))  # from here on the steps are `finally` ones
    steps = []
    for index, step_id in enumerate(step_ids):
        earlier, later = step_ids[: min(index, last)], step_ids[index + 1 : last]
        needs = st.lists(st.sampled_from(earlier), max_size=3) if earlier else st.just([])
        goto = st.builds(Goto, st.sampled_from(later)) if later else st.just("stop")
        undo = draw(st.none() | script | undos)
        check = draw(st.none() | script)
        tty = draw(st.booleans())
        possible = ["ask", "retry"] + (["check"] if check else []) + (["undo"] if undo else [])
        step = Step(
            id=step_id,
            run=draw(script),
            name=draw(any_text),
            needs=None if index >= last else draw(st.none() | needs),
            undo=undo,
            check=check,
            on_interrupt=draw(st.none() | st.sampled_from(possible)),
            on_error=draw(st.sampled_from(["rollback", "stop", "continue"]) | goto),
            retry=draw(st.none() | retries),
            timeout=draw(st.none() | durations),
            env=draw(environments),
            cwd=draw(st.none() | any_text),
            shell=draw(st.none() | st.sampled_from(["bash", "sh", "python"])),
            tty=tty,
            stdin=None if tty else draw(st.none() | any_text),
            outputs=draw(st.lists(names, max_size=2)),
            secrets=draw(st.lists(names, max_size=2)),
            finally_=index >= last,
            limits=draw(st.none() | limits),
        )
        steps.append(step)
    return Workflow(
        flow=1,
        name=draw(any_text.filter(bool)),
        steps=steps,
        description=draw(any_text),
        inputs=draw(st.dictionaries(names, inputs(), max_size=3)),
        env=draw(environments),
        cwd=draw(st.none() | any_text),
        defaults=draw(st.just(Defaults()) | st.builds(Defaults, timeout=durations)),
    )


@few
@given(workflows())
def test_a_workflow_survives_being_written_and_read(workflow: Workflow) -> None:
    assert parse_workflow(to_yaml(workflow)) == workflow
    assert workflow_from_object(to_object(workflow)) == workflow


@few
@given(workflows())
def test_the_order_holds_every_step_once_after_its_needs(workflow: Workflow) -> None:
    ordered = order(workflow)
    assert sorted(ordered) == sorted(step.id for step in workflow.steps)
    place = {step_id: index for index, step_id in enumerate(ordered)}
    needs = needs_of(workflow)
    assert all(place[need] < place[step_id] for step_id in needs for need in needs[step_id])
    assert find_cycle(needs) == []


fragments = st.lists(
    st.sampled_from(
        ["flow: 1\n", "name: x\n", "steps:\n", "  - id: a\n", "    run: b\n", "    needs: [a]\n",
         "    if: steps.a.exit_code == 0\n", "    retry: {attempts: 3}\n", "inputs: {v: {type: ",
         "integer}}\n", "\t", "- ", ": ", "[", "]", "{", "}", "&a ", "*a ", "!!str ", "|\n", ">\n",
         "'", '"', "#", "\n", "  ", "---\n", "? ", "<<: ", "%", "\\", "é", "😀", "\ufeff"]
    )
    | st.text(max_size=5),
    max_size=40,
).map("".join)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(fragments | st.text(max_size=300))
def test_any_text_is_a_workflow_or_invalid(text: str) -> None:
    try:
        parse_workflow(text)
    except InvalidWorkflow as error:
        errors = [p for p in error.data["problems"] if p["severity"] == "error"]
        assert errors
        assert error.message
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for problem in problems_in(text):
        assert 1 <= problem.line <= problem.end_line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1


json_shaped = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["flow", "name", "steps", "id", "run", "env"]), inner)
    ),
    max_leaves=20,
)


@few
@given(st.dictionaries(st.sampled_from(["flow", "name", "steps", "inputs"]), json_shaped))
def test_any_object_is_a_workflow_or_invalid(shaped: dict[str, object]) -> None:
    try:
        workflow_from_object(shaped)
    except InvalidWorkflow as error:
        assert error.data["problems"]


expressions = st.lists(
    st.sampled_from(
        ["steps", ".", "a", "exit_code", " == ", "0", "inputs", "[", "]", "(", ")", '"x"', " && ",
         "!", "has", "all", ",", "x", "? ", ": ", "-", "{", "}", "'", "1u", "in ", "size", "\n",
         "true", "\\", "😀", "9223372036854775807", " + ", "matches", '"("', "duration", "/", "%"]
    )
    | st.text(string.printable, max_size=3),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(expressions)
def test_any_expression_is_true_false_or_invalid(expression: str) -> None:
    step = {"status": "succeeded", "exit_code": 0, "outputs": {}, "stdout": ""}
    try:
        result = evaluate(expression, {"steps": {"a": step}, "inputs": {}, "env": {}})
    except InvalidInput as error:
        assert error.cure
    else:
        assert isinstance(result, bool)
