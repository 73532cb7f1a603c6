"""What a person is told, before the run, about taking a step back."""

import pytest

from flowd.domain.preview import judge_workflow
from flowd.safety.judge import make_judge
from support.stories import workflow_of


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"run": "ls"}, "reversible"),
        ({"run": "rm -rf build"}, "saved"),
        ({"run": 'echo "$version" > VERSION'}, "saved"),
        ({"run": "rm -rf build", "undo": "make"}, "compensable"),
        ({"run": "rm -rf build; make"}, "irreversible"),
        ({"run": "rm -rf build", "shell": "fish"}, "irreversible"),
        ({"run": "rm -rf build", "finally": True}, "irreversible"),
    ],
)
def test_reversibility(step, told):
    workflow = workflow_of({"id": "a", **step})
    [judged] = judge_workflow(workflow, make_judge(), "/home/dev/project")
    assert judged.reversibility == told
