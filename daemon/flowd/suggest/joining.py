"""Joins the workflows of several answers to one workflow of several steps."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from flowd.suggest.providers.base import Draft


class Placed(Struct, frozen=True):
    """An answer, and the folder in which its steps run; None for the one the workflow runs in."""

    draft: Draft
    folder: str | None = None


def put_together(answers: Sequence[Placed], confidence: float) -> Draft:
    """Give one draft that does all in turn: ids and inputs that differ get names of their own."""
    steps: list[dict[str, Any]] = []
    inputs: dict[str, Any] = {}
    for answer in answers:
        workflow = plain_workflow(answer.draft)
        new_names = {}
        for name, given in workflow.get("inputs", {}).items():
            new_names[name] = _free_name(name, inputs, given)
            inputs[new_names[name]] = given
        for step in workflow["steps"]:
            renamed = {key: _with_names(value, new_names) for key, value in step.items()}
            base = step["id"] if step["id"] != "run" else workflow["name"]
            renamed["id"] = _free_id(base, {each["id"] for each in steps})
            if answer.folder is not None and "cwd" not in renamed:
                renamed["cwd"] = answer.folder
            steps.append(renamed)
    titles = [answer.draft.title for answer in answers]
    title = ", then ".join([titles[0], *(each[:1].lower() + each[1:] for each in titles[1:])])
    name = steps[0]["id"] if len(answers) == 1 else "several-steps"
    whole = {"flow": 1, "name": name, "description": title, "steps": steps}
    return Draft(
        title=title,
        workflow=whole | ({"inputs": inputs} if inputs else {}),
        explanation="put together from what each part of the task says",
        confidence=confidence,
        matched=True,
    )


def _free_name(name: str, inputs: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Give the name of an input that means the same, or one that is free."""
    candidate, number = name, 2
    while candidate in inputs and inputs[candidate].get("default") != given.get("default"):
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _free_id(base: str, taken: set[str]) -> str:
    candidate, number = base[:60], 2
    while candidate in taken:
        candidate, number = f"{base[:60]}-{number}", number + 1
    return candidate


def _with_names(value: object, names: Mapping[str, str]) -> object:
    """Use the new names of inputs in a script."""
    if isinstance(value, Mapping):
        return {key: _with_names(each, names) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    changed = {old: new for old, new in names.items() if old != new}
    if not changed:
        return value
    pattern = re.compile(rf"(?<!\\)(\$\{{?)({'|'.join(changed)})\b")
    return pattern.sub(lambda found: found[1] + changed[found[2]], value)


def plain_workflow(draft: Draft) -> dict[str, Any]:
    """Give a draft's workflow as a mapping, which what Flow itself knows always is."""
    if not isinstance(draft.workflow, Mapping):
        raise TypeError("what Flow itself knows comes as a plain mapping")
    return dict(draft.workflow)
