"""Reading workflow files: text in, a workflow or every problem in it out. No file access."""

from collections.abc import Mapping

from flowd.domain.meaning import check_meaning
from flowd.domain.nodes import Node, Unreadable, nodes_of, read_nodes
from flowd.domain.problems import Problem, Problems, invalid_workflow
from flowd.domain.render import to_object, to_yaml
from flowd.domain.shape import shape_workflow
from flowd.domain.workflow import Workflow

__all__ = [
    "Problem",
    "parse_workflow",
    "problems_in",
    "to_object",
    "to_yaml",
    "workflow_from_object",
]


def parse_workflow(text: str) -> Workflow:
    """Read a `*.flow.yaml`. InvalidWorkflow lists every problem with line, column and fix."""
    return _or_raise(*_read_text(text))


def problems_in(text: str) -> list[Problem]:
    """List everything wrong with a workflow file, warnings too, in the order of the text."""
    return _read_text(text)[1].sorted()


def workflow_from_object(shaped: Mapping[str, object]) -> Workflow:
    """Read a workflow in the JSON shape of the language, with the checks a file gets.

    InvalidWorkflow names places by path (`steps[2].retry.attempts`); lines and columns are 1.
    """
    problems = Problems(None)
    try:
        root = nodes_of(shaped)
    except Unreadable as error:
        problems.add((), error.message, error.fix)
        raise invalid_workflow(problems.found) from None
    return _or_raise(_read_tree(root, problems), problems)


def _read_text(text: str) -> tuple[Workflow | None, Problems]:
    problems = Problems(text)
    try:
        root = read_nodes(text)
    except Unreadable as error:
        problems.add((), error.message, error.fix, span=error.span)
        return None, problems
    return _read_tree(root, problems), problems


def _read_tree(root: Node, problems: Problems) -> Workflow:
    problems.root = root
    workflow = shape_workflow(root, problems)
    check_meaning(workflow, problems)
    return workflow


def _or_raise(workflow: Workflow | None, problems: Problems) -> Workflow:
    if workflow is None or problems.fatal:
        raise invalid_workflow(problems.sorted())
    return workflow
