"""Reading workflow files: text in, a workflow or every problem in it out. No file access."""

from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from flowd.domain.meaning import check_meaning
from flowd.domain.nodes import Node, Unreadable, nodes_of, read_nodes
from flowd.domain.problems import Problem, Problems, invalid_workflow
from flowd.domain.render import to_object, to_yaml
from flowd.domain.shape import shape_workflow
from flowd.domain.workflow import Workflow

__all__ = [
    "Problem",
    "Reading",
    "parse_workflow",
    "problems_in",
    "read_workflow",
    "to_object",
    "to_yaml",
    "workflow_from_object",
]

MOST_REMEMBERED = 64
LONGEST_REMEMBERED = 16_384  # characters


class Reading(Struct, frozen=True):
    """What reading a text gave, also when the text is not right (an editor's mostly is not).

    `draft` holds what could be understood, with defaults in place of what could not; it is the
    workflow when no problem is an error. `root` says where everything stands. Both are None when
    the text is not even YAML.
    """

    problems: list[Problem]
    draft: Workflow | None = None
    root: Node | None = None

    @property
    def valid(self) -> bool:
        """Whether the draft is a workflow that can run."""
        return self.draft is not None and not any(p.severity == "error" for p in self.problems)

    def workflow(self) -> Workflow:
        """Give the workflow that was read; InvalidWorkflow lists every problem when it is none."""
        if self.draft is None or not self.valid:
            raise invalid_workflow(self.problems)
        return self.draft


def read_workflow(text: str) -> Reading:
    """Read as much of a workflow file as can be, with every problem in the order of the text."""
    problems = Problems(text)
    try:
        root = read_nodes(text)
    except Unreadable as error:
        problems.add((), error.message, error.fix, span=error.span)
        return Reading(problems.found)
    draft = _read_tree(root, problems)
    return Reading(problems.sorted(), draft, root)


def parse_workflow(text: str) -> Workflow:
    """Read a `*.flow.yaml`. InvalidWorkflow lists every problem with line, column and fix.

    Runs of one text share one workflow, in time and in memory: nobody may change it.
    """
    return _parse(text) if len(text) > LONGEST_REMEMBERED else _remembered(text)


def _parse(text: str) -> Workflow:
    return read_workflow(text).workflow()


_remembered = lru_cache(MOST_REMEMBERED)(_parse)


def problems_in(text: str) -> list[Problem]:
    """List everything wrong with a workflow file, warnings too, in the order of the text."""
    return read_workflow(text).problems


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
    workflow = _read_tree(root, problems)
    if problems.fatal:
        raise invalid_workflow(problems.sorted())
    return workflow


def _read_tree(root: Node, problems: Problems) -> Workflow:
    problems.root = root
    workflow = shape_workflow(root, problems)
    check_meaning(workflow, problems)
    return workflow
