"""The values a user gives to a run: checked before it starts, then handed to scripts."""

import re
from collections.abc import Callable, Mapping
from math import isfinite

from flowd.domain.expressions import linear_match
from flowd.domain.problems import closest
from flowd.domain.workflow import Input, InputValue, Workflow
from flowd.errors import InvalidInput

MAX_VALUE_CHARACTERS = 64 * 1024

_TEMPLATE = re.compile(r"\$\$|\$\{([^}]*)\}")


def resolve_inputs(workflow: Workflow, given: Mapping[str, object]) -> dict[str, InputValue]:
    """Give every input of the workflow its value, in the order of the file.

    Text is read as the declared type ("3" is 3 where a whole number is wanted). InvalidInput names
    an unknown input, a value of the wrong type, one outside `pattern` or `choices`, or all inputs
    that are missing.
    """
    for name in given:
        if name not in workflow.inputs:
            near = closest(name, workflow.inputs)
            known = ", ".join(workflow.inputs) or "none"
            raise InvalidInput(
                f"{workflow.name} has no input {name!r}",
                cure=f"did you mean {near!r}?" if near else f"its inputs: {known}",
                data={"input": name},
            )
    missing = missing_inputs(workflow, given)
    if missing:
        listed = ", ".join(missing)
        raise InvalidInput(
            f"{workflow.name} needs {'a value' if len(missing) == 1 else 'values'} for {listed}",
            cure="add " + " ".join(f"--input {name}=VALUE" for name in missing),
            data={"missing": missing},
        )
    resolved: dict[str, InputValue] = {}
    for name, declared in workflow.inputs.items():
        value = given.get(name, declared.default)
        if value is None:  # missing_inputs saw to the others
            value = declared.default
        assert value is not None
        resolved[name] = _checked(name, declared, value)
    return resolved


def missing_inputs(workflow: Workflow, given: Mapping[str, object]) -> list[str]:
    """Name the inputs that have no default and were not given, in the order of the file."""
    return [
        name
        for name, declared in workflow.inputs.items()
        if declared.default is None and given.get(name) is None
    ]


def to_environment(inputs: Mapping[str, InputValue]) -> dict[str, str]:
    """Give inputs as environment variables; true and false are written in lower case."""
    return {name: as_text(value) for name, value in inputs.items()}


def as_text(value: InputValue) -> str:
    """Write a value as scripts and people see it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def fill_template(text: str, values: Mapping[str, object]) -> str:
    """Put values in place of `${name}`; `$$` is a dollar sign, an unknown name stays as it is.

    For messages to people only: script text is never filled in.
    """

    def replace(found: re.Match[str]) -> str:
        name = found.group(1)
        if name is None:
            return "$"
        value = values.get(name.strip())
        if isinstance(value, bool):
            return as_text(value)
        return found.group() if value is None else str(value)

    return _TEMPLATE.sub(replace, text)


def names_in_template(text: str) -> list[str]:
    """Name what `${…}` in a message refers to, in order."""
    return [
        found.group(1).strip() for found in _TEMPLATE.finditer(text) if found.group(1) is not None
    ]


def problem_with(declared: Input, value: InputValue) -> str:
    """Say what keeps a value of the right type from being allowed; empty when nothing does."""
    if declared.choices and value not in declared.choices:
        return f"it must be one of {', '.join(as_text(choice) for choice in declared.choices)}"
    if declared.pattern is not None and isinstance(value, str):
        try:
            if not linear_match(declared.pattern, value):
                return f"it must match {declared.pattern}"
        except ValueError as error:
            return str(error)
    return ""


def _checked(name: str, declared: Input, value: object) -> InputValue:
    converted = _READERS[declared.type](value)
    if converted is None:
        raise InvalidInput(
            f"input {name!r} is {_shortened(value)}: it must be {_WANTED[declared.type]}",
            cure=f"give --input {name}={_EXAMPLES[declared.type]}",
            data={"input": name},
        )
    problem = problem_with(declared, converted)
    if problem:
        raise InvalidInput(
            f"input {name!r} is {_shortened(value)}: {problem}",
            cure=f"give --input {name}=VALUE with one that does",
            data={"input": name},
        )
    return converted


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _read_string(value: object) -> str | None:
    if isinstance(value, str):
        fits = len(value) <= MAX_VALUE_CHARACTERS and "\0" not in value
        return value if fits else None
    return as_text(value) if isinstance(value, int | float) else None


def _read_integer(value: object) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?[0-9]{1,18}\s*", value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and isinstance(value, int) else None


def _read_number(value: object) -> float | int | None:
    whole = _read_integer(value)
    if whole is not None:
        return whole
    if isinstance(value, str) and len(value) <= 64:
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, float) and isfinite(value) else None


def _read_boolean(value: object) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


_READERS: dict[str, Callable[[object], InputValue | None]] = {
    "string": _read_string,
    "integer": _read_integer,
    "number": _read_number,
    "boolean": _read_boolean,
}
_WANTED = {
    "string": f"text of at most {MAX_VALUE_CHARACTERS:,} characters, without zero bytes",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
_EXAMPLES = {"string": "TEXT", "integer": "3", "number": "1.5", "boolean": "true"}
