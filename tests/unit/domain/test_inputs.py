"""Values for a run: read, checked, handed on."""

import pytest

from flowd.domain.inputs import fill_template, names_in_template, resolve_inputs, to_environment
from flowd.domain.workflow import Input, InputValue, Step, Workflow
from flowd.errors import InvalidInput


def asking_for(**inputs: Input) -> Workflow:
    """A workflow with these inputs."""
    return Workflow(flow=1, name="demo", steps=[Step(id="a", run="x")], inputs=inputs)


@pytest.mark.parametrize(
    ("declared", "given", "value"),
    [
        (Input(), "text", "text"),
        (Input(), 3, "3"),
        (Input(), True, "true"),
        (Input(type="integer"), "3", 3),
        (Input(type="integer"), " -3 ", -3),
        (Input(type="integer"), 3.0, 3),
        (Input(type="number"), "1.5", 1.5),
        (Input(type="number"), "2", 2),
        (Input(type="boolean"), "true", True),
        (Input(type="boolean"), "False", False),
        (Input(type="boolean"), False, False),
        (Input(default="x"), None, "x"),
        (Input(type="boolean", default=False), None, False),
        (Input(choices=["a", "b"]), "b", "b"),
        (Input(type="integer", choices=[1, 2]), "2", 2),
        (Input(pattern=r"\d+"), "42", "42"),
    ],
)
def test_a_value_is_read_as_the_declared_type(
    declared: Input, given: object, value: InputValue
) -> None:
    resolved = resolve_inputs(asking_for(v=declared), {} if given is None else {"v": given})
    assert resolved == {"v": value}
    assert type(resolved["v"]) is type(value)


@pytest.mark.parametrize(
    ("declared", "given", "said"),
    [
        (Input(type="integer"), "3.5", "a whole number"),
        (Input(type="integer"), "three", "a whole number"),
        (Input(type="integer"), True, "a whole number"),
        (Input(type="integer"), "9" * 30, "a whole number"),
        (Input(type="number"), "nan", "a number"),
        (Input(type="number"), "1e999", "a number"),
        (Input(type="boolean"), "yes", "true or false"),
        (Input(type="boolean"), 1, "true or false"),
        (Input(), ["x"], "text"),
        (Input(), "a\0b", "zero bytes"),
        (Input(), "x" * 70_000, "at most 65,536"),
        (Input(choices=["a", "b"]), "c", "one of a, b"),
        (Input(pattern=r"\d+"), "42\n", r"match \d+"),
        (Input(pattern="(a+)+b"), "a" * 60_000, "match"),
    ],
)
def test_a_value_that_does_not_fit_is_told(declared: Input, given: object, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_inputs(asking_for(v=declared), {"v": given})
    assert said in caught.value.message
    assert "'v'" in caught.value.message
    assert "--input v=" in caught.value.cure
    assert len(caught.value.message) < 250


def test_all_missing_inputs_are_named_at_once() -> None:
    workflow = asking_for(a=Input(), b=Input(default="x"), c=Input())
    with pytest.raises(InvalidInput) as caught:
        resolve_inputs(workflow, {})
    assert caught.value.message == "demo needs values for a, c"
    assert caught.value.cure == "add --input a=VALUE --input c=VALUE"
    assert caught.value.data["missing"] == ["a", "c"]


@pytest.mark.parametrize(
    ("name", "cure"), [("versoin", "did you mean 'version'?"), ("zzz", "its inputs: version")]
)
def test_an_unknown_input_is_told_with_what_was_meant(name: str, cure: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_inputs(asking_for(version=Input()), {name: "1", "version": "2"})
    assert caught.value.cure == cure


def test_values_keep_the_order_of_the_file() -> None:
    workflow = asking_for(b=Input(), a=Input(default="1"))
    assert list(resolve_inputs(workflow, {"b": "2"})) == ["b", "a"]


def test_scripts_see_values_as_text() -> None:
    values: dict[str, InputValue] = {"a": True, "b": 3, "c": 1.5, "d": "x y"}
    assert to_environment(values) == {"a": "true", "b": "3", "c": "1.5", "d": "x y"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Push v${version} to origin?", "Push v1.2 to origin?"),
        ("${ version }", "1.2"),
        ("${dry}", "true"),
        ("${unknown} stays", "${unknown} stays"),
        ("$$5 and $version", "$5 and $version"),
        ("${steps.a.outputs.k}", "v"),
        ("${version", "${version"),
    ],
)
def test_a_message_is_filled_in(template: str, filled: str) -> None:
    values = {"version": "1.2", "dry": True, "steps.a.outputs.k": "v"}
    assert fill_template(template, values) == filled


def test_a_value_is_never_filled_in_again() -> None:
    assert fill_template("${a}", {"a": "${b}", "b": "x"}) == "${b}"


def test_the_names_in_a_message_are_known() -> None:
    assert names_in_template("${a} $$ ${ b } ${c.d}") == ["a", "b", "c.d"]
