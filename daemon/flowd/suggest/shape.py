"""What makes two workflows the same to a user: their scripts with the values blanked."""

import re
from collections.abc import Iterable

from flowd.domain.workflow import Workflow

_VALUE = re.compile(r"\"?\$\{?\w+\}?\"?|'[^']*'|\"[^\"]*\"")


def shape_of(workflow: Workflow) -> str:
    """Give the scripts with values blanked: equal for commands that differ in names only."""
    return shape_of_scripts(step.run for step in workflow.steps)


def shape_of_scripts(scripts: Iterable[str]) -> str:
    """As `shape_of`, for the scripts of the steps, in order."""
    return "\n".join(" ".join(_VALUE.sub("_", script).split()) for script in scripts)
